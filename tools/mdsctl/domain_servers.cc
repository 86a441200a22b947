// mdsctl ds.
#include "domain_servers.hh"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/text.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {

std::string free_name(const std::string& domain, const std::set<std::string>& taken) {
    for (size_t number = 1;; ++number) {
        std::string name = fmt::format("{}-{}", domain, number);
        if (!taken.count(fold(name))) return name;
    }
}

json::object server_json(const std::string& spec, const std::string& name, const char* type) {
    size_t equals = spec.find('=');
    json::object server{
        {"name", name}, {"multi-domain-server", spec.substr(0, equals)}, {"type", type}};
    if (equals != std::string::npos) server["ip-address"] = spec.substr(equals + 1);
    return server;
}

std::string planned_server(const json::object& server) {
    std::string address = json::get_string(server, "ipv4-address", json::get_string(server, "ip-address"));
    std::string on = json::get_string(server, "mds-name", json::get_string(server, "multi-domain-server"));
    return fmt::format("{} on {}{}", safe(json::get_string(server, "name")), safe(on),
                       address.empty() ? "" : "   " + safe(address));
}

int ds_list(Client& client, const Options& options) {
    const json::object grid = client.grid();
    Rows table("Domain Servers", {"NAME", "DOMAIN", "ON", "ADDRESS", "TYPE", "STATE", "SYNC", Column("UID", true)});
    for (const json::value& v : json::get_array(grid, "domains")) {
        const json::object& d = v.as_object();
        for (const json::value& c : json::get_array(d, "cells")) {
            const json::object& cell = c.as_object();
            std::string state = json::get_string(cell, "ha-state"), sync = json::get_string(cell, "sync-status");
            std::string name = json::get_string(cell, "server");
            // The servers of the Global Domain are the Multi-Domain Servers themselves.
            if (name.empty()) name = json::get_string(cell, "mds-name");
            json::object whole = cell;
            whole["domain"] = json::get_string(d, "name");
            table.row(std::move(whole), {name, json::get_string(d, "name"), json::get_string(cell, "mds-name"),
                                         json::get_string(cell, "address"), json::get_string(cell, "type"),
                                         state_cell(options, state, state), state_cell(options, sync, sync),
                                         json::get_string(cell, "server-uid")});
        }
    }
    table.print(options);
    return 0;
}

namespace {

/// The names of all Domain Servers of the deployment, folded.
std::set<std::string> names_of_servers(const json::object& grid) {
    std::set<std::string> out;
    for (const json::value& v : json::get_array(grid, "domains")) {
        for (const json::value& c : json::get_array(v.as_object(), "cells")) {
            out.insert(fold(json::get_string(c.as_object(), "server")));
        }
    }
    return out;
}

/// What set-domain would do to the servers of a Domain.
int plan_change(Client& client, const Options& options, json::object order) {
    order["plan"] = true;
    const json::object plan = client.run("", "set-domain", order);
    if (options.json) {
        print_json(options, plan);
        return 0;
    }
    for (const json::value& v : json::get_array(plan, "add")) {
        std::printf("%s would be created.\n", planned_server(v.as_object()).c_str());
    }
    for (const json::value& v : json::get_array(plan, "remove")) {
        std::printf("%s would be deleted with its data.\n", safe(std::string(v.as_string())).c_str());
    }
    std::printf("Nothing was changed.\n");
    return 0;
}

}  // namespace

int ds_create(Client& client, const Options& options, const std::string& domain,
              const std::string& server, const std::string& address, const std::string& name,
              bool log_server) {
    json::object s =
        server_json(server + (address.empty() ? "" : "=" + address),
                    name.empty() ? free_name(domain, names_of_servers(client.grid())) : name,
                    log_server ? "log server" : "management server");
    json::object order{{"name", domain}, {"servers", json::object{{"add", std::move(s)}}}};
    if (options.dry_run) return plan_change(client, options, std::move(order));
    json::object reply = client.run("", "set-domain", order);
    std::string id = json::get_string(json::get_array(reply, "tasks").at(0).as_object(), "task-id");
    json::object task = follow(client, options, "", id);
    if (options.wait) {
        std::string made = json::get_string(json::get_object(json::get_object(order, "servers"), "add"), "name");
        print_done(options, "Domain Server " + made + ": " + json::get_string(task, "status"),
                   {{"server", made}, {"task-id", id}, {"status", json::get_string(task, "status")}});
    }
    return 0;
}

