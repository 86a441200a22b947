#include "server/sync_tasks.hh"

#include <fmt/core.h>

#include "base/clock.hh"
#include "base/text.hh"

namespace mds::server {
namespace {

constexpr const char* k_ordered_name = "Full synchronization";
// An interrupted order waits this long for its target and for the role of this server.
constexpr int64_t k_take_up_ms = 120'000;

std::string count(uint64_t n, const char* word) {
    return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
}

json::object parse(const std::string& work) {
    return work.empty() ? json::object{} : json::parse_object(work);
}

/// Unpublished changes by owner: of private sessions, or of recovered ones.
std::map<std::string, uint64_t> changes_of(const json::object& work, bool recovered) {
    std::map<std::string, uint64_t> out;
    for (const json::value& v : json::get_array(work, "sessions")) {
        const json::object& s = v.as_object();
        auto changes = static_cast<uint64_t>(json::get_int(s, "changes"));
        if (changes > 0 && json::get_bool(s, "recovered") == recovered) {
            out[json::get_string(s, "user")] += changes;
        }
    }
    return out;
}

std::vector<std::string> connected(const json::object& work) {
    std::vector<std::string> out;
    for (const json::value& v : json::get_array(work, "sessions")) {
        const json::object& s = v.as_object();
        if (json::get_bool(s, "connected")) out.push_back(json::get_string(s, "user"));
    }
    return out;
}

json::array as_json(const std::map<std::string, uint64_t>& changes) {
    json::array out;
    for (const auto& [user, number] : changes) {
        out.push_back(json::object{{"user", user}, {"changes", number}});
    }
    return out;
}

/// "anna (3 changes), bob (1 change)".
std::string listed(const std::map<std::string, uint64_t>& changes) {
    std::vector<std::string> parts;
    for (const auto& [user, number] : changes) {
        parts.push_back(user + " (" + count(number, "change") + ")");
    }
    return join(parts, ", ");
}

int percent_of(const repl::PeerStatus& s) {
    if (s.step == "export") return 5;
    if (s.step == "overwrite") return 97;
    return s.percent == 255 ? 1 : 10 + s.percent * 85 / 100;
}

}  // namespace

WorkLines work_lines(const std::string& text, const std::string& server, const WorkWords& words) {
    json::object work = parse(text);
    WorkLines out;
    for (const auto& [user, number] : changes_of(work, false)) {
        out.lines.push_back(fmt::format(
            "{} has {} on {}{}", user, count(number, "unpublished change"), server, words.changes));
        out.costs = true;
    }
    for (const auto& [user, number] : changes_of(work, true)) {
        out.lines.push_back(fmt::format("a recovered session of {} ({}) is on {}{}", user,
                                        count(number, "change"), server, words.recovered));
    }
    if (!words.tasks.empty()) {
        for (const json::value& v : json::get_array(work, "tasks")) {
            out.lines.push_back(fmt::format("the task '{}' runs on {}{}",
                                            std::string(v.as_string()), server, words.tasks));
            out.costs = true;
        }
    }
    std::vector<std::string> clients = connected(work);
    if (!clients.empty()) {
        out.lines.push_back(fmt::format("{} of {} {} disconnected: {}",
                                        count(clients.size(), "client"), server,
                                        clients.size() == 1 ? "is" : "are", join(clients, ", ")));
    }
    return out;
}

SyncTasks::SyncTasks(mgmt::Workspace& workspace, repl::Replica& replica, const Config& config)
    : workspace_(workspace), replica_(replica), config_(config) {
    for (const mgmt::TaskInfo& task : workspace_.tasks("in progress")) {
        if (task.name != k_ordered_name) continue;
        interrupted_.push_back({task.id, task.target, task.initiator, mono_ms() + k_take_up_ms});
    }
}

const repl::Peer* SyncTasks::peer_named(const std::string& name) const {
    for (const repl::Peer& p : config_.peers) {
        if (shown_name(config_, p) == name) return &p;
    }
    return nullptr;
}

Uid SyncTasks::order(const repl::Peer& peer, const std::string& by) {
    replica_.check_full_sync(peer.mds);
    Uid task = workspace_.create_task(k_ordered_name, shown_name(config_, peer), by, true);
    start(peer, task, by);
    return task;
}

void SyncTasks::start(const repl::Peer& peer, const Uid& task, const std::string& by) {
    std::string name = shown_name(config_, peer);
    Uid mds = peer.mds;
    running_[mds] = {task, true, -1, ""};
    try {
        replica_.full_sync(mds, task, by,
                           [this, mds, name, task](std::optional<Error> error, std::string cost) {
                               ended(mds, name, task, error, cost);
                           });
    } catch (...) {
        running_.erase(mds);
        throw;
    }
}

void SyncTasks::ended(const Uid& mds, const std::string& name, const Uid& task,
                      const std::optional<Error>& error, const std::string& cost) {
    running_.erase(mds);
    if (error) {
        workspace_.finish_task(task, "failed", {}, error->message());
        return;
    }
    json::object work = parse(cost);
    auto discarded = changes_of(work, false), returned = changes_of(work, true);
    std::vector<std::string> ended_tasks, parts{name + " is synchronized"};
    for (const json::value& v : json::get_array(work, "tasks")) {
        ended_tasks.emplace_back(v.as_string());
    }
    std::vector<std::string> clients = connected(work);
    if (!discarded.empty()) parts.push_back("discarded there: " + listed(discarded));
    if (!returned.empty()) parts.push_back("given back to be recovered: " + listed(returned));
    if (!ended_tasks.empty()) parts.push_back("ended there: " + join(ended_tasks, ", "));
    if (!clients.empty()) parts.push_back("disconnected there: " + join(clients, ", "));
    std::string text = join(parts, "; ");
    json::array users, names;
    for (const std::string& user : clients) users.push_back(json::value(user));
    for (const std::string& n : ended_tasks) names.push_back(json::value(n));
    workspace_.update_task(task, 100, text);
    workspace_.finish_task(task, "succeeded",
                           json::array{json::object{{"statusCode", "succeeded"},
                                                    {"statusDescription", text},
                                                    {"discarded-sessions", as_json(discarded)},
                                                    {"returned-sessions", as_json(returned)},
                                                    {"ended-tasks", std::move(names)},
                                                    {"disconnected", std::move(users)}}});
}

void SyncTasks::copy_begins(const repl::Peer& peer, bool first) {
    if (running_.count(peer.mds)) return;
    Uid task = workspace_.create_task(first ? "Initial synchronization" : "Full copy",
                                      shown_name(config_, peer), "system");
    running_[peer.mds] = {task, false, -1, ""};
}

void SyncTasks::copy_ends(const repl::Peer& peer, const std::string& problem) {
    auto it = running_.find(peer.mds);
    if (it == running_.end() || it->second.ordered) return;
    Uid task = it->second.task;
    running_.erase(it);
    std::string name = shown_name(config_, peer);
    if (problem.empty()) {
        workspace_.update_task(task, 100, name + " has the whole copy");
        workspace_.finish_task(task, "succeeded");
    } else {
        workspace_.finish_task(task, "failed", {}, name + ": " + problem);
    }
}

void SyncTasks::take_up() {
    int64_t now = mono_ms();
    for (auto it = interrupted_.begin(); it != interrupted_.end();) {
        const repl::Peer* peer = peer_named(it->target);
        std::string problem;
        if (!peer) problem = it->target + " is no longer a server here";
        bool waits = replica_.role() == repl::Role::starting;
        if (peer && !waits) {
            try {
                replica_.check_full_sync(peer->mds);
                start(*peer, it->task, it->by);
                it = interrupted_.erase(it);
                continue;
            } catch (const Error& e) {
                // The target may not have been heard yet, or still receive the interrupted copy.
                if (e.refusal_id() == "RF-19" || now > it->until) problem = e.message();
            }
        }
        if (problem.empty()) {
            ++it;
            continue;
        }
        workspace_.finish_task(it->task, "failed", {}, problem);
        it = interrupted_.erase(it);
    }
}

void SyncTasks::tick() {
    if (!interrupted_.empty()) take_up();
    if (running_.empty()) return;
    for (const repl::PeerStatus& s : replica_.peer_status()) {
        auto it = running_.find(s.peer.mds);
        if (it == running_.end()) continue;
        Running& r = it->second;
        int percent = std::max(r.percent, percent_of(s));
        std::string step = s.step.empty() ? "asking " + shown_name(config_, s.peer) : s.step;
        if (percent == r.percent && step == r.step) continue;
        r.percent = percent;
        r.step = step;
        workspace_.update_task(r.task, percent, step);
    }
}

}  // namespace mds::server
