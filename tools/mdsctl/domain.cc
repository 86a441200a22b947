// mdsctl domain, mdsctl ds.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

Cell grid_cell(const Options& options, const json::object& cell) {
    std::string state = json::get_string(cell, "ha-state");
    if (state.empty()) return {symbol(options, "empty"), ""};
    std::string sync = json::get_string(cell, "sync-status");
    std::string word = state == "active"       ? "Active"
                       : state == "standby"    ? "Standby"
                       : state == "log server" ? "Log"
                                               : state;
    // A server that is not well shows that, not its last role's symbol (P2).
    bool well = sync.empty() || sync == "synchronized";
    return {state_text(options, well ? state : sync, safe(word)), well ? word : word + ", " + sync};
}

json::object server_json(const std::string& spec, const std::string& domain, size_t number,
                         const char* type) {
    size_t equals = spec.find('=');
    json::object server{{"name", fmt::format("{}-{}", domain, number)},
                        {"multi-domain-server", spec.substr(0, equals)},
                        {"type", type}};
    if (equals != std::string::npos) server["ip-address"] = spec.substr(equals + 1);
    return server;
}

}  // namespace

int domain_list(Client& client, const Options& options, bool problems_only) {
    json::object grid = client.grid();
    json::array rows;
    for (const json::value& v : json::get_array(grid, "domains")) {
        std::string sync = json::get_string(v.as_object(), "sync");
        if (!problems_only || (sync != "synchronized" && sync != "single")) rows.push_back(v);
    }
    std::vector<Column> columns{"DOMAIN"};
    std::vector<std::string> uids;
    for (const json::value& v : json::get_array(grid, "servers")) {
        columns.emplace_back(json::get_string(v.as_object(), "name"), false);
        uids.push_back(json::get_string(v.as_object(), "uid"));
    }
    columns.emplace_back("SYNC");
    columns.emplace_back("TYPE", true);
    columns.emplace_back("UID", true);
    Rows table("Domains", std::move(columns));
    size_t good = 0;
    for (const json::value& v : rows) {
        const json::object& d = v.as_object();
        std::vector<Cell> cells{json::get_string(d, "name")};
        for (const std::string& uid : uids) {
            const json::object* found = nullptr;
            for (const json::value& c : json::get_array(d, "cells")) {
                if (json::get_string(c.as_object(), "mds") == uid) found = &c.as_object();
            }
            cells.push_back(found ? grid_cell(options, *found) : Cell(symbol(options, "empty"), ""));
        }
        std::string sync = json::get_string(d, "sync");
        if (sync == "synchronized" || sync == "single") ++good;
        cells.emplace_back(sync);
        cells.emplace_back(json::get_string(d, "domain-type"));
        cells.emplace_back(json::get_string(d, "uid"));
        table.row(d, std::move(cells));
    }
    if (table.print(options) && !options.quiet) {
        std::printf("%zu Domain%s, %zu synchronized\n", rows.size(), rows.size() == 1 ? "" : "s", good);
    }
    return 0;
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
            table.row(std::move(whole),
                      {name, json::get_string(d, "name"), json::get_string(cell, "mds-name"),
                       json::get_string(cell, "address"), json::get_string(cell, "type"),
                       state_cell(options, state, state), state_cell(options, sync, sync),
                       json::get_string(cell, "server-uid")});
        }
    }
    table.print(options);
    return 0;
}

int domain_show(Client& client, const Options& options, const std::string& name) {
    json::object d = client.run("", "show-domain", {{"name", name}});
    if (options.json) {
        print_json(options, d);
        return 0;
    }
    // The grid knows which one is the Primary Domain Server.
    std::string primary;
    const json::object grid = client.grid();
    for (const json::value& v : json::get_array(grid, "domains")) {
        const json::object& row = v.as_object();
        if (json::get_string(row, "uid") != json::get_string(d, "uid")) continue;
        for (const json::value& c : json::get_array(row, "cells")) {
            const json::object& cell = c.as_object();
            if (json::get_bool(cell, "primary")) primary = json::get_string(cell, "mds-name");
        }
    }
    Rows table("servers", {"SERVER", "ON", "ADDRESS", "TYPE", "ACTIVE", "PRIMARY"});
    for (const json::value& v : json::get_array(d, "servers")) {
        const json::object& s = v.as_object();
        std::string on = json::get_string(s, "multi-domain-server"), type = json::get_string(s, "type");
        table.row(s, {json::get_string(s, "name", "-"), on,
                      json::get_string(s, "ipv4-address", json::get_string(s, "ipv6-address", "-")), type,
                      yes_cell(json::get_bool(s, "active")), yes_cell(on == primary && type != "log server")});
    }
    if (options.people()) {
        std::printf("%s   %s\n\n", safe(json::get_string(d, "name")).c_str(),
                    json::get_string(d, "domain-type").c_str());
    }
    table.print(options, "  ");
    return 0;
}