int ds_delete(Client& client, const Options& options, const std::string& domain, const std::string& server) {
    json::object d = client.run("", "show-domain", {{"name", domain}});
    std::string name;
    for (const json::value& v : json::get_array(d, "servers")) {
        const json::object& s = v.as_object();
        if (fold(json::get_string(s, "multi-domain-server")) == fold(server) ||
            fold(json::get_string(s, "name")) == fold(server)) {
            name = json::get_string(s, "name");
        }
    }
    if (name.empty()) {
        throw Error(Code::object_not_found, "Domain " + domain + " has no server on " + server)
            .refusal("", "mdsctl domain show " + shell_word(domain));
    }
    json::object order{{"name", domain}, {"servers", json::object{{"remove", name}}}};
    if (options.dry_run) return plan_change(client, options, std::move(order));
    if (!confirm(options, "Delete Domain Server " + safe(name) + " with its data on " + safe(server) + "?")) {
        throw Error(Code::unconfirmed, "Domain Server " + name + " would be deleted")
            .refusal("", "mdsctl ds delete " + shell_word(domain) + " " + shell_word(server) + " --yes");
    }
    json::object reply = client.run("", "set-domain", order);
    follow(client, options, "", json::get_string(json::get_array(reply, "tasks").at(0).as_object(), "task-id"));
    if (options.wait) print_done(options, "Domain Server " + name + " is deleted");
    return 0;
}

namespace {

/// A Domain of `ds mirror`, with the address of the server that it gets.
struct Missing {
    std::string domain, address;
};

/// DOMAIN or DOMAIN=ADDRESS each, as {folded name: address}. A name may have an equals sign, an
/// address has none.
std::map<std::string, std::string> addresses_of(const json::object& grid,
                                                const std::vector<std::string>& given) {
    std::set<std::string> domains;
    for (const json::value& v : json::get_array(grid, "domains")) {
        domains.insert(fold(json::get_string(v.as_object(), "name")));
    }
    std::map<std::string, std::string> out;
    for (const std::string& one : given) {
        size_t equals = domains.count(fold(one)) ? std::string::npos : one.rfind('=');
        out[fold(one.substr(0, equals))] =
            equals == std::string::npos ? "" : one.substr(equals + 1);
    }
    return out;
}

/// The Domains that have no server on `to`; `to` becomes its name as the deployment has it.
std::vector<Missing> missing_on(const json::object& grid, std::string& to, const std::vector<std::string>& only) {
    std::string uid;
    std::vector<std::string> names, known;
    for (const json::value& v : json::get_array(grid, "servers")) {
        const json::object& s = v.as_object();
        names.push_back(json::get_string(s, "name"));
        if (fold(names.back()) != fold(to)) continue;
        if (json::get_string(s, "role") == "log-server") {
            throw Error(Code::ha_invalid, names.back() + " is a log server; Standbys are on Multi-Domain Servers")
                .refusal("", "mdsctl server list");
        }
        to = names.back();
        uid = json::get_string(s, "uid");
    }
    if (uid.empty()) {
        throw Error(Code::object_not_found, fmt::format("no server {}; there are {}", to, join(names, ", ")))
            .refusal("", "mdsctl server list");
    }
    std::map<std::string, std::string> wanted = addresses_of(grid, only);
    std::vector<Missing> out;
    for (const json::value& v : json::get_array(grid, "domains")) {
        const json::object& d = v.as_object();
        std::string name = json::get_string(d, "name");
        const json::array& cells = json::get_array(d, "cells");
        auto one = wanted.extract(fold(name));
        if (!only.empty() && one.empty()) continue;
        bool there = std::any_of(cells.begin(), cells.end(), [&](const json::value& c) {
            return json::get_string(c.as_object(), "mds") == uid;
        });
        // Global comes with the server.
        if (there || json::get_string(d, "domain-type") == "global domain") continue;
        out.push_back({name, one.empty() ? "" : one.mapped()});
    }
    if (!wanted.empty()) {
        throw Error(Code::object_not_found, "no Domain " + wanted.begin()->first)
            .refusal("", "mdsctl domain list");
    }
    return out;
}

}  // namespace

