// mdsctl ha status, mdsctl env.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

/// Of the sessions that wait for their authors, so many are shown one by one.
constexpr int64_t k_recovered_shown = 5;

std::string state_line(const std::string& state, bool system) {
    if (system && state == "normal") return "Normal: the Primary decides, every server publishes";
    if (system && state == "no-active") return "No Primary answers: what is published waits for it";
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

/// "Active since 2 min: set by admin"; empty when nobody is.
std::string change_line(const json::object& status, const json::object& change, bool system) {
    if (json::get_string(status, "state") == "no-active") return "";
    std::string cause = json::get_string(change, "cause"),
                by = safe(json::get_string(change, "by"));
    std::string how = cause == "handover"  ? "handed over by " + by
                      : cause == "force"   ? "forced by " + by
                      : cause == "restart" ? "the Active server was restarted"
                      : cause == "create"  ? system ? "the deployment was set up" : "the Domain was created"
                                           : cause + " by " + by;
    return fmt::format("Last change {} ago: {}",
                       since_text(json::get_int(json::get_object(change, "time"), "posix")), how);
}

/// A Domain Server cannot know why its peer does not answer; mds-core knows which ones somebody has stopped.
void name_stopped(Client& client, json::object& status) {
    json::value* servers = status.if_contains("servers");
    auto unreachable = [](const json::value& v) {
        return json::get_string(v.as_object(), "sync-status") == "unreachable";
    };
    if (!servers || std::none_of(servers->as_array().begin(), servers->as_array().end(), unreachable)) return;
    const json::object grid = client.grid();
    for (const json::value& v : json::get_array(grid, "domains")) {
        const json::object& d = v.as_object();
        if (json::get_string(d, "name") != json::get_string(status, "name")) continue;
        for (const json::value& c : json::get_array(d, "cells")) {
            const json::object& cell = c.as_object();
            const json::object& stopped = json::get_object(cell, "stopped");
            if (stopped.empty()) continue;
            for (json::value& p : servers->as_array()) {
                json::object& peer = p.as_object();
                if (json::get_string(peer, "multi-domain-server") != json::get_string(cell, "mds-name")) continue;
                peer["stopped"] = stopped;
                peer["ha-state"] = "stopped";
                peer["reason"] = stopped_text(stopped);
                peer["next"] = json::get_string(cell, "next");
            }
        }
    }
}

}  // namespace

