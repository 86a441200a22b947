// Starting and stopping single Domain Servers by hand: carried out by the mds-core of their host,
// which keeps who has stopped one (stopped.hh) and leaves it stopped.
#include <fmt/core.h>

#include "base/clock.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "log/log.hh"
#include "service.hh"

namespace mds::core {
namespace {

/// A Domain Server may take two minutes to read a large database (TimeoutStartSec= of its unit).
constexpr int64_t k_patience_ms = 110'000;
/// The others hear at once that it came or went.
constexpr int k_news_ms = 50;

std::string start_command(const std::string& domain, const std::string& on) {
    return "mdsctl ds start " + shell_word(domain) + " " + shell_word(on);
}

std::string done_word(const std::string& verb) {
    return verb == "stop" ? "stopped" : verb == "start" ? "started" : "restarted";
}

}  // namespace

/// A server of a Domain.
struct Service::ServerPlace {
    DomainRow domain;
    std::string name, on;
    Uid mds;
    bool log_server = false;
};

Service::ServerPlace Service::place_of(const std::string& domain, const std::string& word,
                                       const std::string& verb) {
    auto only = domain.empty() ? std::nullopt : find_domain(domain);
    if (!domain.empty() && !only)
        throw Error(Code::object_not_found, "Requested object [" + domain + "] not found");
    std::vector<ServerPlace> found;
    std::vector<std::string> there;
    std::string of_domain;
    for (const DomainRow& row : only ? std::vector<DomainRow>{*only} : all_domains()) {
        for (const json::value& v : row.servers) {
            const json::object& s = v.as_object();
            auto mds = Uid::parse(json::get_string(s, "mds"));
            if (!mds) continue;
            ServerPlace place{row, json::get_string(s, "name"), json::get_string(s, "mds-name"),
                              *mds, json::get_string(s, "type") == "log server"};
            // The servers of the Global Domain have the address of their Multi-Domain Server.
            bool address =
                row.type != "global domain" && json::get_string(s, "ipv4-address") == word;
            bool host = only && (fold(word) == fold(place.on) || word == mds->text());
            if (only || fold(row.name) == fold(word)) {
                of_domain = row.name;
                there.push_back(place.name == place.on ? place.on : place.name + " on " + place.on);
            }
            if (address || host || fold(word) == fold(place.name))
                found.push_back(std::move(place));
        }
    }
    if (found.size() == 1) return std::move(found.front());
    std::string command = "mdsctl ds " + verb + " ";
    if (found.size() > 1) {
        throw Error(Code::invalid_parameter,
                    fmt::format("{} has a server on several hosts; which one? {}",
                                found.front().domain.name, join(there, ", ")))
            .refusal("", command + shell_word(found.front().domain.name) + " SERVER");
    }
    if (!of_domain.empty()) {
        std::string what = only ? fmt::format("Domain {} has no server {}; it has {}", of_domain,
                                              word, join(there, ", "))
                                : fmt::format("{} is a Domain; which of its servers? {}", of_domain,
                                              join(there, ", "));
        throw Error(only ? Code::object_not_found : Code::invalid_parameter, what)
            .refusal("", command + shell_word(of_domain) + " SERVER");
    }
    throw Error(Code::object_not_found,
                "Requested object [" + word + "] not found: no Domain Server is called so")
        .refusal("", "mdsctl ds list");
}

std::optional<Error> Service::stopped_problem(const DomainRow& row, const Uid& mds, bool only_active) {
    std::vector<std::string> told;
    std::string next;
    for (const json::value& v : row.servers) {
        const json::object& s = v.as_object();
        auto at = Uid::parse(json::get_string(s, "mds"));
        if (!at || (!mds.is_nil() && *at != mds)) continue;
        std::string name = json::get_string(s, "name"), on = json::get_string(s, "mds-name");
        const json::object* mark = grid_->stopped(*at, row.uid, name);
        if (!mark || (only_active && json::get_string(*mark, "role") != "active")) continue;
        told.push_back(fmt::format("{} of Domain {} is {}", name, row.name, stopped_text(*mark)));
        if (next.empty()) next = start_command(row.name, on);
    }
    if (told.empty()) return std::nullopt;
    return Error(mds.is_nil() && !only_active ? Code::unreachable : Code::ha_invalid,
                 (only_active ? "the Active server does not run: " : "") + join(told, ", "))
        .refusal("", next);
}

void Service::control_domain_server(const std::string& verb, mgmt::Call& call, Then then) {
    const bool plan = call.only_or_plan({"domain", "server", "confirmed"});
    if (!plan) require_no_backup();
    ServerPlace place = place_of(call.text_or("domain", ""), call.text("server"), verb);
    const std::string& domain = place.domain.name;
    const json::object* cell = grid_->cell(place.mds, place.domain.uid);
    const bool active = !place.log_server && grid_->active_mds(place.domain.uid) == place.mds;
    std::string instead;
    std::vector<std::string> others;
    for (const json::value& v : place.domain.servers) {
        const json::object& s = v.as_object();
        auto mds = Uid::parse(json::get_string(s, "mds"));
        if (!mds || *mds == place.mds || json::get_string(s, "type") == "log server") continue;
        bool heard = *mds == identity_->uid || !grid_->silent(*mds);
        if (heard && grid_->cell(*mds, place.domain.uid))
            others.push_back(json::get_string(s, "mds-name"));
    }
    if (active && !others.empty())
        instead = "mdsctl ha set-active " + shell_word(domain) + " " + shell_word(others.front());
    json::object told{
        {"domain", domain},
        {"server", place.name},
        {"multi-domain-server", place.on},
        {"active", active},
        {"running", cell && (place.mds == identity_->uid || !grid_->silent(place.mds))},
        {"instead", instead}};
    if (plan) return then(mgmt::ok_reply(told));
    if (verb == "stop" && active && !call.flag("confirmed")) {
        throw Error(Code::unconfirmed,
                    fmt::format("{} on {} is the Active server of {}: nobody can change the Domain "
                                "while it is stopped; "
                                "set another one Active first, or repeat with confirmed true",
                                place.name, place.on, domain))
            .refusal("", instead.empty() ? "mdsctl ds stop " + shell_word(domain) + " " +
                                               shell_word(place.on) + " --yes"
                                         : instead);
    }
    json::object order{
        {"verb", verb}, {"server", place.name}, {"user", call.user()}, {"reason", call.reason()}};
    if (place.mds == identity_->uid) return control_here(order, std::move(then));
    request(place.mds, {{"op", "control-domain-server"}, {"order", std::move(order)}},
            std::move(then), k_patience_ms);
}

void Service::control_here(const json::object& order, Then then) {
    const std::string verb = json::get_string(order, "verb"),
                      server = json::get_string(order, "server"),
                      user = json::get_string(order, "user", "?"),
                      reason = json::get_string(order, "reason");
    if (verb != "start" && verb != "stop" && verb != "restart") {
        throw Error(Code::invalid_parameter, "Invalid parameter for [verb]. " + verb);
    }
    std::optional<DomainRow> domain;
    for (DomainRow& row : all_domains()) {
        for (const json::value& s : row.servers) {
            if (json::get_string(s.as_object(), "mds") == identity_->uid.text() &&
                json::get_string(s.as_object(), "name") == server) {
                domain = std::move(row);
                break;
            }
        }
        if (domain) break;
    }
    // It may have been deleted since the other server looked.
    if (!domain || !placed_.count(server)) {
        throw Error(Code::object_not_found, "no Domain Server " + server + " on " + identity_->name)
            .refusal("", "mdsctl ds list");
    }
    const json::object* cell = grid_->cell(identity_->uid, domain->uid);
    const json::object* mark = stopped_.find(server);
    const bool runs = cell != nullptr;
    if ((verb == "start" && runs) || (verb == "stop" && !runs && mark)) {
        json::object told{
            {"domain", domain->name},
            {"server", server},
            {"multi-domain-server", identity_->name},
            {"state", runs ? "running" : "stopped"},
            {"changed", false},
            {"text", fmt::format("{} on {} {} already", server, identity_->name,
                                 runs ? std::string("runs") : "is " + stopped_text(*mark))}};
        return then(mgmt::ok_reply(std::move(told)));
    }
    json::object kept = mark ? *mark : json::object{};
    if (verb == "stop") {
        // Before it stops: whatever happens to this process meanwhile, nobody starts it again.
        stopped_.mark(server, {{"by", user},
                               {"since", wall_ms()},
                               {"reason", reason},
                               {"domain", domain->name},
                               {"on", identity_->name},
                               {"role", runs ? json::get_string(*cell, "role")
                                             : json::get_string(kept, "role")}});
    } else {
        stopped_.clear(server);
    }
    log::notice(fmt::format("Domain Server {} is {} by {}{}", server, done_word(verb), user,
                            reason.empty() ? "" : ": " + reason),
                {{"MDS_DOMAIN", domain->name},
                 {"MDS_SERVER", server},
                 {"MDS_USER", user},
                 {"MDS_REASON", reason}});
    units_->run(
        verb, server, [this, verb, server, kept, row = *domain, then](const std::string& error) {
            if (error.empty()) return controlled(verb, row, server, then);
            // As it was, also in what is told of it.
            if (verb == "stop") {
                stopped_.clear(server);
            } else if (!kept.empty()) {
                stopped_.mark(server, kept);
            }
            then(mgmt::error_reply(
                Error(Code::ha_invalid, fmt::format("{} on {} cannot be {}: {}", server,
                                                    identity_->name, done_word(verb), error))
                    .refusal("", fmt::format("journalctl -u {} -n 20",
                                             shell_word("mds-domain@" + server + ".service")))));
        });
}

void Service::controlled(const std::string& verb, const DomainRow& row, const std::string& server,
                         Then then) {
    auto answer = [this, verb, domain = row.name, server, then] {
        if (beat_) beat_->within(k_news_ms);
        then(mgmt::ok_reply(
            {{"domain", domain},
             {"server", server},
             {"multi-domain-server", identity_->name},
             {"state", verb == "stop" ? "stopped" : "running"},
             {"changed", true},
             {"text", fmt::format("{} on {} is {}", server, identity_->name, done_word(verb))}}));
    };
    if (verb == "stop") {
        grid_->local(server, nullptr);
        return answer();
    }
    // It is on the bus by now; whoever looks next sees what it is.
    call_domain(server, "Status", "",
                [this, server, answer](std::optional<Error> error, std::string status) {
                    if (!error && placed_.count(server)) grid_->local(server, json::parse(status));
                    answer();
                });
}

void Service::register_process_commands() {
    mgmt::Workspace& w = system_->workspace();
    mgmt::CommandFlags flags;
    flags.anywhere = true;
    flags.system_only = true;
    flags.internal = true;
    flags.permission = "mds-provisioning";
    for (const char* verb : {"start", "stop", "restart"}) {
        std::string word = verb;
        word[0] = static_cast<char>(word[0] - 32);
        flags.description = word + "s the process of one Domain Server, wherever it is";
        w.add_async_command(
            std::string(verb) + "-domain-server",
            [this, verb](mgmt::Call& call, Then then) {
                if (call.read_only() && !call.flag("plan")) {
                    throw Error(Code::no_permissions,
                                "this session is read-only; nothing was changed");
                }
                control_domain_server(verb, call, std::move(then));
            },
            flags);
    }
}

}  // namespace mds::core
