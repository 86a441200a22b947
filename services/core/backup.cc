// Backup of every Multi-Domain Server at one moment (BK-1 to BK-6). One of them leads: all hold publishing,
// wait until everybody has everything, keep that moment, let publishing go on, and copy what they kept.
// mds-backup, as root, does the copying on each host.
#include <fmt/core.h>

#include <ctime>
#include <future>
#include <set>

#include "base/clock.hh"
#include "log/messages.hh"
#include "service.hh"

namespace mds::core {
namespace {

/// Publishing goes on by itself after this long, whatever became of who leads.
constexpr int64_t k_hold_ms = 120'000;
/// Copying may take so long.
constexpr int64_t k_copy_ms = 3'600'000;
/// A server that is done holds Domains and roles this much longer at most: who leads may be gone.
constexpr int64_t k_fetch_ms = 600'000;
constexpr int64_t k_answer_ms = 20'000, k_pin_ms = 90'000, k_level_ms = 10'000;

/// "05Nov2026-141503" (BK-4).
std::string stamp_of(int64_t ms) {
    time_t seconds = ms / 1000;
    tm parts{};
    localtime_r(&seconds, &parts);
    static const char* const k_months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    return fmt::format("{:02}{}{:04}-{:02}{:02}{:02}", parts.tm_mday, k_months[parts.tm_mon],
                       parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

std::string message_of(const mgmt::Reply& reply) {
    return json::get_string(json::parse_object(reply.body), "message");
}

}  // namespace

void Service::require_mds_backup(mgmt::Call& call) {
    if (call.client().empty()) return;
    throw Error(Code::command_not_found, "Unknown command [" + call.command() + "]");
}

void Service::require_no_backup() {
    if (!backup_) return;
    throw Error(Code::ha_invalid, "a backup runs (task " + backup_->task.text() +
                                      "): no Domain, server or role is changed until it is done")
        .refusal("RF-33", "mdsctl task watch " + backup_->task.text());
}

void Service::hold_here(const char* action, Then then) {
    json::object order{{"action", action}, {"task", backup_->task.text()},
                       {"seconds", k_hold_ms / 1000}};
    system_->ha_action(order);
    struct Count {
        size_t left = 1;
        std::optional<Error> problem;
    };
    auto count = std::make_shared<Count>();
    auto one = [count, then](std::optional<Error> error) {
        // One that does not run does not publish.
        if (error && error->code() != Code::unreachable && !count->problem) count->problem = *error;
        if (--count->left > 0) return;
        then(count->problem ? mgmt::error_reply(*count->problem) : mgmt::ok_reply({{"message", "OK"}}));
    };
    for (const std::string& server : placed_) {
        ++count->left;
        call_domain(server, "HaAction", json::text(order),
                    [one](std::optional<Error> error, const std::string&) { one(error); });
    }
    one({});
}

void Service::backup_step(const json::object& message, Then then) {
    std::string step = json::get_string(message, "step");
    auto task = Uid::parse(json::get_string(message, "task"));
    if (!task) throw Error(Code::invalid_parameter, "a backup without a task");
    if (backup_ && backup_->task != *task) require_no_backup();
    if (step == "hold") {
        require_no_archive();
        backup_.emplace();
        backup_->task = *task;
        backup_->order = json::get_object(message, "order");
        backup_->until_ms = mono_ms() + k_hold_ms;
        return hold_here("hold", std::move(then));
    }
    if (!backup_) throw Error(Code::ha_invalid, "the backup was given up on " + identity_->name);
    if (step == "pin") {
        backup_->pinned = std::move(then);
        return start_backup_here();
    }
    if (step == "go") {
        backup_->until_ms = mono_ms() + k_copy_ms;
        hold_here("release", std::move(then));
        if (auto go = std::exchange(backup_->go, {})) go(mgmt::ok_reply({{"message", "OK"}}));
    } else if (step == "end") {
        if (backup_->report) return then(mgmt::ok_reply(*backup_->report));
        backup_->end = std::move(then);
    } else if (step == "release") {
        release_backup("the backup was given up");
        then(mgmt::ok_reply({{"message", "OK"}}));
    } else {
        throw Error(Code::invalid_parameter, "unknown step " + step);
    }
}

void Service::start_backup_here() {
    units_->start_backup([this](const std::string& problem) {
        if (!problem.empty()) backup_ended({{"problem", "mds-backup.service: " + problem}});
    });
}

bool Service::ended_here(const std::string& run) {
    // What is told of a run that had an earlier order: systemd ends it when this one was given already. A run
    // that never came for its order is this one's.
    return backup_->fetched || run.empty() || run != backup_run_;
}

void Service::backup_ended(json::object report) {
    if (!backup_ || backup_->report) return;
    std::string problem = json::get_string(report, "problem");
    if (!problem.empty()) {
        log::event(log::message::backup_failed, "backup: " + problem,
                   {{"MDS_SERVER", identity_->name}, {"MDS_TASK", backup_->task.text()}, {"MDS_REASON", problem}});
    }
    report["server"] = identity_->name;
    backup_->report = report;
    // Who leads fetches that soon, or is gone.
    backup_->until_ms = std::min(backup_->until_ms, mono_ms() + k_fetch_ms);
    // Whoever waits for a moment that does not come hears why.
    if (auto pinned = std::exchange(backup_->pinned, {})) {
        pinned(mgmt::error_reply(Error(Code::internal, problem)));
    }
    if (auto end = std::exchange(backup_->end, {})) end(mgmt::ok_reply(report));
}

void Service::release_backup(const std::string& why) {
    if (!backup_) return;
    hold_here("forget", [](mgmt::Reply) {});
    Backup gone = std::move(*backup_);
    backup_.reset();
    Error error(Code::ha_invalid, why);
    for (Then* waiting : {&gone.pinned, &gone.go, &gone.end}) {
        if (*waiting) (*waiting)(mgmt::error_reply(error));
    }
}

void Service::look_after_backup() {
    // As look_after_archive(): an earlier run may just have been ending.
    if (backup_ && backup_->pinned && !backup_->fetched) start_backup_here();
    if (backup_ && mono_ms() > backup_->until_ms) {
        log::event(log::message::backup_failed,
                   "the backup of task " + backup_->task.text() + " was not ended by who leads it",
                   {{"MDS_SERVER", identity_->name}, {"MDS_TASK", backup_->task.text()}});
        release_backup("the backup took too long");
    }
}

bool Service::level(const std::vector<MdsRow>& servers, std::string& behind) {
    std::set<Uid> taking_part;
    for (const MdsRow& m : servers) taking_part.insert(m.uid);
    uint64_t mine = system_->position().rev;
    for (const MdsRow& m : servers) {
        if (m.uid != identity_->uid && grid_->system_revision(m.uid) != mine) {
            behind = "System Data on " + m.name;
            return false;
        }
    }
    for (const DomainRow& d : all_domains()) {
        std::optional<int64_t> revision;
        for (const json::value& s : d.servers) {
            auto mds = Uid::parse(json::get_string(s.as_object(), "mds"));
            if (!mds || !taking_part.contains(*mds)) continue;
            const json::object* cell = grid_->cell(*mds, d.uid);
            int64_t there = cell ? json::get_int(*cell, "revision") : -1;
            if (revision && *revision != there) {
                behind = "Domain " + d.name;
                return false;
            }
            revision = there;
        }
    }
    return true;
}

std::vector<mgmt::Reply> Service::step_everywhere(const std::vector<MdsRow>& servers, json::object body,
                                                  int64_t timeout_ms) {
    std::vector<std::future<mgmt::Reply>> answers;
    body["op"] = "backup";
    for (const MdsRow& m : servers) {
        auto promise = std::make_shared<std::promise<mgmt::Reply>>();
        answers.push_back(promise->get_future());
        daemon_.post([this, promise, body, timeout_ms, uid = m.uid] {
            Then then = [promise](mgmt::Reply reply) { promise->set_value(std::move(reply)); };
            try {
                if (uid == identity_->uid) {
                    backup_step(body, then);
                } else {
                    request(uid, body, then, timeout_ms);
                }
            } catch (const Error& e) {
                then(mgmt::error_reply(e));
            } catch (const std::exception& e) {
                then(mgmt::error_reply(Error(Code::internal, e.what())));
            }
        });
    }
    std::vector<mgmt::Reply> out;
    for (auto& answer : answers) out.push_back(answer.get());
    return out;
}

void Service::run_backup(const std::vector<MdsRow>& servers, const json::object& order, const Uid& task) {
    auto tell = [&](int percent, const std::string& text) {
        daemon_.on_loop([&] { system_->workspace().update_task(task, percent, text); });
    };
    auto step = [&](const char* name) { return json::object{{"step", name}, {"task", task.text()}}; };
    auto all_good = [&](const std::vector<mgmt::Reply>& replies) {
        for (size_t i = 0; i < replies.size(); ++i) {
            if (replies[i].status == 200) continue;
            throw Error(Code::ha_invalid, servers[i].name + ": " + message_of(replies[i]));
        }
    };
    json::array details;
    std::string problem, warning;
    try {
        int64_t begun = mono_ms();
        tell(5, "holding publishing");
        json::object hold = step("hold");
        hold["order"] = order;
        all_good(step_everywhere(servers, hold, k_answer_ms));
        std::string behind;
        for (int64_t until = mono_ms() + k_level_ms;
             !daemon_.on_loop([&] { return level(servers, behind); }) && mono_ms() < until;
             std::this_thread::sleep_for(std::chrono::milliseconds(50))) {
        }
        if (!daemon_.on_loop([&] { return level(servers, behind); })) {
            warning = behind + " is not synchronized everywhere; it will be after a restore, from its Active";
        }
        tell(15, "keeping this moment");
        all_good(step_everywhere(servers, step("pin"), k_pin_ms));
        all_good(step_everywhere(servers, step("go"), k_answer_ms));
        int64_t held = mono_ms() - begun;
        log::event(log::message::backup_held, fmt::format("backup: publishing was held for {} ms", held),
                   {{"MDS_TASK", task.text()}});
        tell(25, "copying");
        std::vector<mgmt::Reply> ends = step_everywhere(servers, step("end"), k_copy_ms);
        all_good(ends);
        for (const mgmt::Reply& reply : ends) {
            json::object report = json::parse_object(reply.body);
            std::string why = json::get_string(report, "problem");
            if (!why.empty()) problem += (problem.empty() ? "" : "; ") + json::get_string(report, "server") + ": " + why;
            report["held-ms"] = held;
            details.push_back(std::move(report));
        }
    } catch (const std::exception& e) {
        problem = e.what();
    }
    step_everywhere(servers, step("release"), k_answer_ms);
    daemon_.post([this, task, details, problem, warning] {
        mgmt::Workspace& w = system_->workspace();
        if (!problem.empty()) {
            log::event(log::message::backup_failed, "the backup failed: " + problem,
                       {{"MDS_SERVER", identity_->name}, {"MDS_TASK", task.text()}, {"MDS_REASON", problem}});
            return w.finish_task(task, "failed", details, problem);
        }
        log::event(log::message::backup_made,
                   fmt::format("a backup of {} servers was made{}", details.size(),
                               warning.empty() ? "" : "; " + warning),
                   {{"MDS_SERVER", identity_->name}, {"MDS_TASK", task.text()}});
        w.finish_task(task, warning.empty() ? "succeeded" : "succeeded with warnings", details, warning);
    });
}

void Service::backup_mds(mgmt::Call& call, Then then) {
    call.only({"logs", "ignore-silent"});
    require_no_backup();
    std::vector<MdsRow> servers;
    std::string silent;
    for (const MdsRow& m : all_mdss()) {
        if (m.log_server()) continue;
        if (m.uid == identity_->uid || !grid_->silent(m.uid)) {
            servers.push_back(m);
        } else {
            silent += (silent.empty() ? "" : ", ") + m.name;
        }
    }
    if (!silent.empty() && !call.flag("ignore-silent")) {
        throw Error(Code::ha_invalid, silent + " does not answer, and all Multi-Domain Servers are backed "
                                               "up at one moment")
            .refusal("", "mdsctl backup create --ignore-silent");
    }
    // Names are of seconds: two backups never have the same.
    int64_t now = std::max(wall_ms(), last_backup_ms_ + 1000);
    last_backup_ms_ = now;
    Uid task = system_->workspace().create_task("Backup", identity_->name, call.user(), false,
                                                call.session_uid());
    json::object order{{"task", task.text()}, {"stamp", stamp_of(now)}, {"set", task.text()},
                       {"time", rfc3339(now)}, {"logs", call.flag("logs", true)}};
    json::object reply{{"task-id", task.text()}, {"name", stamp_of(now) + ".mdsbk.tar"}};
    daemon_.work([this, servers, order, task] { run_backup(servers, order, task); });
    then(mgmt::ok_reply(reply));
}

mgmt::CommandFlags Service::flags_for_mds_backup() {
    mgmt::CommandFlags flags;
    flags.anywhere = true;
    flags.system_only = true;
    flags.internal = true;
    flags.permission = "mds-provisioning";
    flags.description = "For mds-backup";
    return flags;
}

void Service::register_backup_commands() {
    mgmt::Workspace& w = system_->workspace();
    mgmt::CommandFlags flags = flags_for_mds_backup();
    flags.description = "Backs up every Multi-Domain Server at one moment";
    w.add_async_command("backup-mds", [this](mgmt::Call& call, Then then) { backup_mds(call, then); }, flags);
    flags = flags_for_mds_backup();
    w.add_command("backup-order", [this](mgmt::Call& call) {
        require_mds_backup(call);
        backup_run_ = json::get_string(call.params(), "run");
        if (archive_) {
            archive_->fetched = true;
            return archive_->order;
        }
        if (!backup_) throw Error(Code::ha_invalid, "no backup was ordered").refusal("", "mdsctl backup create");
        backup_->fetched = true;
        return backup_->order;
    }, flags);
    w.add_async_command("backup-pinned", [this](mgmt::Call& call, Then then) {
        require_mds_backup(call);
        if (!backup_ || call.text("task") != backup_->task.text()) {
            throw Error(Code::ha_invalid, "the backup was given up");
        }
        backup_->go = std::move(then);
        if (auto pinned = std::exchange(backup_->pinned, {})) pinned(mgmt::ok_reply({{"message", "OK"}}));
    }, flags);
    w.add_command("backup-done", [this](mgmt::Call& call) {
        require_mds_backup(call);
        json::object report = call.params();
        if (archive_) {
            archive_told(std::move(report));
        } else if (backup_ && (json::get_bool(report, "ended") ? ended_here(json::get_string(report, "run"))
                                                               : json::get_string(report, "task") == backup_->task.text())) {
            backup_ended(std::move(report));
        }
        return json::object{{"message", "OK"}};
    }, flags);
}

}  // namespace mds::core
