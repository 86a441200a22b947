// Global assignments: which Domain gets which global policy, and bringing it there (GA-*). The Domain takes
// it on the host of its Active, from the replica of the Global Domain that this host has.
#include <fmt/core.h>

#include <set>
#include <utility>

#include "base/clock.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "log/log.hh"
#include "model/coerce.hh"
#include "permissions.hh"
#include "service.hh"

namespace mds::core {
namespace {

/// How long the replica of the Global Domain may need to have what was published elsewhere, and how long a
/// Domain may take for all of it.
constexpr int64_t k_behind_ms = 30'000, k_assign_ms = 120'000;
/// A Domain whose assignment was deleted is asked to give the global policy back this often.
constexpr int64_t k_withdraw_again_ms = 60'000;

std::vector<std::string> names_in(const mgmt::Call& call, const char* parameter) {
    std::vector<std::string> out;
    const json::value* given = json::find(call.params(), parameter);
    if (!given || given->is_null()) return out;
    for (const json::value& v : model::as_list(*given)) {
        out.push_back(model::coerce_string(v, parameter));
    }
    return out;
}

}  // namespace

json::object Service::global_state_of(const Uid& domain, const char* newest_by) {
    auto row = find_domain(domain.text());
    if (!row) return {};
    // The Active's word; without one, the newest that any of its servers has told of.
    Uid active = grid_->active_mds(domain);
    json::object newest;
    for (const json::value& s : row->servers) {
        auto mds = Uid::parse(json::get_string(s.as_object(), "mds"));
        const json::object* cell = mds ? grid_->cell(*mds, domain) : nullptr;
        if (!cell) continue;
        const json::object& there = json::get_object(*cell, "global");
        if (*mds == active) return there;
        if (json::get_int(there, newest_by) > json::get_int(newest, newest_by)) newest = there;
    }
    return newest;
}

json::object Service::global_published() {
    return global_state_of(*Uid::parse(k_global_uid), "published");
}

json::object Service::global_held(const Uid& domain) { return global_state_of(domain, "time"); }

void Service::show_assignment(const mgmt::View& view, json::object& out) {
    auto domain = mgmt::Call::reference(view.document, "dependent-domain");
    if (!domain) return;
    json::object held = global_held(*domain);
    std::string status = "not assigned";
    if (!held.empty()) {
        bool same = fold(json::get_string(held, "policy")) ==
                    fold(json::get_string(view.document, "global-access-policy"));
        // Not by number: after a takeover the same number may be another publish.
        bool newest = json::get_string(held, "session") == json::get_string(global_published(), "session");
        status = same && newest ? "up to date" : "not up to date";
        out["assignment-up-to-date"] = model::date(json::get_int(held, "time"));
    }
    out["assignment-status"] = status;
}

void Service::assign_global_assignment(mgmt::Call& call, Then then) {
    call.only({"global-domains", "dependent-domains", "details-level"});
    for (const std::string& name : names_in(call, "global-domains")) {
        auto row = find_domain(name);
        if (!row || row->type != "global domain") {
            throw Error(Code::invalid_parameter, "Invalid parameter for [global-domains]. '" + name +
                                                     "' is not a Global Domain.");
        }
    }
    std::vector<std::string> wanted = names_in(call, "dependent-domains");
    if (wanted.empty() && !json::find(call.params(), "global-domains")) {
        throw Error(Code::missing_parameters,
                    "Missing parameter: [dependent-domains] or [global-domains]");
    }
    struct One {
        DomainRow domain;
        std::string policy;
    };
    std::vector<One> assignments;
    std::map<Uid, std::string> known;
    // What is published counts; a session's own changes are assigned after its publish.
    system_->workspace().inspect([&](mgmt::Call& look) {
        for (const mgmt::View& v : look.all("global-assignment")) {
            if (auto domain = mgmt::Call::reference(v.document, "dependent-domain")) {
                known[*domain] = json::get_string(v.document, "global-access-policy");
            }
        }
    });
    auto add = [&](const DomainRow& row) {
        const bool root = call.permitted(k_root_right);
        json::object rights = root ? root_rights() : rights_of(call.user_uid(), &row);
        const json::value* areas = json::find(rights, "areas");
        if (areas && areas->is_object() &&
            json::get_string(areas->as_object(), "access-policy") != "write") {
            throw Error(Code::no_permissions, "The permissions profile of '" + call.user() +
                                                  "' does not allow changing the policy of Domain " +
                                                  row.name + ".");
        }
        assignments.push_back({row, known.at(row.uid)});
    };
    for (const std::string& name : wanted) {
        auto row = find_domain(name);
        if (!row) throw Error(Code::object_not_found, "Requested object [" + name + "] not found");
        if (!known.contains(row->uid)) {
            throw Error(Code::object_not_found, "Domain " + row->name + " has no published global assignment")
                .refusal("", "add-global-assignment and publish first");
        }
        add(*row);
    }
    if (wanted.empty()) {
        for (const auto& [uid, policy] : known) {
            if (auto row = find_domain(uid.text())) add(*row);
        }
    }
    json::array tasks;
    for (const One& one : assignments) {
        Uid task = system_->workspace().create_task("Assign global policy", one.domain.name, call.user(),
                                                    false, call.session_uid());
        tasks.push_back(json::object{{"task-id", task.text()}});
        assign_global(one.domain, {{"policy", one.policy}, {"user", call.user()}},
                      [this, task, domain = one.domain.name](mgmt::Reply reply) {
            json::object body = json::parse_object(reply.body);
            mgmt::Workspace& w = system_->workspace();
            if (reply.status == 200) {
                body["domain"] = domain;
                return w.finish_task(task, "succeeded", json::array{std::move(body)});
            }
            json::object details{{"domain", domain}, {"fault-message", json::get_string(body, "message")}};
            if (const json::value* errors = json::find(body, "errors")) details["errors"] = *errors;
            if (const json::value* refusal = json::find(body, "refusal")) details["refusal"] = *refusal;
            w.finish_task(task, "failed", json::array{std::move(details)},
                          json::get_string(body, "message"));
        });
    }
    then(mgmt::ok_reply({{"tasks", std::move(tasks)}}));
}

void Service::assign_global(const DomainRow& domain, json::object order, Then then) {
    Uid active = grid_->active_mds(domain.uid);
    if (active.is_nil()) {
        return then(mgmt::error_reply(
            Error(Code::ha_invalid, "No server of Domain " + domain.name + " is Active; nothing was changed.")
                .refusal("", "mdsctl ha set-active " + shell_word(domain.name) + " SERVER")));
    }
    order["op"] = "assign-global";
    order["domain"] = domain.uid.text();
    json::object published = global_published();
    order["revision"] = json::get_int(published, "published");
    order["session"] = json::get_string(published, "session");
    if (active == identity_->uid) return take_global_assignment(order, std::move(then));
    request(active, std::move(order), std::move(then), k_assign_ms);
}

void Service::take_global_assignment(const json::object& order, Then then) {
    assign_global_here(order, mono_ms() + k_behind_ms, std::move(then));
}

void Service::look_for_global() {
    for (auto& again : std::exchange(waiting_for_global_, {})) again();
}

void Service::assign_global_here(const json::object& order, int64_t until, Then then) {
    std::string domain = json::get_string(order, "domain"), user = json::get_string(order, "user");
    if (json::get_bool(order, "withdraw")) {
        return run_in_domain(domain, "assign-global-policy",
                             json::text(json::object{{"withdraw", true}, {"user", user}}), std::move(then));
    }
    json::object asked{{"policy", json::get_string(order, "policy")}};
    run_in_domain(k_global_uid, "export-global-policy", json::text(asked),
                  [this, order, until, domain, user, then](mgmt::Reply reply) {
        if (reply.status != 200) return then(std::move(reply));
        json::object given = json::parse_object(reply.body);
        if (json::get_string(given, "session") != json::get_string(order, "session") &&
            json::get_int(given, "revision") <= json::get_int(order, "revision")) {
            if (mono_ms() > until) {
                return then(mgmt::error_reply(
                    Error(Code::ha_invalid,
                          fmt::format("the Global Domain on {} is at revision {} and does not get {}",
                                      identity_->name, json::get_int(given, "revision"),
                                      json::get_int(order, "revision")))
                        .refusal("", "mdsctl ha status Global")));
            }
            // Again when a Domain Server here tells of a change.
            waiting_for_global_.push_back(
                [this, order, until, then] { assign_global_here(order, until, then); });
            return;
        }
        given["user"] = user;
        run_in_domain(domain, "assign-global-policy", json::text(given), then);
    });
}

void Service::withdraw_global() {
    if (!system_ || !identity_ || identity_->role != "primary" || !system_->db().has_history()) return;
    // Only what was deleted here, and only while this server decides: another one may know of an assignment
    // that this one does not.
    std::set<Uid> deleted;
    {
        SQLite::Statement s(system_->workspace().work().db(), "SELECT domain FROM withdrawing");
        while (s.executeStep()) {
            if (auto uid = Uid::parse(s.getColumn(0).getString())) deleted.insert(*uid);
        }
    }
    if (deleted.empty()) return;
    try {
        system_->replica().require_writable();
    } catch (const Error&) {
        return;
    }
    std::set<Uid> assigned;
    system_->workspace().inspect([&](mgmt::Call& look) {
        for (const mgmt::View& v : look.all("global-assignment")) {
            if (auto domain = mgmt::Call::reference(v.document, "dependent-domain")) assigned.insert(*domain);
        }
    });
    for (const DomainRow& row : all_domains()) {
        if (row.type != "domain" || !deleted.contains(row.uid) || assigned.contains(row.uid) ||
            grid_->active_mds(row.uid).is_nil() || global_held(row.uid).empty()) {
            continue;
        }
        Withdrawal& w = withdrawals_[row.uid];
        if (mono_ms() < w.after_ms) continue;
        w.after_ms = mono_ms() + k_withdraw_again_ms;
        assign_global(row, {{"withdraw", true}, {"user", "system"}},
                      [this, uid = row.uid, name = row.name](mgmt::Reply reply) {
            if (reply.status == 200) {
                withdrawals_.erase(uid);
                SQLite::Statement done(system_->workspace().work().db(),
                                       "DELETE FROM withdrawing WHERE domain=?");
                done.bind(1, uid.text());
                done.exec();
                return;
            }
            std::string why = json::get_string(json::parse_object(reply.body), "message");
            std::string& told = withdrawals_[uid].problem;
            if (told == why) return;
            told = why;
            log::warning("the global policy of Domain " + name + " cannot be withdrawn: " + why,
                         {{"MDS_DOMAIN", name}});
        });
    }
}

void Service::register_assignment_commands() {
    mgmt::Workspace& w = system_->workspace();
    w.decorate([this](const mgmt::View& view, json::object& out) {
        if (view.type->name == "global-assignment") show_assignment(view, out);
    });
    mgmt::CommandFlags flags;
    flags.anywhere = true;
    flags.system_only = true;
    flags.permission = "manage-global-assignments";
    flags.description = "Brings the published global policy to Domains, a task for each";
    w.add_async_command("assign-global-assignment",
                        [this](mgmt::Call& call, Then then) { assign_global_assignment(call, then); },
                        flags);
}

}  // namespace mds::core
