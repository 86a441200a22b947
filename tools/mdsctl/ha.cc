// mdsctl ha, mdsctl env.
#include <fmt/core.h>

#include "base/text.hh"
#include "draw.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

std::string state_line(const std::string& state) {
    if (state == "normal") return "Normal: one Active";
    if (state == "no-active") return "No Active: everyone is read-only";
    if (state == "collision") return "Collision: more than one Active";
    if (state == "single") return "Single: no other server";
    return state;
}

std::string capital(const std::string& word) {
    if (word == "log server") return "Log";
    std::string out = word;
    if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 32);
    return out;
}

}  // namespace

int ha_status(Client& client, const Options& options, const std::string& domain) {
    json::object s = client.run(domain, domain.empty() ? "show-ha-state" : "show-ha-status", {});
    if (domain.empty()) {
        if (options.json) {
            std::printf("%s\n", json::pretty(s).c_str());
            return 0;
        }
        return domain_list(client, options, false);
    }
    bool good = json::get_bool(s, "successfully-synced");
    if (options.json) {
        s["schema"] = 1;
        std::printf("%s\n", json::pretty(s).c_str());
        return good ? 0 : 3;
    }
    std::printf("%s   %s   revision %lld\n\n", safe(json::get_string(s, "name")).c_str(),
                state_line(json::get_string(s, "state")).c_str(),
                static_cast<long long>(json::get_int(s, "revision")));
    Table table({"SERVER", "ON", "STATE", "SYNC", "REVISION", "SINCE"});
    std::string role = json::get_string(s, "role");
    table.row({safe(json::get_string(s, "server")), "this server",
               state_text(options, role, capital(role)), "-",
               std::to_string(json::get_int(s, "revision")), "-"});
    for (const json::value& v : json::get_array(s, "servers")) {
        const json::object& p = v.as_object();
        std::string state = json::get_string(p, "ha-state", "log server");
        std::string sync = json::get_string(p, "sync-status");
        std::string sync_text = state_text(options, sync, sync);
        if (const json::value* percent = json::find(p, "percent")) {
            sync_text += fmt::format(" {} %", percent->to_number<int>());
        }
        table.row({safe(json::get_string(p, "name", "-")),
                   safe(json::get_string(p, "multi-domain-server")),
                   state_text(options, state, capital(state)), sync_text,
                   std::to_string(json::get_int(p, "peer-revision")),
                   since_text(json::get_int(json::get_object(p, "since"), "posix"))});
    }
    table.print(options, "  ");
    if (int64_t parked = json::get_int(s, "parked")) {
        std::printf("\n  %lld publish%s parked here\n", static_cast<long long>(parked),
                    parked == 1 ? " is" : "es are");
    }
    for (const json::value& v : json::get_array(s, "servers")) {
        const json::object& p = v.as_object();
        std::string reason = json::get_string(p, "reason");
        if (reason.empty()) continue;
        std::printf("\n  %s %s: %s\n", symbol(options, json::get_string(p, "sync-status")).c_str(),
                    safe(json::get_string(p, "name", json::get_string(p, "multi-domain-server")))
                        .c_str(),
                    safe(reason).c_str());
        std::string next = json::get_string(p, "next");
        if (!next.empty()) std::printf("    Next:  %s\n", next.c_str());
    }
    return good ? 0 : 3;
}

int ha_action(Client& client, const Options& options, const std::string& domain,
              const std::string& action, const std::string& target) {
    struct Warning {
        const char* action;
        const char* text;
    };
    static constexpr Warning k_warnings[] = {
        {"set-standby", "Nobody can change this Domain until a server is set Active. Go on?"},
        {"force-active", "The old Active server may hold publishes that this one lacks; when it "
                         "returns they are parked, not lost. Go on?"},
        {"full-sync", "The content of the peer is replaced and its sessions end; publish first what "
                      "you want to keep. Go on?"}};
    for (const Warning& w : k_warnings) {
        if (action != w.action || confirm(options, w.text)) continue;
        throw Error(Code::unconfirmed, std::string("not confirmed. ") + w.text)
            .refusal("", fmt::format("mdsctl ha {} {} {} --yes",
                                     action == "full-sync" ? "sync" : action, domain, target));
    }
    json::object reply = client.run(
        "", "domain-ha-action",
        {{"domain", domain}, {"action", action}, {"target", target}, {"confirmed", true}});
    json::object task = follow(client, options, "", json::get_string(reply, "task-id"));
    if (options.wait && !options.quiet) {
        std::printf("%s %s: %s\n", symbol(options, "done").c_str(), domain.c_str(),
                    json::get_string(task, "progress-description").c_str());
    }
    return 0;
}

int env(Client& client, const Options&, const std::string& name) {
    auto quote = [](const std::string& text) {
        std::string out = "'";
        for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
        return out + "'";
    };
    if (name.empty()) {
        std::printf("unset MDS_DOMAIN MDS_DOMAIN_SERVER; export MDS_HOME=/var/lib/mds\n");
        return 0;
    }
    json::object grid = client.grid();
    std::string self = json::get_string(grid, "self");
    for (const json::value& v : json::get_array(grid, "domains")) {
        const json::object& d = v.as_object();
        for (const json::value& c : json::get_array(d, "cells")) {
            const json::object& cell = c.as_object();
            if (json::get_string(cell, "mds") != self) continue;
            std::string server = json::get_string(cell, "server");
            if (fold(name) != fold(json::get_string(d, "name")) && fold(name) != fold(server) &&
                name != json::get_string(cell, "address")) {
                continue;
            }
            std::printf("export MDS_DOMAIN=%s MDS_DOMAIN_SERVER=%s MDS_HOME=%s "
                        "MGMT_CLI_DOMAIN=%s\n",
                        quote(json::get_string(d, "name")).c_str(), quote(server).c_str(),
                        quote("/var/lib/mds/servers/" + server).c_str(),
                        quote(json::get_string(d, "name")).c_str());
            return 0;
        }
    }
    throw Error(Code::object_not_found, "no Domain Server " + name + " on this host")
        .refusal("", "mdsctl domain list");
}

}  // namespace mds::ctl
