// The day the Primary is lost: a Secondary becomes the Primary, its Domains go on elsewhere, and the old
// one is fenced when it returns (multi-domain-ha.md FR, CS, PR, RD; security.md 5).
#include <fmt/core.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/clock.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "blocking_bus.hh"
#include "log/messages.hh"
#include "service.hh"
#include "store/refs.hh"

namespace mds::core {

/// What a promotion would do, and what is against it.
struct Service::Promotion {
    struct Check {
        std::string what;
        /// "good", "warning" (does not stop it), "problem".
        std::string state = "good";
        std::string refusal, next;
    };
    struct Step {
        Uid domain;
        std::string name;
        /// "take-over": `mds` becomes Active and Primary; "primary": it is Active, its server becomes the
        /// Primary Domain Server; "left": no server can take over.
        std::string action;
        Uid mds;
        std::string mds_name;
        /// Revisions that the lost server reported and this one has not.
        uint64_t missing = 0;
        /// The lost server was its Primary Domain Server.
        bool was_primary = false;
        /// Of "left".
        std::string why = "no other server that answers has it";
    };
    std::string server, lost_name, reason;
    Uid lost;
    std::vector<Check> checks;
    std::vector<Step> steps;
    uint64_t system_missing = 0;

    bool costs() const {
        return system_missing > 0 ||
               std::any_of(steps.begin(), steps.end(), [](const Step& s) { return s.missing > 0; });
    }
    json::object to_json() const;
};

json::object Service::Promotion::to_json() const {
    json::array rows, domains;
    for (const Check& c : checks) {
        rows.push_back(json::object{
            {"what", c.what}, {"state", c.state}, {"rf", c.refusal}, {"next", c.next}});
    }
    for (const Step& s : steps) {
        domains.push_back(json::object{{"domain", s.name},
                                       {"action", s.action},
                                       {"server", s.mds_name},
                                       {"why", s.action == "left" ? s.why : ""},
                                       {"revisions-missing", s.missing}});
    }
    return {{"server", server},
            {"lost", lost_name},
            {"checks", std::move(rows)},
            {"domains", std::move(domains)},
            {"system-revisions-missing", system_missing},
            {"costs", costs()}};
}

namespace {

using Words = std::vector<std::string>;

/// A server that has just started listens for the Primary this long.
constexpr int64_t k_listen_ms = 15'000;
/// Another server may be further: its records come before this one begins a new term.
constexpr int64_t k_level_ms = 10'000;

bool is_log_server(const json::object& server) {
    return json::get_string(server, "type") == "log server";
}

Words names_of(const json::object& options, const char* key) {
    Words out;
    const json::value* given = json::find(options, key);
    if (!given) return out;
    if (given->is_string()) out.emplace_back(std::string_view(given->as_string()));
    if (given->is_array()) {
        for (const json::value& v : given->as_array()) {
            if (v.is_string()) out.emplace_back(std::string_view(v.as_string()));
        }
    }
    return out;
}

json::array detail(const std::string& status, const std::string& text, json::array more) {
    more.insert(more.begin(), json::object{{"statusCode", status}, {"statusDescription", text}});
    return more;
}

}  // namespace

std::string Service::fence() {
    if (!system_ || !system_->db().has_history()) return {};
    auto row = find_mds(identity_->uid.text());
    if (!row || row->replaced.empty()) return cut_off_;
    return fmt::format(
        "{} was replaced by {} at {} and is read-only; set it up anew, or on {}: mdsctl server readmit {}",
        row->name, json::get_string(row->replaced, "by-name"),
        rfc3339(json::get_int(row->replaced, "at")), json::get_string(row->replaced, "by-name"),
        row->name);
}

void Service::adopt_role() {
    auto row = find_mds(identity_->uid.text());
    if (!row || identity_->log_server() || row->role == identity_->role) return;
    if (row->role != "primary" && row->role != "secondary") return;
    identity_->role = row->role;
    identity_->save(daemon_.state_folder());
    promotion_is_done();
    std::string why = fence();
    log::event(log::message::role_changed,
               row->role == "primary" ? "this server is the Primary now"
                                      : "this server is a Secondary now" + (why.empty() ? "" : ": " + why),
               {{"MDS_DOMAIN", "System Data"}, {"MDS_SERVER", row->name}, {"MDS_ROLE", row->role},
                {"MDS_REASON", why}});
    // What only the Primary does begins, or ends, now.
    revocations_.clear();
    lists_after_ = 0;
    daemon_.post([this] { check_certificate(); });
}

Service::Promotion Service::plan_promotion(const json::object& options, const Words& still_heard) {
    const Identity& me = *identity_;
    Promotion plan;
    plan.server = me.name;
    plan.reason = json::get_string(options, "reason");
    auto check = [&](std::string what, std::string state = "good", std::string refusal = "",
                     std::string next = "") {
        plan.checks.push_back({std::move(what), std::move(state), std::move(refusal), std::move(next)});
    };
    auto problem = [&](std::string what, std::string refusal, std::string next) {
        check(std::move(what), "problem", std::move(refusal), std::move(next));
    };
    if (me.log_server()) {
        throw Error(Code::ha_invalid, me.name + " is a log server; only a Multi-Domain Server can be Primary");
    }
    if (std::string why = fence(); !why.empty()) throw Error(Code::ha_invalid, why);
    const std::vector<MdsRow> members = all_mdss();
    // A promotion that was interrupted after its decision goes on with the Domains.
    const bool resumes = me.role == "primary";
    const Error already(Code::ha_invalid, me.name + " is the Primary already");
    auto lost = std::find_if(members.begin(), members.end(), [&](const MdsRow& m) {
        if (!resumes) return m.role == "primary";
        return json::get_string(m.replaced, "by") == me.uid.text() && grid_->silent(m.uid);
    });
    if (lost == members.end() && resumes) throw already;
    if (lost == members.end()) throw Error(Code::ha_invalid, "the system data names no Primary");
    plan.lost = lost->uid;
    plan.lost_name = lost->name;

    // Promotion is for recovery only (FR-2).
    if (grid_->last_contact(lost->uid) == 0 && mono_ms() - started_ms_ < k_listen_ms) {
        problem("this server has just started and does not know yet whether the Primary " + lost->name +
                    " answers; try again in a few seconds",
                "RF-22", "mdsctl promote --plan");
    } else if (grid_->silent(lost->uid) && still_heard.empty() && grid_->connected(lost->uid)) {
        problem("the host of the Primary " + lost->name + " is connected, only its mds-core does not "
                "answer; promotion is only for recovery",
                "RF-22", "on " + lost->name + ": systemctl restart mds-core");
        return plan;
    } else if (!grid_->silent(lost->uid) || !still_heard.empty()) {
        std::string who = grid_->silent(lost->uid) ? join(still_heard, ", ") : "this server";
        problem(fmt::format("{} hears the Primary {}; promotion is only for recovery", who, lost->name),
                "RF-22", "mdsctl ha set-active --all --on " + shell_word(me.name));
        return plan;  // it is no question then whose Domains could go where
    } else {
        int64_t last = grid_->last_contact(lost->uid);
        check(fmt::format("{} (Primary) does not answer; {}", lost->name,
                          last ? "last contact " + rfc3339(last)
                               : "no contact since this server started"));
    }
    // CS-1: servers that are expected to work.
    Words silent;
    for (const MdsRow& m : members) {
        if (m.uid != me.uid && m.uid != lost->uid && m.replaced.empty() && grid_->silent(m.uid)) {
            silent.push_back(m.name);
        }
    }
    bool ignore = json::get_bool(options, "ignore-silent");
    if (!silent.empty()) {
        check(join(silent, ", ") + (silent.size() == 1 ? " does" : " do") +
                  " not answer either; what " + (silent.size() == 1 ? "it has" : "they have") +
                  " and this server has not is not seen",
              ignore ? "warning" : "problem", "RF-23", "mdsctl promote --ignore-silent");
    }
    std::string authority = json::get_string(authority_, "state");
    if (authority == "replica" || authority == "ready") {
        check("the authority's keys can be opened here");
    } else {
        check("the authority of the deployment was never copied to this server: afterwards no certificate "
              "can be renewed and no server added",
              "warning", "", "mdsctl promote --plan    (on another Secondary)");
    }

    const Words wanted = names_of(options, "domains");
    const bool none = wanted.size() == 1 && fold(wanted[0]) == "none";
    const bool all = wanted.empty() || (wanted.size() == 1 && fold(wanted[0]) == "all");
    for (const std::string& name : wanted) {
        if (!all && !none && !find_domain(name)) {
            throw Error(Code::object_not_found, "Requested object [" + name + "] not found");
        }
    }
    std::map<Uid, int> actives;
    const std::vector<DomainRow> domains = all_domains();
    for (const DomainRow& d : domains) {
        Uid active = grid_->active_mds(d.uid);
        if (!active.is_nil()) ++actives[active];
    }
    for (const DomainRow& d : domains) {
        const bool global = d.type == "global domain";
        bool chosen = all || std::any_of(wanted.begin(), wanted.end(), [&](const std::string& w) {
                          return fold(w) == fold(d.name) || w == d.uid.text();
                      });
        Uid active = grid_->active_mds(d.uid);
        bool was_primary = false, was_there = false;
        for (const json::value& v : d.servers) {
            const json::object& s = v.as_object();
            if (json::get_string(s, "mds") != lost->uid.text() || is_log_server(s)) continue;
            was_there = true;
            was_primary = json::get_bool(s, "primary");
        }
        // PR-1.
        if (global && !active.is_nil() && active != me.uid) {
            auto holder = find_mds(active.text());
            problem("the Global Domain is Active on " + (holder ? holder->name : active.text()) +
                        ", not on this server",
                    "RF-24", "mdsctl ha set-active Global " + shell_word(me.name));
        } else if (global && active.is_nil() && !chosen) {
            problem("the Global Domain is not Active on this server", "RF-24",
                    "mdsctl ha force-active Global " + shell_word(me.name));
        } else if (global && active == me.uid) {
            check("the Global Domain is Active on this server");
        }
        if (!chosen || !was_there) continue;
        Promotion::Step step;
        step.domain = d.uid;
        step.name = d.name;
        step.action = "left";
        step.was_primary = was_primary;
        if (!active.is_nil()) {
            if (!was_primary) continue;
            step.action = "primary";
            step.mds = active;
        } else {
            const json::object* there = grid_->cell(lost->uid, d.uid);
            // It was Standby there: who was Active does not answer yet, or nobody was by decision.
            const bool standby = there && json::get_string(*there, "role") == "standby";
            if (standby && !was_primary) continue;
            if (standby) step.why = "none of its servers is Active; set one Active, then promote_util there";
            // Without a report of the lost server it may have been anybody who does not answer.
            bool unknown = !there && std::any_of(d.servers.begin(), d.servers.end(), [&](const json::value& v) {
                const json::object& s = v.as_object();
                auto mds = Uid::parse(json::get_string(s, "mds"));
                return mds && !is_log_server(s) && *mds != lost->uid && *mds != me.uid && grid_->silent(*mds);
            });
            if (unknown) step.why = "who was Active is not known, and not all of its servers answer";
            int64_t best = -1;
            for (const json::value& v : d.servers) {
                const json::object& s = v.as_object();
                auto mds = Uid::parse(json::get_string(s, "mds"));
                if (!mds || is_log_server(s) || *mds == lost->uid || standby || unknown) continue;
                if (global && *mds != me.uid) continue;
                auto host = find_mds(mds->text());
                if (!host || !host->replaced.empty()) continue;  // it may not be Active (FR-3)
                if (*mds != me.uid && grid_->silent(*mds)) continue;
                const json::object* status = grid_->cell(*mds, d.uid);
                if (!status) continue;
                int64_t revision = json::get_int(*status, "revision");
                bool lighter = actives[*mds] < actives[step.mds] ||
                               (actives[*mds] == actives[step.mds] && *mds == me.uid);
                if (revision > best || (revision == best && lighter)) {
                    best = revision;
                    step.mds = *mds;
                }
            }
            if (!step.mds.is_nil()) {
                step.action = "take-over";
                ++actives[step.mds];
                int64_t reported = there ? json::get_int(*there, "revision") : 0;
                step.missing = static_cast<uint64_t>(std::max<int64_t>(0, reported - best));
            } else if (global) {
                problem("the Global Domain cannot become Active on this server", "RF-24",
                        "mdsctl domain show Global");
            }
        }
        if (auto row = find_mds(step.mds.text())) step.mds_name = row->name;
        plan.steps.push_back(std::move(step));
    }
    bool open = std::any_of(plan.steps.begin(), plan.steps.end(),
                            [](const Promotion::Step& s) { return s.action != "left"; });
    if (resumes && !open) throw already;
    uint64_t mine = system_->position().rev, told = grid_->system_revision(lost->uid);
    plan.system_missing = !resumes && told > mine ? told - mine : 0;
    return plan;
}

mgmt::Reply Service::ask(const std::function<void(Then)>& start) {
    auto promise = std::make_shared<std::promise<mgmt::Reply>>();
    auto future = promise->get_future();
    daemon_.post([&start, promise] {
        Then then = [promise](mgmt::Reply reply) { promise->set_value(std::move(reply)); };
        try {
            start(then);
        } catch (const Error& e) {
            then(mgmt::error_reply(e));
        }
    });
    return future.get();
}

void Service::promote(const json::object& options, const std::string& user, Then then) {
    // What is refused without asking anybody is refused at once.
    try {
        plan_promotion(options, {});
    } catch (const Error& e) {
        return then(mgmt::error_reply(e));
    }
    daemon_.work([this, options, user, then] {
        try {
            std::vector<MdsRow> others = daemon_.on_loop([&] { return all_mdss(); });
            Uid lost = daemon_.on_loop([&] { return plan_promotion(options, {}).lost; });
            Words still_heard;
            for (const MdsRow& m : others) {
                if (m.uid == lost || m.uid == identity_->uid) continue;
                mgmt::Reply reply = ask([&](Then answer) {
                    if (grid_->silent(m.uid)) return answer(mgmt::ok_reply({}));
                    request(m.uid, {{"op", "hears"}, {"mds", lost.text()}}, answer);
                });
                if (reply.status != 200) {
                    throw Error(Code::ha_invalid, m.name + " does not say whether it hears the Primary: " +
                                                      json::get_string(json::parse_object(reply.body),
                                                                       "message"))
                        .refusal("RF-22", "mdsctl promote --plan");
                }
                if (json::get_bool(json::parse_object(reply.body), "hears")) {
                    still_heard.push_back(m.name);
                }
            }
            Promotion plan =
                daemon_.on_loop([&] { return plan_promotion(options, still_heard); });
            if (json::get_bool(options, "plan")) {
                return daemon_.post([then, plan] { then(mgmt::ok_reply(plan.to_json())); });
            }
            for (const Promotion::Check& c : plan.checks) {
                if (c.state == "problem") {
                    throw Error(Code::ha_invalid, c.what).refusal(c.refusal, c.next);
                }
            }
            if (plan.costs() && !json::get_bool(options, "confirmed")) {
                Error error(Code::unconfirmed, plan.lost_name + " had more than this server has; repeat "
                                               "with confirmed true to go on without it");
                for (const Promotion::Step& s : plan.steps) {
                    if (s.missing == 0) continue;
                    error.add_warning(fmt::format("Domain {}: {} revision{} missing on {}", s.name,
                                                  s.missing, s.missing == 1 ? "" : "s", s.mds_name));
                }
                throw std::move(error).refusal("", "mdsctl promote --yes --reason TEXT");
            }
            Uid task = daemon_.on_loop([&] {
                return system_->workspace().create_task("Promote", plan.server, user);
            });
            daemon_.post([then, plan, task] {
                json::object reply = plan.to_json();
                reply["task-id"] = task.text();
                then(mgmt::ok_reply(reply));
            });
            // Nobody waits for an answer any more: what happens from here on is the task's.
            try {
                run_promotion(plan, task, user);
            } catch (const std::exception& e) {
                log::error(std::string("promotion: ") + e.what());
                std::string why = e.what();
                daemon_.post([this, task, why] {
                    system_->workspace().finish_task(task, "failed", {}, why);
                });
            }
        } catch (const Error& e) {
            daemon_.post([then, e] { then(mgmt::error_reply(e)); });
        } catch (const std::exception& e) {
            Error error(Code::internal, e.what());
            daemon_.post([then, error] { then(mgmt::error_reply(error)); });
        }
    });
}

json::object Service::run_promotion(const Promotion& plan, const Uid& task, const std::string& user) {
    auto tell = [&](int percent, const std::string& text) {
        daemon_.on_loop([&] { system_->workspace().update_task(task, percent, text); });
    };
    // Whatever any server that answers has of the system data comes first; and each server decides for
    // itself when it no longer hears the lost one, some a beat later than this one's mds-core.
    for (int64_t until = mono_ms() + k_level_ms; mono_ms() < until;
         std::this_thread::sleep_for(std::chrono::milliseconds(100))) {
        bool level = daemon_.on_loop([&] {
            json::object status = system_->status();
            const json::array& peers = json::get_array(status, "peers");
            return !hears_server(status, plan.lost) && grid_->domain_servers_miss(plan.lost) &&
                   std::none_of(peers.begin(), peers.end(), [&](const json::value& v) {
                       const json::object& p = v.as_object();
                       return json::get_string(p, "ha-state") != "unknown" &&
                              json::get_int(p, "peer-revision") > json::get_int(p, "revision");
                   });
        });
        if (level) break;
    }
    tell(5, "taking over the system data");
    const bool resumes = daemon_.on_loop([&] { return identity_->role == "primary"; });
    daemon_.on_loop([&] {
        if (resumes) return;
        auto old = find_mds(plan.lost.text());
        if (!old || !grid_->silent(old->uid) || old->role != "primary") {
            throw Error(Code::ha_invalid, plan.lost_name + " is back; nothing was changed");
        }
        if (json::get_string(system_->status(), "role") == "active") return;
        system_->ha_action({{"action", "force-active"}, {"user", user}});
    });
    // The decision: with this publish, and not before, this server is the Primary (PR-4).
    daemon_.on_loop([&] {
        if (resumes) return;
        system_->workspace().transact(
            {user, "promote", "Promote " + plan.server, plan.reason, true}, [&](mgmt::Call& c) {
                auto mine = c.get(identity_->uid), old = c.get(plan.lost);
                json::object document = mine->document;
                document["role"] = "primary";
                c.put("mds", mine->uid, std::move(document));
                document = old->document;
                document["role"] = "secondary";
                document["replaced"] = json::object{{"by", identity_->uid.text()},
                                                    {"by-name", plan.server},
                                                    {"at", wall_ms()},
                                                    {"reason", plan.reason}};
                c.put("mds", old->uid, std::move(document));
            });
        adopt_role();
    });
    if (!resumes) {
        log::event(log::message::promoted,
                   fmt::format("{} was promoted to Primary in place of {} by {}{}", plan.server, plan.lost_name,
                               user, plan.reason.empty() ? "" : ": " + plan.reason),
                   {{"MDS_SERVER", plan.server}, {"MDS_PEER", plan.lost_name}, {"MDS_PEER_UID", plan.lost.text()},
                    {"MDS_USER", user}, {"MDS_REASON", plan.reason}});
    }
    tell(15, plan.server + " is the Primary; taking over the authority");
    std::string authority_problem;
    try {
        BlockingBus bus;
        bus.call<>("org.openmds.Ca1", "Activate");
        daemon_.post([this] { fetch_revocations(); });
    } catch (const std::exception& e) {
        // It is tried again as long as this server is the Primary (look_at_authority).
        authority_problem = e.what();
    }

    // All Domains at once; each on the server that has most of it.
    struct Outcome {
        std::mutex mutex;
        std::condition_variable changed;
        std::vector<std::string> problem;
        size_t open = 0, done = 0;
    };
    auto outcome = std::make_shared<Outcome>();
    outcome->problem.resize(plan.steps.size());
    for (const Promotion::Step& s : plan.steps) outcome->open += s.action == "take-over";
    const size_t all = outcome->open;
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        const Promotion::Step& s = plan.steps[i];
        if (s.action != "take-over") continue;
        daemon_.post([this, outcome, i, user, domain = s.domain.text(), target = s.mds.text()] {
            Then then = [outcome, i](mgmt::Reply reply) {
                std::lock_guard lock(outcome->mutex);
                if (reply.status != 200) {
                    outcome->problem[i] = json::get_string(json::parse_object(reply.body), "message");
                }
                --outcome->open;
                ++outcome->done;
                outcome->changed.notify_one();
            };
            try {
                ha_action({{"action", "force-active"}, {"domain", domain}, {"target", target},
                           {"user", user}}, then);
            } catch (const Error& e) {
                then(mgmt::error_reply(e));
            }
        });
    }
    {
        std::unique_lock lock(outcome->mutex);
        while (outcome->open > 0) {
            outcome->changed.wait(lock);
            size_t done = outcome->done;
            lock.unlock();
            tell(15 + static_cast<int>(75 * done / std::max<size_t>(all, 1)),
                 fmt::format("{} of {} Domains taken over", done, all));
            lock.lock();
        }
    }
    // The Global Domain is Active here, else nothing had begun (PR-1).
    std::map<Uid, Uid> primaries{{*Uid::parse(k_global_uid), identity_->uid}};
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        const Promotion::Step& s = plan.steps[i];
        if (!outcome->problem[i].empty()) {
            primaries.erase(s.domain);
        } else if (s.action != "left" && s.was_primary) {
            primaries[s.domain] = s.mds;
        }
    }
    json::array rows;
    int failed = 0, left = 0;
    for (size_t i = 0; i < plan.steps.size(); ++i) {
        const Promotion::Step& s = plan.steps[i];
        const std::string& why = outcome->problem[i];
        failed += !why.empty();
        left += s.action == "left";
        std::string result = !why.empty()               ? "failed: " + why
                             : s.action == "left"       ? s.why
                             : s.action == "take-over"  ? "Active on " + s.mds_name
                                                        : "Primary on " + s.mds_name;
        rows.push_back(json::object{{"domain", s.name},
                                    {"server", s.mds_name},
                                    {"good", why.empty() && s.action != "left"},
                                    {"result", result}});
    }
    daemon_.on_loop([&] {
        make_domain_primary(primaries, user);
        std::string text = plan.server + " is the Primary";
        if (all) {
            text += fmt::format("; {} of {} Domains taken over", all - static_cast<size_t>(failed), all);
        }
        if (left) text += fmt::format("; {} left", left);
        if (!authority_problem.empty()) text += "; the authority: " + authority_problem;
        bool good = failed == 0 && authority_problem.empty();
        system_->workspace().update_task(task, 100, text);
        system_->workspace().finish_task(task, good ? "succeeded" : "partially succeeded",
                                         detail(good ? "succeeded" : "partially succeeded", text, rows));
    });
    return {};
}