int domain_create(Client& client, const Options& options, const DomainCreate& what) {
    json::array servers;
    std::string first = what.on + (what.address.empty() ? "" : "=" + what.address);
    servers.push_back(server_json(first, what.name, 1, "management server"));
    for (const std::string& spec : what.standby) {
        json::object s = server_json(spec, what.name, servers.size() + 1, "management server");
        s["active"] = false;
        servers.push_back(std::move(s));
    }
    for (const std::string& spec : what.log) {
        json::object s = server_json(spec, what.name, servers.size() + 1, "log server");
        s["active"] = false;
        servers.push_back(std::move(s));
    }
    json::object reply =
        client.run("", "add-domain", {{"name", what.name}, {"servers", std::move(servers)}});
    std::string id = json::get_string(
        json::get_array(reply, "tasks").at(0).as_object(), "task-id");
    json::object task = follow(client, options, "", id);
    if (options.wait && !options.quiet) {
        std::printf("%s Domain %s: %s\n", symbol(options, "done").c_str(), what.name.c_str(),
                    json::get_string(task, "status").c_str());
        std::string comments = json::get_string(task, "comments");
        if (!comments.empty()) std::printf("  %s\n", safe(comments).c_str());
    }
    return 0;
}

int domain_assign_global(Client& client, const Options& options, const std::vector<std::string>& domains,
                         bool all) {
    if (domains.empty() && !all) {
        throw Error(Code::missing_parameters, "name the Domains, or give --all")
            .refusal("", "mdsctl domain assign-global --all");
    }
    json::object order;
    if (all) {
        order["global-domains"] = json::array{"Global"};
    } else {
        json::array names;
        for (const std::string& name : domains) names.push_back(json::value(name));
        order["dependent-domains"] = std::move(names);
    }
    json::object reply = client.run("", "assign-global-assignment", order);
    json::array rows;
    int failed = 0;
    for (const json::value& v : json::get_array(reply, "tasks")) {
        std::string id = json::get_string(v.as_object(), "task-id");
        std::string problem;
        json::object task;
        try {
            task = follow(client, options, "", id);
        } catch (const Error& e) {
            problem = e.message();
            json::object shown = client.run("", "show-task", {{"task-id", id}, {"details-level", "full"}});
            task = json::get_array(shown, "tasks").at(0).as_object();
        }
        json::object details;
        for (const json::value& d : json::get_array(task, "task-details")) details = d.as_object();
        std::string domain = json::get_string(details, "domain");
        failed += !problem.empty();
        rows.push_back(json::object{{"domain", domain},
                                    {"task-id", id},
                                    {"status", json::get_string(task, "status")},
                                    {"details", details}});
        if (options.json) continue;
        if (!problem.empty()) {
            std::printf("%s %s: %s\n", symbol(options, "failed").c_str(), safe(domain).c_str(),
                        safe(problem).c_str());
            std::string next = json::get_string(json::get_object(details, "refusal"), "next");
            if (!next.empty()) std::printf("  Next:  %s\n", safe(next).c_str());
        } else {
            std::string policy = json::get_string(details, "policy");
            std::printf("%s %s: %s, revision %lld of Global, %lld objects changed\n",
                        symbol(options, "done").c_str(), safe(domain).c_str(),
                        policy.empty() ? "global objects" : safe("policy " + policy).c_str(),
                        static_cast<long long>(json::get_int(details, "revision")),
                        static_cast<long long>(json::get_int(details, "changes")));
        }
    }
    if (options.json) {
        print_json(options, rows);
    } else if (failed < static_cast<int>(rows.size())) {
        std::printf("Nothing is installed by this; install the policies of the Domains next.\n");
    }
    return failed ? 10 : 0;
}

int domain_delete(Client& client, const Options& options, const std::string& name) {
    if (!confirm(options, "Delete Domain " + name + " with all its servers and data?")) {
        throw Error(Code::unconfirmed, "Domain " + name + " would be deleted with all its data")
            .refusal("", "mdsctl domain delete " + shell_word(name) + " --yes");
    }
    json::object reply = client.run("", "delete-domain", {{"name", name}});
    follow(client, options, "", json::get_string(reply, "task-id"));
    return 0;
}

int ds_create(Client& client, const Options& options, const std::string& domain,
              const std::string& server, const std::string& address, const std::string& name,
              bool log_server) {
    json::object d = client.run("", "show-domain", {{"name", domain}});
    size_t number = json::get_array(d, "servers").size() + 1;
    json::object s = server_json(server + (address.empty() ? "" : "=" + address), domain, number,
                                 log_server ? "log server" : "management server");
    if (!name.empty()) s["name"] = name;
    json::object reply = client.run(
        "", "set-domain", {{"name", domain}, {"servers", json::object{{"add", std::move(s)}}}});
    std::string id = json::get_string(
        json::get_array(reply, "tasks").at(0).as_object(), "task-id");
    follow(client, options, "", id);
    return 0;
}

int ds_delete(Client& client, const Options& options, const std::string& domain,
              const std::string& server) {
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
        throw Error(Code::object_not_found, "Domain " + domain + " has no server on " + server);
    }
    if (!confirm(options, "Delete Domain Server " + name + " with its data on " + server + "?")) {
        throw Error(Code::unconfirmed, "Domain Server " + name + " would be deleted")
            .refusal("", "mdsctl ds delete " + shell_word(domain) + " " + shell_word(server) + " --yes");
    }
    json::object reply = client.run(
        "", "set-domain", {{"name", domain}, {"servers", json::object{{"remove", name}}}});
    follow(client, options, "",
           json::get_string(json::get_array(reply, "tasks").at(0).as_object(), "task-id"));
    return 0;
}

}  // namespace mds::ctl
