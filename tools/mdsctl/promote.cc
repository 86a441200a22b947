// mdsctl promote: what is against it, what it would do, the question, the task, what is left to do.
#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "base/text.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

std::string revisions(int64_t count) { return fmt::format("{} revision{}", count, count == 1 ? "" : "s"); }

void line(const Options& options, const std::string& mark, const std::string& text) {
    std::printf("%s\n", wrapped(options, "  " + symbol(options, mark) + " ", safe(text)).c_str());
}

void show_plan(const Options& options, const json::object& plan) {
    std::printf("%s would become Primary in place of %s.\n\n",
                safe(json::get_string(plan, "server")).c_str(),
                safe(json::get_string(plan, "lost")).c_str());
    for (const json::value& v : json::get_array(plan, "checks")) {
        const json::object& c = v.as_object();
        std::string state = json::get_string(c, "state"), rf = json::get_string(c, "rf");
        line(options, state == "good" ? "done" : state,
             json::get_string(c, "what") + (state == "good" || rf.empty() ? "" : "  [" + rf + "]"));
        std::string next = json::get_string(c, "next");
        if (state != "good" && !next.empty()) std::printf("      Next:  %s\n", safe(next).c_str());
    }
    if (int64_t missing = json::get_int(plan, "system-revisions-missing")) {
        line(options, "warning", revisions(missing) + " of the system data are only on the lost server");
    }
    // One line for all that go the same way; what costs something is named.
    std::map<std::string, int> over;
    std::vector<std::string> only_primary;
    for (const json::value& v : json::get_array(plan, "domains")) {
        const json::object& d = v.as_object();
        std::string action = json::get_string(d, "action"), name = json::get_string(d, "domain");
        if (action == "take-over") ++over[json::get_string(d, "server")];
        if (action == "primary") only_primary.push_back(name);
        if (action == "left") line(options, "problem", "Domain " + name + ": " + json::get_string(d, "why"));
        if (int64_t missing = json::get_int(d, "revisions-missing")) {
            line(options, "warning", fmt::format("Domain {}: {} less on {} than the lost server had", name,
                                                 revisions(missing), json::get_string(d, "server")));
        }
    }
    for (const auto& [server, count] : over) {
        line(options, "active", fmt::format("{} Domain{} become{} Active on {}", count,
                                            count == 1 ? "" : "s", count == 1 ? "s" : "", server));
    }
    if (!only_primary.empty()) {
        line(options, "done", fmt::format("{} Domain{} already Active elsewhere get{} a new Primary server",
                                          only_primary.size(), only_primary.size() == 1 ? "" : "s",
                                          only_primary.size() == 1 ? "s" : ""));
    }
}

bool has_problem(const json::object& plan) {
    const json::array& checks = json::get_array(plan, "checks");
    return std::any_of(checks.begin(), checks.end(), [](const json::value& v) {
        return json::get_string(v.as_object(), "state") == "problem";
    });
}

}  // namespace

int promote(Client& client, const Options& options, const Promote& what) {
    json::object request{{"plan", true}, {"ignore-silent", what.ignore_silent}};
    json::array domains;
    for (const std::string& name : what.domains) domains.push_back(json::value(name));
    if (!domains.empty()) request["domains"] = std::move(domains);
    json::object plan = client.run("", "promote-mds", request);
    if (what.plan || options.dry_run) {
        if (options.json) {
            print_json(options, plan);
        } else {
            show_plan(options, plan);
            std::printf("\n%s\n", has_problem(plan) ? "It would be refused as things are."
                                                    : "Run it:  mdsctl promote --reason TEXT");
        }
        return has_problem(plan) ? 3 : 0;
    }
    if (!options.json && !options.quiet && !has_problem(plan)) show_plan(options, plan);
    if (!has_problem(plan) &&
        !confirm_loss(options, "Only when " + safe(json::get_string(plan, "lost")) +
                                   " is lost or cut off for good. Go on?", "promote")) {
        throw Error(Code::unconfirmed, "not confirmed, nothing was changed")
            .refusal("", "mdsctl promote --yes --reason TEXT");
    }
    request["plan"] = false;
    request["confirmed"] = true;
    json::object reply = client.run("", "promote-mds", request);
    json::object task = follow(client, options, "", json::get_string(reply, "task-id"));
    if (!options.wait) return 0;
    if (options.json) {
        print_json(options, task);
    }
    int failed = 0;
    for (const json::value& v : json::get_array(task, "task-details")) {
        const json::object& row = v.as_object();
        if (json::get_string(row, "domain").empty() || json::get_bool(row, "good")) continue;
        ++failed;
        if (!options.json) {
            line(options, "problem",
                 json::get_string(row, "domain") + ": " + json::get_string(row, "result"));
        }
    }
    if (options.json || options.quiet) return failed ? 10 : 0;
    std::printf("%s\n", wrapped(options, symbol(options, failed ? "warning" : "done") + " ",
                                safe(json::get_string(task, "progress-description")))
                            .c_str());
    std::string lost = shell_word(safe(json::get_string(plan, "lost")));
    std::printf(
        "No trust has to be re-established on any server. What is left to do:\n"
        "  when %s is back - it hands over what only it has, and stays read-only:\n"
        "      mdsctl server readmit %s\n"
        "  when it is lost for good - what refers to it is changed first, its certificates are revoked:\n"
        "      mdsctl server uses %s\n"
        "      mdsctl server delete %s\n",
        lost.c_str(), lost.c_str(), lost.c_str(), lost.c_str());
    return failed ? 10 : 0;
}