void Service::make_domain_primary(const std::map<Uid, Uid>& mds_of, const std::string& user) {
    auto mark = [&](mgmt::Call& c, const Uid& domain, const Uid& mds) {
        auto view = c.get(domain);
        if (!view) return;
        json::object document = view->document;
        json::array servers = json::get_array(document, "servers");
        for (json::value& v : servers) {
            json::object& s = v.as_object();
            if (is_log_server(s)) continue;
            s["primary"] = json::get_string(s, "multi-domain-server") == store::make_reference(mds);
        }
        document["servers"] = std::move(servers);
        c.put("domain", domain, std::move(document));
    };
    // Each for itself: what one administrator holds must not stop the others.
    std::string problems;
    for (const auto& [domain, mds] : mds_of) {
        try {
            system_->workspace().transact({user, "promote", "Primary Domain Server", "", true},
                                          [&](mgmt::Call& c) { mark(c, domain, mds); });
        } catch (const Error& e) {
            problems += (problems.empty() ? "" : "; ") + e.message();
        }
    }
    if (!problems.empty()) throw Error(Code::ha_invalid, problems);
}

void Service::promote_domain_server(const std::string& domain, const Uid& mds, const std::string& user) {
    require_primary("Promoting a Domain Server");
    auto row = find_domain(domain);
    if (!row) throw Error(Code::object_not_found, "Requested object [" + domain + "] not found");
    std::string server, old;
    Uid holder;
    Words states;
    for (const json::value& v : row->servers) {
        const json::object& s = v.as_object();
        auto where = Uid::parse(json::get_string(s, "mds"));
        if (!where || is_log_server(s)) continue;
        bool here = *where == identity_->uid, answers = here || !grid_->silent(*where);
        const json::object* status = answers ? grid_->cell(*where, row->uid) : nullptr;
        states.push_back(json::get_string(s, "name") + " on " + json::get_string(s, "mds-name") + " " +
                         (status ? json::get_string(*status, "role") : "does not answer"));
        if (*where == mds) server = json::get_string(s, "name");
        if (!json::get_bool(s, "primary")) continue;
        holder = *where;
        old = json::get_string(s, "name");
        if (*where != mds && status) {
            throw Error(Code::ha_invalid, fmt::format("the Primary server {} on {} answers; promotion is "
                                                      "only for recovery", old,
                                                      json::get_string(s, "mds-name")))
                .refusal("RF-22", fmt::format("mdsctl ha set-active {} SERVER", shell_word(row->name)));
        }
    }
    if (server.empty()) {
        throw Error(Code::ha_invalid, "Domain " + row->name + " has no management server there");
    }
    if (holder == mds) {
        throw Error(Code::ha_invalid, server + " is the Primary server of " + row->name + " already");
    }
    Uid active = grid_->active_mds(row->uid);
    if (active.is_nil()) {
        throw Error(Code::ha_invalid, fmt::format("no server of {} is Active: {}", row->name,
                                                  join(states, ", ")))
            .refusal("RF-27", fmt::format("mdsctl ha force-active {} SERVER", shell_word(row->name)));
    }
    if (active != mds) {
        auto holder_row = find_mds(mds.text());
        throw Error(Code::ha_invalid, server + " is Standby; it is set Active first")
            .refusal("", fmt::format("mdsctl ha set-active {} {}", shell_word(row->name),
                                     shell_word(holder_row ? holder_row->name : "SERVER")));
    }
    make_domain_primary({{row->uid, mds}}, user);
    log::notice(fmt::format("{} is the Primary server of {} now, {} is not any more", server, row->name,
                            old.empty() ? "none" : old),
                {{"MDS_DOMAIN", row->name}, {"MDS_SERVER", server}});
}

