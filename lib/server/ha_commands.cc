#include "server/ha_commands.hh"

#include <fmt/core.h>

#include <algorithm>

#include "base/clock.hh"
#include "base/shell.hh"
#include "mgmt/parked.hh"
#include "repl/replica.hh"

namespace mds::server {
namespace {

/// Of the sessions that wait for their authors, so many are listed one by one.
constexpr uint64_t k_recovered_shown = 20;

json::object date(int64_t ms) { return {{"posix", ms}, {"iso-8601", iso_minutes(ms)}}; }

json::object head(const Config& c) {
    return {{"uid", c.domain_uid.text()},
            {"name", c.domain_name},
            {"domain-type", c.domain_type}};
}

bool is_global(const Config& c) { return c.domain_type == "global domain"; }

json::object show_ha_state(Server& server) {
    const Config& c = server.config();
    json::object status = server.status();
    json::array servers;
    auto add = [&](const std::string& name, const std::string& address, const std::string& mds,
                   const std::string& state) {
        json::object row;
        // Servers of the Global Domain have no names of their own.
        if (!is_global(c)) row["name"] = name;
        row["ip-address"] = address;
        row["ha-state"] = state;
        row["multi-domain-server"] = mds;
        servers.push_back(std::move(row));
    };
    if (!c.self.log_server) {
        add(c.self.name, c.address.empty() ? c.beside : c.address, c.mds_name,
            json::get_string(status, "role"));
    }
    for (const json::value& v : json::get_array(status, "peers")) {
        const json::object& p = v.as_object();
        if (json::get_bool(p, "log-server")) continue;
        add(json::get_string(p, "server"), json::get_string(p, "address"),
            json::get_string(p, "mds-name"), json::get_string(p, "ha-state"));
    }
    json::object domain = head(c);
    domain["servers"] = std::move(servers);
    return {{"domains", json::array{std::move(domain)}}};
}

}  // namespace

json::object show_ha_status(Server& server) {
    const Config& c = server.config();
    json::object status = server.status();
    json::array servers;
    bool all_good = json::get_string(status, "state") == "normal" ||
                    json::get_string(status, "state") == "single";
    for (const json::value& v : json::get_array(status, "peers")) {
        const json::object& p = v.as_object();
        json::object row;
        if (!is_global(c)) row["name"] = json::get_string(p, "server");
        row["ip-address"] = json::get_string(p, "address");
        row["multi-domain-server"] = json::get_string(p, "mds-name");
        bool log_server = json::get_bool(p, "log-server");
        // Log servers have a sync status but are neither Active nor Standby (ST-8).
        if (log_server) {
            row["type"] = "log server";
        } else {
            row["ha-state"] = json::get_string(p, "ha-state");
        }
        std::string word = json::get_string(p, "sync-status");
        if (json::get_string(p, "ha-state") != "active") {
            row["sync-state"] = json::get_string(p, "sync-state");
            all_good = all_good && json::get_string(p, "sync-state") == "Ok";
        }
        if (int64_t good = json::get_int(p, "last-successful-sync")) {
            row["last-successful-sync"] = date(good);
        }
        row["sync-status"] = word;
        for (const char* key : {"revision", "peer-revision", "digest-equal", "reason", "next"}) {
            row[key] = *json::find(p, key);
        }
        row["since"] = date(json::get_int(p, "since"));
        for (const char* key : {"percent", "step"}) {
            if (const json::value* shown = json::find(p, key)) row[key] = *shown;
        }
        all_good = all_good && (word == "synchronized" || word == "lagging");
        servers.push_back(std::move(row));
    }
    json::object reply = head(c);
    reply["servers"] = std::move(servers);
    reply["successfully-synced"] = all_good;
    // What the connected server knows of itself and of the Domain as a whole.
    for (const char* key : {"server", "role", "state", "revision", "term", "digest", "parked",
                            "verified", "damage"}) {
        reply[key] = *json::find(status, key);
    }
    if (is_global(c)) reply["server"] = c.mds_name;
    reply["multi-domain-server"] = c.mds_name;
    // The confirmation of the last change of the Active (CA-2).
    reply["last-change"] = json::object{{"cause", json::get_string(status, "term-cause")},
                                        {"by", json::get_string(status, "term-by")},
                                        {"time", date(json::get_int(status, "term-since"))}};
    if (int64_t parked = json::get_int(status, "parked")) {
        std::string problem = json::get_string(status, "parked-problem");
        const char* plural = parked == 1 ? "" : "es";
        // A log server's word is not enough to make sessions of others.
        reply["reason"] =
            c.self.log_server
                ? fmt::format("{} publish{} that only {} had {} kept here, for nobody else", parked, plural,
                              json::get_string(reply, "server"), parked == 1 ? "is" : "are")
                : fmt::format("{} publish{} that only {} had wait{} to be handed over to the Active server{}", parked,
                              plural, json::get_string(reply, "server"), parked == 1 ? "s" : "",
                              problem.empty() ? "" : "; " + problem);
        json::array told;
        for (const mgmt::Parked::Told& one : mgmt::Parked(server.workspace().work()).told(k_recovered_shown)) {
            told.push_back(json::object{{"revision", one.rev},
                                        {"user-name", one.author},
                                        {"name", one.session_name},
                                        {"server", one.origin},
                                        {"time", date(one.time_ms)}});
        }
        reply["parked-publishes"] = std::move(told);
    }
    // After a long outage there may be thousands; show-sessions has all.
    json::array recovered;
    std::vector<mgmt::SessionInfo> waiting = server.workspace().sessions();
    std::erase_if(waiting, [](const mgmt::SessionInfo& s) { return !s.recovered; });
    // In the order in which they were handed over, which is that of their revisions.
    std::stable_sort(waiting.begin(), waiting.end(), [](const auto& one, const auto& other) {
        return one.last_use_ms < other.last_use_ms;
    });
    for (const mgmt::SessionInfo& s : waiting) {
        if (recovered.size() == k_recovered_shown) break;
        recovered.push_back(json::object{
            {"uid", s.uid.text()}, {"user-name", s.user}, {"name", s.name}, {"changes", s.changes}});
    }
    reply["recovered-sessions"] = std::move(recovered);
    reply["recovered-count"] = waiting.size();
    // Of data that every server changes: what waits for the Primary.
    if (const json::object& waits = json::get_object(status, "tentative"); !waits.empty()) {
        reply["tentative"] = waits;
        if (int64_t count = json::get_int(waits, "count")) {
            std::string problem = json::get_string(waits, "problem"), told = json::get_string(reply, "reason");
            reply["reason"] = (told.empty() ? "" : told + "; ") +
                              fmt::format("{} publish{} wait{} for the Primary{}", count, count == 1 ? "" : "es",
                                          count == 1 ? "s" : "", problem.empty() ? "" : "; now: " + problem);
        }
    }
    return reply;
}

namespace {

json::object set_ha_state(Server& server, mgmt::Call& call) {
    call.only({"new-state", "ignore-errors", "target", "force"});
    std::string state = call.text("new-state");
    if (state != "active" && state != "standby") {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [new-state]. The value must be active or standby");
    }
    json::object reply = server.ha_action({{"action", "set-" + state}, {"user", call.user()}});
    if (state == "standby") reply["login-required"] = "true";
    return reply;
}

json::object make_server_active(Server& server, mgmt::Call& call) {
    call.only({"force"});
    bool alone = server.config().peers.empty();
    if (!call.flag("force") && !alone) {
        throw Error(Code::ha_invalid,
                    "this Domain has other servers; change the Active one with Set Active, or give "
                    "force when the Active server is lost")
            .refusal("RF-29", "mdsctl ha set-active " + shell_word(server.config().domain_name) + " " +
                                  shell_word(server.config().mds_name));
    }
    return server.ha_action({{"action", "force-active"}, {"user", call.user()}});
}

json::object ha_full_sync(Server& server, mgmt::Call& call) {
    call.only({"name", "uid", "ignore-errors"});
    std::string peer = call.text_or("name", call.text_or("uid", ""));
    return server.ha_action({{"action", "full-sync"},
                             {"target", peer},
                             {"confirmed", call.flag("ignore-errors")},
                             {"user", call.user()}});
}

}  // namespace

void register_ha_commands(Server& server) {
    mgmt::Workspace& w = server.workspace();
    mgmt::CommandFlags read;
    read.description = "High Availability state of the servers of this Domain";
    w.add_command("show-ha-state", [&server](mgmt::Call& call) {
        call.only({});
        return show_ha_state(server);
    }, read);
    read.description = "Synchronization status of the servers of this Domain";
    w.add_command("show-ha-status", [&server](mgmt::Call& call) {
        call.only({});
        return show_ha_status(server);
    }, read);
    mgmt::CommandFlags change;
    change.anywhere = true;
    change.permission = "high-availability-operations";
    change.description = "Makes the connected server of this Domain Active or Standby";
    w.add_command("set-ha-state",
                  [&server](mgmt::Call& call) { return set_ha_state(server, call); }, change);
    change.description = "Makes the connected server Active when the Active one is lost";
    w.add_command("make-server-active",
                  [&server](mgmt::Call& call) { return make_server_active(server, call); }, change);
    read.description = "From which management server each gateway has its policy, and which have none left";
    w.add_command("show-gateway-managers", [&server](mgmt::Call& call) { return server.gateway_managers(call); },
                  read);
    mgmt::CommandFlags install;
    install.write = true;
    install.permission = "install-policy";
    install.description = "Sends the objects to servers, as tasks";
    w.add_command("install-database", [&server](mgmt::Call& call) { return server.install_database(call); },
                  install);
    change.description = "Replaces the content of a peer with a full copy of this Active server";
    w.add_command("ha-full-sync",
                  [&server](mgmt::Call& call) { return ha_full_sync(server, call); }, change);
}

}  // namespace mds::server