int ds_promote(Client& client, const Options& options, const std::string& domain) {
    json::object grid = client.grid();
    std::string self = json::get_string(grid, "self"), mine;
    for (const json::value& v : json::get_array(grid, "domains")) {
        const json::object& d = v.as_object();
        if (fold(json::get_string(d, "name")) != fold(domain)) continue;
        for (const json::value& c : json::get_array(d, "cells")) {
            const json::object& cell = c.as_object();
            if (json::get_string(cell, "mds") == self) mine = json::get_string(cell, "server");
        }
    }
    client.run("", "promote-domain-server", {{"domain", domain}});
    print_done(options, fmt::format("{} is now the Primary Domain Management Server of {}", mine, domain),
               {{"domain", domain}, {"server", mine}});
    if (options.people() && !options.quiet) {
        std::printf("  Next:  mdsctl domain show %s\n", shell_word(safe(domain)).c_str());
    }
    return 0;
}

int registry_show(Client& client, const Options& options) {
    client.require_here("registry show");
    json::object reply = client.run("", "show-registry", {});
    const json::object& registry = json::get_object(reply, "registry");
    if (options.json) {
        print_json(options, reply);
        return 0;
    }
    for (const auto& [path, values] : registry) {
        std::printf("[%s]\n", safe(std::string(path)).c_str());
        for (const auto& [name, value] : values.as_object()) {
            std::string text = value.is_string() ? std::string(value.as_string()) : json::text(value);
            std::printf("%s = %s\n", safe(std::string(name)).c_str(), safe(text).c_str());
        }
    }
    return 0;
}

int registry_is_primary(Client& client) {
    std::printf("%d\n", json::get_bool(client.run("", "show-registry", {}), "primary") ? 1 : 0);
    return 0;
}

int registry_set(Client& client, const Options& options, const std::string& path,
                 const std::string& name, const std::string* value) {
    json::object request{{"path", path}, {"name", name}};
    if (value) {
        bool number = !value->empty() && value->find_first_not_of("0123456789") == std::string::npos &&
                      value->size() < 10;
        request["value"] = number ? json::value(std::stoi(*value)) : json::value(*value);
    }
    json::object reply = client.run("", "set-registry", request);
    if (json::get_string(reply, "task-id").empty()) {
        const json::array& missing = json::get_array(reply, "missing");
        if (options.quiet || missing.empty()) return 0;
        std::printf("This server is a Secondary still. Missing for the promotion:\n");
        for (const json::value& v : missing) {
            std::printf("  %s\n", safe(std::string(v.as_string())).c_str());
        }
        return 0;
    }
    json::object task = follow(client, options, "", json::get_string(reply, "task-id"));
    if (options.wait && !options.quiet) {
        line(options, "done", json::get_string(task, "progress-description"));
        std::printf("  Next:  mdsenv SERVER; promote_util    (for each Domain: mdsctl domain list)\n");
    }
    return 0;
}

}  // namespace mds::ctl