void Service::readmit_mds(mgmt::Call& call) {
    require_primary("Readmitting a server");
    mgmt::View view = call.object("mds");
    if (json::get_object(view.document, "replaced").empty()) {
        throw Error(Code::ha_invalid, view.name + " was not replaced by a promotion; there is nothing to do");
    }
    if (grid_->silent(view.uid)) {
        throw Error(Code::ha_invalid, view.name + " does not answer; start it first, so that what only it "
                                                  "has comes back")
            .refusal("RF-20", "mdsctl server list");
    }
    system_->workspace().transact({call.user(), "readmit-mds", "Readmit " + view.name, "", true},
                                  [&](mgmt::Call& c) {
                                      json::object document = c.get(view.uid)->document;
                                      document.erase("replaced");
                                      c.put("mds", view.uid, std::move(document));
                                  });
    log::event(log::message::readmitted, view.name + " belongs to the deployment again, as Secondary",
               {{"MDS_PEER", view.name}, {"MDS_USER", call.user()}});
}

void Service::register_promotion_commands() {
    mgmt::Workspace& w = system_->workspace();
    mgmt::CommandFlags change;
    change.anywhere = true;
    change.system_only = true;
    change.permission = "mds-provisioning";
    change.description = "Makes this Secondary the Primary when the Primary is lost for good";
    w.add_async_command("promote-mds", [this](mgmt::Call& call, Then then) {
        call.only({"plan", "domains", "reason", "ignore-silent", "confirmed"});
        promote(call.params(), call.user(), then);
    }, change);
    change.description = "Takes a server that was replaced by a promotion back as Secondary";
    w.add_command("readmit-mds", [this](mgmt::Call& call) {
        call.only({"uid", "name"});
        readmit_mds(call);
        return json::object{{"message", "OK"}};
    }, change);
    change.description = "Makes this host's Active server of a Domain its Primary Domain Server";
    w.add_async_command("promote-domain-server", [this](mgmt::Call& call, Then then) {
        call.only({"domain"});
        std::string domain = call.text("domain");
        if (identity_->role == "primary") {
            promote_domain_server(domain, identity_->uid, call.user());
            return then(mgmt::ok_reply(json::object{{"message", "OK"}}));
        }
        for (const MdsRow& row : all_mdss()) {
            if (row.role != "primary") continue;
            return request(row.uid, {{"op", "promote-domain-server"}, {"domain", domain},
                                     {"user", call.user()}}, then);
        }
        throw Error(Code::ha_invalid, "the system data names no Primary");
    }, change);
    register_registry_commands();
}

}  // namespace mds::core