int ds_mirror(Client& client, const Options& options, const std::string& server,
              const std::vector<std::string>& only) {
    std::string to = server;
    const json::object grid = client.grid();
    const std::vector<Missing> missing = missing_on(grid, to, only);
    std::set<std::string> taken = names_of_servers(grid);
    json::array rows;
    size_t failed = 0;
    bool tell = options.people() && !options.quiet;
    for (const Missing& one : missing) {
        json::object row{{"domain", one.domain},
                         {"server", ""},
                         {"result", options.dry_run ? "planned" : "done"},
                         {"text", ""}};
        std::string line, next, mark = options.dry_run ? "empty" : "done";
        try {
            if (one.address.empty()) {
                throw Error(Code::missing_parameters, "its server there needs an address")
                    .refusal("", fmt::format("mdsctl ds mirror --to {} --domains {}=ADDRESS",
                                             shell_word(to), shell_word(one.domain)));
            }
            std::string name = free_name(one.domain, taken);
            taken.insert(fold(name));
            json::object order{
                {"name", one.domain},
                {"servers", json::object{{"add", server_json(to + "=" + one.address, name,
                                                             "management server")}}}};
            order["plan"] = true;
            const json::object plan = client.run("", "set-domain", order);
            for (const json::value& v : json::get_array(plan, "add")) {
                row["server"] = json::get_string(v.as_object(), "name");
                line = planned_server(v.as_object());
            }
            if (!options.dry_run) {
                order.erase("plan");
                json::object reply = client.run("", "set-domain", order);
                std::string id = json::get_string(json::get_array(reply, "tasks").at(0).as_object(), "task-id");
                Options quiet = options;
                quiet.quiet = true;
                if (options.wait) row["text"] = json::get_string(follow(client, quiet, "", id), "comments");
            }
        } catch (const Error& e) {
            ++failed;
            mark = "problem";
            line = e.message();
            next = e.next();
            row["result"] = "failed";
            row["text"] = e.message();
        }
        rows.push_back(row);
        if (tell || (mark == "problem" && options.people())) {
            std::printf(
                "%s\n",
                wrapped(options, symbol(options, mark) + " " + safe(one.domain) + "  ", safe(line))
                    .c_str());
            if (!next.empty()) std::printf("  Next:  %s\n", safe(next).c_str());
            std::fflush(stdout);
        }
    }
    if (!options.people()) {
        Rows table("Domains", {"DOMAIN", "SERVER", "RESULT", "TEXT"});
        for (const json::value& v : rows) {
            const json::object& r = v.as_object();
            table.row(r, {json::get_string(r, "domain"), json::get_string(r, "server"), json::get_string(r, "result"),
                          json::get_string(r, "text")});
        }
        table.print(options);
    } else if (!options.quiet && missing.empty()) {
        std::printf("Every Domain has a server on %s.\n", safe(to).c_str());
    } else if (!options.quiet && options.dry_run) {
        std::printf("%zu Domain%s would get a Standby on %s, %zu cannot; nothing was changed\n",
                    missing.size() - failed, missing.size() - failed == 1 ? "" : "s", safe(to).c_str(), failed);
    } else if (!options.quiet) {
        std::printf("%zu Domain%s got a Standby on %s, %zu failed\n", missing.size() - failed,
                    missing.size() - failed == 1 ? "" : "s", safe(to).c_str(), failed);
    }
    return failed == 0 ? 0 : options.dry_run ? 3 : 10;
}

}  // namespace mds::ctl
