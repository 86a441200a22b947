#include "server/ha_action.hh"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "base/clock.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "log/log.hh"

namespace mds::server {
namespace {

json::array as_json(const std::vector<std::string>& lines) {
    json::array out;
    for (const std::string& line : lines) out.push_back(json::value(line));
    return out;
}

std::string task_name(const std::string& action) {
    if (action == "set-standby") return "Set Standby";
    if (action == "force-active") return "Force Active";
    return "Set Active";
}

}  // namespace

HaActions::HaActions(mgmt::Workspace& workspace, repl::Replica& replica, SyncTasks& sync_tasks,
                     const Config& config, std::string folder)
    : workspace_(workspace),
      replica_(replica),
      sync_tasks_(sync_tasks),
      config_(config),
      folder_(std::move(folder)) {}

bool HaActions::is_self(const std::string& name) const {
    const Config& c = config_;
    return name.empty() || fold(name) == fold(c.self.name) || fold(name) == fold(c.mds_name) ||
           name == c.self.mds.text() || name == c.self.server.text();
}

const repl::Peer* HaActions::peer_of(const std::string& target) const {
    if (is_self(target)) return nullptr;
    std::vector<std::string> names{shown_name(config_)};
    for (const repl::Peer& p : config_.peers) {
        if (fold(target) == fold(p.name) || fold(target) == fold(p.mds_name) ||
            target == p.mds.text() || target == p.server.text()) {
            return &p;
        }
        names.push_back(shown_name(config_, p));
    }
    throw Error(Code::object_not_found,
                fmt::format("Domain {} has no server {}; its servers: {}", config_.domain_name,
                            target, join(names, ", ")));
}

HaActions::Plan HaActions::plan_full_sync(const repl::Peer& peer) const {
    Plan out;
    std::string name = shown_name(config_, peer);
    for (const repl::PeerStatus& s : replica_.peer_status()) {
        if (s.peer.mds != peer.mds) continue;
        WorkLines work = work_lines(
            s.work, name,
            {"; they are discarded", "; it is given back to its author here", "; it is ended"});
        out.warnings = std::move(work.lines);
        out.costs = work.costs;
        if (s.status == repl::SyncStatus::advanced) {
            uint64_t mine = workspace_.db().position().rev;
            uint64_t more = s.revision - std::min(s.revision, mine);
            out.warnings.push_back(
                fmt::format("{} revision{} that only {} has {} taken back there; their authors get "
                            "them as recovered sessions",
                            more, more == 1 ? "" : "s", name, more == 1 ? "is" : "are"));
            out.costs = true;
        }
        if (s.status == repl::SyncStatus::synchronized) {
            out.warnings.push_back(name + " is synchronized; a full synchronization is not needed");
        }
    }
    if (out.costs) out.warnings.emplace_back("publish first what is to be kept");
    return out;
}

HaActions::Plan HaActions::plan(const std::string& action, const repl::Peer* peer) const {
    if (action == "full-sync") return plan_full_sync(*peer);
    Plan out;
    if (action == "verify") return out;  // nothing is lost by reading
    std::string here = shown_name(config_);
    auto add = [&](WorkLines work) {
        out.costs = out.costs || work.costs;
        for (std::string& line : work.lines) out.warnings.push_back(std::move(line));
    };
    if (action == "set-standby" || (action == "set-active" && peer)) {
        if (replica_.role() != repl::Role::active) return out;
        add(work_lines(json::text(workspace_.open_work()), here,
                       {"; they stay there, private, and are not carried over (later: mdsctl session hand-over)",
                        "; it follows to the next Active server", ""}));
        out.revisions = action == "set-standby" ? revisions_since_collision() : json::array{};
        for (const json::value& v : out.revisions) {
            const json::object& r = v.as_object();
            std::string session = json::get_string(r, "session");
            out.warnings.push_back(fmt::format(
                "revision {} of {} by {}{} ({} changes) is taken back and given to its author as a "
                "recovered session",
                json::get_int(r, "revision"), json::get_string(r, "time"),
                json::get_string(r, "author"), session.empty() ? "" : ", '" + session + "'",
                json::get_int(r, "changes")));
            out.costs = true;
        }
        return out;
    }
    // This server becomes Active: the work is on the one that is now.
    const repl::Peer* active = replica_.active_peer();
    for (const repl::PeerStatus& s : replica_.peer_status()) {
        if (!active || s.peer.mds != active->mds) continue;
        std::string name = shown_name(config_, s.peer);
        if (s.heard && s.role == repl::Role::active) {
            add(work_lines(s.work, name,
                           {"; they stay there, private, and are not carried over (later: mdsctl session hand-over)",
                            "; it follows to this server", ""}));
        } else if (action == "force-active" && s.contact_ms) {
            uint64_t mine = workspace_.db().position().rev;
            out.warnings.push_back(
                fmt::format("{} last reported revision {} at {}; this copy is at revision {}", name,
                            s.revision, rfc3339(s.contact_ms), mine));
            out.costs = s.revision > mine;
        }
    }
    return out;
}

json::array HaActions::revisions_since_collision() const {
    json::array out;
    if (!replica_.collision()) return out;
    store::PublicDb& db = workspace_.db();
    uint64_t position = db.position().rev;
    for (uint64_t rev = replica_.collision_revision() + 1; rev <= position; ++rev) {
        auto r = db.revision(rev);
        if (!r || r->kind != "publish") continue;
        out.push_back(json::object{{"revision", r->rev},
                                   {"time", rfc3339(r->time_ms)},
                                   {"author", r->author},
                                   {"session", r->session_name},
                                   {"changes", r->changes}});
    }
    return out;
}

std::string HaActions::save_revisions(const json::array& revisions, const std::string& by) const {
    std::string time = rfc3339(wall_ms());
    std::erase_if(time, [](char c) { return c == ':' || c == '-'; });
    std::string path = folder_ + "/collision-" + time + ".json";
    replace_file(path, json::pretty(json::object{{"domain", config_.domain_name},
                                                 {"server", shown_name(config_)},
                                                 {"set-standby-by", by},
                                                 {"common-revision", replica_.collision_revision()},
                                                 {"revisions", revisions}}) +
                           "\n");
    log::notice(fmt::format("what only {} has published since the collision is listed in {}",
                            shown_name(config_), path),
                {{"MDS_DOMAIN", config_.domain_name}});
    return path;
}

repl::Replica::Done HaActions::task_end(const Uid& task, const std::string& done_text) {
    return [this, task, done_text](std::optional<Error> error) {
        if (changing_ == task) changing_ = {};
        if (error) {
            workspace_.finish_task(task, "failed", {}, error->message());
        } else {
            workspace_.update_task(task, 100, done_text);
            workspace_.finish_task(task, "succeeded");
        }
    };
}

void HaActions::tick() {
    if (changing_.is_nil()) return;
    std::string step = replica_.pending_step();
    if (step.empty() || step == step_) return;
    step_ = step;
    workspace_.update_task(changing_, 50, step);
}

Uid HaActions::start(const std::string& action, const repl::Peer* peer, const std::string& user) {
    std::string here = shown_name(config_), there = peer ? shown_name(config_, *peer) : here;
    Uid task = workspace_.create_task(task_name(action), there, user);
    Uid other = std::exchange(changing_, task);
    step_.clear();
    try {
        if (action == "set-active" && !peer) {
            replica_.set_active(user, task_end(task, here + " is Active"));
        } else if (action == "set-active") {
            replica_.hand_over(peer->mds, user, task_end(task, there + " becomes Active"));
        } else if (action == "set-standby") {
            replica_.set_standby(user);
            task_end(task, here + " is Standby; " +
                               (replica_.active_peer() ? "it follows the Active server"
                                                       : "nobody is Active"))(std::nullopt);
        } else {
            replica_.force_active(user);
            task_end(task, here + " is Active")(std::nullopt);
        }
    } catch (const Error& e) {
        changing_ = other;
        workspace_.finish_task(task, "failed", {}, e.message());
        throw;
    }
    return task;
}

Uid HaActions::verify(const std::string& user) {
    Uid task = workspace_.create_task("Verify database", shown_name(config_), user);
    replica_.verify([this, task](const store::Verification& found) {
        std::string read = fmt::format("revision {}: {} objects and {} records of the log",
                                       found.at.rev, found.rows, found.records);
        workspace_.update_task(task, 100, read + (found.good() ? ", all good" : ""));
        workspace_.finish_task(task, found.good() ? "succeeded" : "failed", {},
                               found.good() ? "" : found.text() + "; repair has begun");
    });
    return task;
}

json::object HaActions::run(const json::object& request) {
    std::string action = json::get_string(request, "action");
    std::string user = json::get_string(request, "user", "system");
    bool only_plan = json::get_bool(request, "plan");
    static const std::vector<std::string> k_actions = {"set-active", "set-standby", "force-active",
                                                       "full-sync", "verify"};
    if (std::find(k_actions.begin(), k_actions.end(), action) == k_actions.end()) {
        throw Error(Code::invalid_parameter, "Invalid parameter for [action]. " + action);
    }
    const repl::Peer* peer = peer_of(json::get_string(request, "target"));
    bool active = replica_.role() == repl::Role::active;
    if (action == "verify") {
        if (peer) {
            throw Error(Code::ha_invalid, "ask " + peer->mds_name + " to verify its own database");
        }
    }
    if (peer && (action == "set-standby" || action == "force-active" ||
                 (action == "set-active" && !active))) {
        throw Error(Code::ha_invalid, fmt::format("ask {} to become {} itself", peer->mds_name,
                                                  action == "set-standby" ? "Standby" : "Active"));
    }
    if (action == "set-standby" && !active) {
        throw Error(Code::ha_invalid, shown_name(config_) + " is not Active");
    }
    if (action == "full-sync") {
        if (!peer && active) {
            std::vector<std::string> names;
            for (const repl::Peer& p : config_.peers) names.push_back(shown_name(config_, p));
            throw Error(Code::ha_invalid, "choose the peer to synchronize: " + join(names, ", "))
                .refusal("RF-19", "mdsctl ha status " + shell_word(config_.domain_name));
        }
        replica_.check_full_sync(peer ? peer->mds : config_.self.mds);
    }
    Plan cost = plan(action, peer);
    if (only_plan) {
        return json::object{{"server", shown_name(config_)},
                            {"target", peer ? shown_name(config_, *peer) : shown_name(config_)},
                            {"mds-name", peer ? peer->mds_name : config_.mds_name},
                            {"warnings", as_json(cost.warnings)},
                            {"costs", cost.costs},
                            {"revisions", cost.revisions}};
    }
    if (action == "verify") return {{"task-id", verify(user).text()}};
    json::object reply;
    if (!cost.warnings.empty()) reply["warnings"] = as_json(cost.warnings);
    if (action == "full-sync") {
        if (cost.costs && !json::get_bool(request, "confirmed")) {
            Error error(Code::unconfirmed, "a full synchronization overwrites " +
                                               shown_name(config_, *peer) +
                                               "; repeat with "
                                               "ignore-errors true to do it");
            for (const std::string& line : cost.warnings) error.add_warning(line);
            throw std::move(error).refusal("", fmt::format("mdsctl ha sync {} --to {} --yes --reason TEXT",
                                                           shell_word(config_.domain_name), shell_word(peer->mds_name)));
        }
        reply["task-id"] = sync_tasks_.order(*peer, user).text();
        return reply;
    }
    if (!cost.revisions.empty()) reply["saved-to"] = save_revisions(cost.revisions, user);
    reply["task-id"] = start(action, peer, user).text();
    return reply;
}

}  // namespace mds::server
