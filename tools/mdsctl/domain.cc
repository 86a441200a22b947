// mdsctl domain.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.hh"
#include "domain_servers.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

/// Of the Domain Servers that are stopped by hand, so many are told one by one.
constexpr size_t k_most_stopped = 3;

/// Who has stopped which Domain Server, below the table.
void print_stopped(const Options& options, const json::array& domains) {
    size_t told = 0;
    for (const json::value& v : domains) {
        for (const json::value& c : json::get_array(v.as_object(), "cells")) {
            const json::object& cell = c.as_object();
            if (!json::find(cell, "stopped") || ++told > k_most_stopped) continue;
            std::string place = json::get_string(cell, "server") + " on " + json::get_string(cell, "mds-name");
            std::string text = place + ": " + stopped_text(json::get_object(cell, "stopped"));
            std::printf("%s\n  Next:  %s\n", wrapped(options, symbol(options, "stopped") + " ", safe(text)).c_str(),
                        safe(json::get_string(cell, "next")).c_str());
        }
    }
    if (told > k_most_stopped) {
        std::printf("%zu more are stopped\n  Next:  mdsctl ds list\n", told - k_most_stopped);
    }
}

Cell grid_cell(const Options& options, const json::object& cell) {
    std::string state = json::get_string(cell, "ha-state");
    if (state.empty()) return {symbol(options, "empty"), ""};
    std::string sync = json::get_string(cell, "sync-status");
    std::string word = state == "active"       ? "Active"
                       : state == "standby"    ? "Standby"
                       : state == "log server" ? "Log"
                                               : state;
    if (json::find(cell, "stopped")) return {state_text(options, "stopped", "Stopped"), "stopped"};
    // A server that is not well shows that, not its last role's symbol (P2).
    bool well = sync.empty() || sync == "synchronized";
    return {state_text(options, well ? state : sync, safe(word)), well ? word : word + ", " + sync};
}

void print_planned(const Options& options, const json::array& servers) {
    for (const json::value& v : servers) {
        bool silent = json::get_bool(v.as_object(), "silent");
        std::printf("  %s %s%s\n", symbol(options, silent ? "problem" : "empty").c_str(),
                    planned_server(v.as_object()).c_str(), silent ? "   does not answer; gone when it returns" : "");
    }
}

/// The ids of tasks that are not waited for; one document for programs.
int tell_tasks(const Options& options, const json::array& tasks) {
    json::array ids;
    for (const json::value& v : tasks) {
        std::string id = json::get_string(v.as_object(), "task-id");
        if (!options.json) std::printf("%s\n", safe(id).c_str());
        ids.push_back(json::object{{"task-id", id}});
    }
    if (options.json) print_json(options, std::move(ids));
    return 0;
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
        print_stopped(options, rows);
    }
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
                    safe(json::get_string(d, "domain-type")).c_str());
    }
    table.print(options, "  ");
    return 0;
}

int domain_create(Client& client, const Options& options, const DomainCreate& what) {
    json::array servers;
    std::string first = what.on + (what.address.empty() ? "" : "=" + what.address);
    auto name = [&] { return fmt::format("{}-{}", what.name, servers.size() + 1); };
    servers.push_back(server_json(first, name(), "management server"));
    for (const std::string& spec : what.standby) {
        json::object s = server_json(spec, name(), "management server");
        s["active"] = false;
        servers.push_back(std::move(s));
    }
    for (const std::string& spec : what.log) {
        json::object s = server_json(spec, name(), "log server");
        s["active"] = false;
        servers.push_back(std::move(s));
    }
    json::object order{{"name", what.name}, {"servers", std::move(servers)}};
    if (options.dry_run) {
        order["plan"] = true;
        const json::object plan = client.run("", "add-domain", order);
        if (options.json) {
            print_json(options, plan);
            return 0;
        }
        std::printf("Domain %s would be created:\n", safe(json::get_string(plan, "domain")).c_str());
        print_planned(options, json::get_array(plan, "servers"));
        std::printf("Nothing was changed.\n");
        return 0;
    }
    json::object reply = client.run("", "add-domain", order);
    std::string id = json::get_string(json::get_array(reply, "tasks").at(0).as_object(), "task-id");
    json::object task = follow(client, options, "", id);
    if (!options.wait) return 0;
    std::string comments = json::get_string(task, "comments");
    print_done(options, "Domain " + what.name + ": " + json::get_string(task, "status"),
               {{"domain", what.name},
                {"task-id", id},
                {"status", json::get_string(task, "status")},
                {"comments", comments}});
    if (!comments.empty() && options.people() && !options.quiet) std::printf("  %s\n", safe(comments).c_str());
    return 0;
}

int domain_assign_global(Client& client, const Options& options, const std::vector<std::string>& domains, bool all) {
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
    if (!options.wait) return tell_tasks(options, json::get_array(reply, "tasks"));
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
        rows.push_back(json::object{
            {"domain", domain}, {"task-id", id}, {"status", json::get_string(task, "status")}, {"details", details}});
        if (options.json) continue;
        if (!problem.empty()) {
            std::printf("%s %s: %s\n", symbol(options, "problem").c_str(), safe(domain).c_str(),
                        safe(problem).c_str());
            std::string next = json::get_string(json::get_object(details, "refusal"), "next");
            if (!next.empty()) std::printf("  Next:  %s\n", safe(next).c_str());
        } else {
            std::string policy = json::get_string(details, "policy");
            std::printf("%s %s: %s, revision %lld of Global, %lld objects changed\n", symbol(options, "done").c_str(),
                        safe(domain).c_str(), policy.empty() ? "global objects" : safe("policy " + policy).c_str(),
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

int domain_edit(Client& client, const Options& options, const DomainEdit& what) {
    json::object order{{"name", what.name}};
    if (!what.comments.empty()) order["comments"] = what.comments;
    if (!what.colour.empty()) order["color"] = what.colour;
    if (order.size() == 1) {
        throw Error(Code::missing_parameters, "say what is to change: --comments or --colour")
            .refusal("", "mdsctl domain edit --help");
    }
    client.run("", "set-domain", order);
    print_done(options, "Domain " + what.name + " is changed");
    return 0;
}

int domain_delete(Client& client, const Options& options, const std::string& name) {
    std::string words = "domain delete " + shell_word(name);
    if (options.dry_run) {
        const json::object plan = client.run("", "delete-domain", {{"name", name}, {"plan", true}});
        if (options.json) {
            print_json(options, plan);
            return 0;
        }
        std::printf("Domain %s, revision %lld, would be deleted with its data:\n",
                    safe(json::get_string(plan, "domain")).c_str(),
                    static_cast<long long>(json::get_int(plan, "revision")));
        print_planned(options, json::get_array(plan, "servers"));
        size_t people = json::get_array(plan, "administrators").size();
        if (people) std::printf("Rights of %zu administrator%s in it end.\n", people, people == 1 ? "" : "s");
        if (json::get_bool(plan, "global-assignment")) std::printf("Its global assignment ends.\n");
        std::printf("Nothing was changed.\n");
        return 0;
    }
    if (!confirm_loss(options, "Delete Domain " + safe(name) + " with all its servers and data?", words)) {
        throw Error(Code::unconfirmed, "Domain " + name + " would be deleted with all its data")
            .refusal("", "mdsctl " + words + " --yes --reason TEXT");
    }
    json::object reply = client.run("", "delete-domain", {{"name", name}});
    follow(client, options, "", json::get_string(reply, "task-id"));
    if (options.wait) print_done(options, "Domain " + name + " is deleted");
    return 0;
}

}  // namespace mds::ctl