int ha_status(Client& client, const Options& options, const std::string& domain) {
    // The system data is no Domain, and asked for without one.
    bool system = fold(domain) == "system data";
    json::object s = client.run(system ? "" : domain, domain.empty() ? "show-ha-state" : "show-ha-status", {});
    if (domain.empty()) {
        if (options.json) {
            print_json(options, s);
            return 0;
        }
        return domain_list(client, options, false);
    }
    name_stopped(client, s);
    if (json::value* servers = s.if_contains("servers")) {
        for (json::value& p : servers->as_array()) {
            if (!p.as_object().contains("ha-state")) p.as_object()["ha-state"] = "log server";
        }
    }
    bool good = json::get_bool(s, "successfully-synced");
    if (options.json) {
        s["schema"] = 1;
        print_json(options, s);
        return good ? 0 : 3;
    }
    Rows table("servers", {"SERVER", "ON", "STATE", "SYNC", "REVISION", "SINCE"});
    std::string role = json::get_string(s, "role");
    const json::object& change = json::get_object(s, "last-change");
    std::string change_text = change_line(s, change, system);
    table.row({}, {json::get_string(s, "server"), "this server", state_cell(options, role, capital(role)), "-",
                   json::get_int(s, "revision"), "-"});
    for (const json::value& v : json::get_array(s, "servers")) {
        const json::object& p = v.as_object();
        std::string state = json::get_string(p, "ha-state");
        std::string sync = json::get_string(p, "sync-status");
        std::string sync_text = sync;
        if (const json::value* percent = json::find(p, "percent")) {
            sync_text += fmt::format(" {} %", percent->to_number<int>());
        }
        std::string step = json::get_string(p, "step");
        if (!step.empty()) sync_text += ", " + step;
        table.row({}, {json::get_string(p, "name", "-"), json::get_string(p, "multi-domain-server"),
                       state_cell(options, state, capital(state)), state_cell(options, sync, sync_text),
                       json::get_int(p, "peer-revision"),
                       since_cell(json::get_int(json::get_object(p, "since"), "posix"))});
    }
    if (options.people()) {
        std::printf("%s   %s   revision %lld\n\n", safe(json::get_string(s, "name")).c_str(),
                    safe(state_line(json::get_string(s, "state"), system)).c_str(),
                    static_cast<long long>(json::get_int(s, "revision")));
    }
    if (!table.print(options, "  ")) return good ? 0 : 3;
    if (!change_text.empty()) std::printf("\n  %s\n", change_text.c_str());
    std::string own = json::get_string(s, "reason");
    if (!own.empty()) {
        std::printf("\n%s\n",
                    wrapped(options, "  " + symbol(options, "warning") + " ", safe(own)).c_str());
    }
    for (const json::value& v : json::get_array(s, "parked-publishes")) {
        const json::object& one = v.as_object();
        std::string name = json::get_string(one, "name");
        std::printf("%s\n", wrapped(options, "      ",
                                    safe(fmt::format("revision {} of {}{}, published {} ago on {}", json::get_int(one, "revision"),
                                                     json::get_string(one, "user-name"), name.empty() ? "" : ", \"" + name + "\"",
                                                     since_text(json::get_int(json::get_object(one, "time"), "posix")),
                                                     json::get_string(one, "server"))))
                                .c_str());
    }
    std::string where = system ? "" : "-d " + shell_word(safe(json::get_string(s, "name"))) + " ";
    int64_t shown = 0, recovered = json::get_int(s, "recovered-count");
    for (const json::value& v : json::get_array(s, "recovered-sessions")) {
        if (++shown > k_recovered_shown) break;
        const json::object& r = v.as_object();
        int64_t changes = json::get_int(r, "changes");
        std::printf(
            "\n%s\n",
            wrapped(options, "  " + symbol(options, "warning") + " ",
                    fmt::format("{}: {} change{} of {} wait{} for their author",
                                safe(json::get_string(r, "name")), changes, changes == 1 ? "" : "s",
                                safe(json::get_string(r, "user-name")), changes == 1 ? "s" : ""))
                .c_str());
        std::printf("    Next:  mgmt_cli %sswitch-session uid %s\n", where.c_str(),
                    shell_word(safe(json::get_string(r, "uid"))).c_str());
    }
    if (recovered > k_recovered_shown) {
        std::printf("\n%s\n    Next:  mgmt_cli %sshow sessions limit 500\n",
                    wrapped(options, "  " + symbol(options, "warning") + " ",
                            fmt::format("{} more recovered sessions wait for their authors",
                                        recovered - k_recovered_shown))
                        .c_str(),
                    where.c_str());
    }
    for (const json::value& v : json::get_array(s, "servers")) {
        const json::object& p = v.as_object();
        std::string reason = json::get_string(p, "reason");
        if (reason.empty()) continue;
        std::printf(
            "\n%s\n",
            wrapped(options, "  " + symbol(options, json::get_string(p, "sync-status")) + " ",
                    safe(json::get_string(p, "name", json::get_string(p, "multi-domain-server"))) +
                        ": " + safe(reason))
                .c_str());
        std::string next = json::get_string(p, "next");
        if (!next.empty()) std::printf("    Next:  %s\n", safe(next).c_str());
    }
    return good ? 0 : 3;
}

int env(Client& client, const Options&, const std::string& name) {
    client.require_here("env");
    auto quote = shell_quoted;
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
