// mdsctl ha sync --server, ha verify --all: the same for every Domain, a line each.
#include <fmt/core.h>

#include "base/text.hh"
#include "ha_many.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

/// The name of a server as the deployment has it, by name or address.
std::string server_name(const json::object& grid, const std::string& wanted) {
    std::vector<std::string> names;
    for (const json::value& v : json::get_array(grid, "servers")) {
        const json::object& s = v.as_object();
        names.push_back(json::get_string(s, "name"));
        if (fold(names.back()) == fold(wanted) || json::get_string(s, "address") == wanted)
            return names.back();
    }
    throw Error(Code::object_not_found,
                fmt::format("no server {}; there are {}", wanted, join(names, ", ")))
        .refusal("", "mdsctl server list");
}

/// The server of a Domain on `on`; null when it has none there.
const json::object* cell_on(const json::object& domain, const std::string& on) {
    for (const json::value& v : json::get_array(domain, "cells")) {
        if (json::get_string(v.as_object(), "mds-name") == on) return &v.as_object();
    }
    return nullptr;
}

}  // namespace

int ha_sync_server(Client& client, const Options& options, const std::string& server) {
    const json::object grid = client.grid();
    const std::string on = server_name(grid, server);
    std::vector<Change> changes;
    for (const json::value& v : json::get_array(grid, "domains")) {
        const json::object& d = v.as_object();
        const json::object* cell = cell_on(d, on);
        // An Active is nobody's copy.
        if (!cell || json::get_string(*cell, "ha-state") == "active") continue;
        Change c;
        c.domain = json::get_string(d, "name");
        c.to = on;
        c.server = json::get_string(*cell, "server");
        c.planned = c.server + " on " + on + " would get a full copy";
        changes.push_back(std::move(c));
    }
    if (changes.empty() && options.people()) {
        if (!options.quiet) std::printf("No Domain has a Standby on %s.\n", safe(on).c_str());
        return 0;
    }
    return carry_out(
        client, options, "full-sync", std::move(changes), "ha sync --server " + shell_word(on),
        "synchronized to " + on,
        fmt::format("The content of every Standby on {} is replaced with a full copy. Go on?",
                    safe(on)));
}

int ha_verify_all(Client& client, const Options& options, const std::string& server) {
    const json::object grid = client.grid();
    const std::string on = server.empty() ? "" : server_name(grid, server);
    std::vector<Change> changes;
    for (const json::value& v : json::get_array(grid, "domains")) {
        const json::object& d = v.as_object();
        const json::object* cell = on.empty() ? nullptr : cell_on(d, on);
        if (!on.empty() && !cell) continue;
        Change c;
        c.domain = json::get_string(d, "name");
        c.to = on;
        if (cell) c.server = json::get_string(*cell, "server");
        c.planned =
            on.empty() ? "would be read and compared" : "would be read and compared on " + on;
        changes.push_back(std::move(c));
    }
    return carry_out(client, options, "verify", std::move(changes),
                     "ha verify --all" + (on.empty() ? "" : " --to " + shell_word(on)), "verified");
}

}  // namespace mds::ctl
