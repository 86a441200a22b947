// mdsctl ha set-active, set-standby, force-active, sync: what it costs, the question, the task.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/clock.hh"
#include "base/text.hh"
#include "interrupt.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

/// Tasks that run at the same time; each ends in about a second.
constexpr size_t k_at_once = 16;

json::object request_of(const std::string& domain, const std::string& action,
                        const std::string& target) {
    return {{"domain", domain}, {"action", action}, {"target", target}};
}

json::object plan_of(Client& client, const std::string& domain, const std::string& action,
                     const std::string& target) {
    json::object request = request_of(domain, action, target);
    request["plan"] = true;
    return client.run("", "domain-ha-action", request);
}

std::string always_asked(const std::string& action) {
    if (action == "set-standby") {
        return "Nobody can change this Domain until a server is set Active.";
    }
    if (action == "force-active") {
        return "The old Active server may hold publishes that this one lacks; when it returns they "
               "are parked and given back to their authors, not lost.";
    }
    if (action == "full-sync") return "The content of the peer is replaced with a full copy.";
    return "";
}

void tell(const Options& options, const std::string& mark, const std::string& text) {
    std::fprintf(stderr, "%s\n",
                 wrapped(options, "  " + symbol(options, mark) + " ", safe(text)).c_str());
}

/// Shows the plan and asks when there is something to lose; throws `unconfirmed` (exit 9).
void ask(const Options& options, const std::string& domain, const std::string& action,
         const std::string& target, const json::object& plan) {
    std::string question = always_asked(action);
    const json::array& warnings = json::get_array(plan, "warnings");
    if (question.empty() && !json::get_bool(plan, "costs")) return;
    std::string who = json::get_string(plan, "target"), on = json::get_string(plan, "mds-name");
    if (!options.quiet) {
        std::fprintf(stderr, "%s: %s%s\n", safe(domain).c_str(), safe(who).c_str(),
                     who == on ? "" : (" on " + safe(on)).c_str());
        for (const json::value& v : warnings) tell(options, "warning", std::string(v.as_string()));
    }
    if (confirm(options, question + (question.empty() ? "Go on?" : " Go on?"))) return;
    std::string word = action == "full-sync" ? "sync" : action;
    std::string where = target.empty() ? "" : (action == "full-sync" ? " --to " : " ") + shell_word(target);
    Error error(Code::unconfirmed, "not confirmed, nothing was changed");
    throw std::move(error).refusal("", fmt::format("mdsctl ha {} {}{} --yes", word, shell_word(domain), where));
}

json::object task_of(Client& client, const std::string& id) {
    json::object reply = client.run("", "show-task", {{"task-id", id}, {"details-level", "full"}});
    const json::array& tasks = json::get_array(reply, "tasks");
    if (tasks.empty()) throw Error(Code::object_not_found, "no task " + id);
    return tasks.front().as_object();
}

/// One Domain of `set-active --all`.
struct Change {
    std::string domain, server, task, outcome, next;
    /// "waiting", "running", "done", "failed", "skipped".
    std::string state = "waiting";
    int64_t begun = 0, took = 0;
};

void fail(Change& c, const Error& e) {
    c.state = "failed";
    c.outcome = e.message();
    c.next = e.next();
    c.took = c.begun ? mono_ms() - c.begun : 0;
}

void show(const Options& options, const Change& c, size_t width) {
    if (options.json) return;
    std::string mark = c.state == "done" ? "done" : c.state == "skipped" ? "empty" : "problem";
    std::string name = safe(c.domain);
    name.append(width - std::min(width, columns(name)), ' ');
    std::string time = c.took ? fmt::format("  {:.1f} s", static_cast<double>(c.took) / 1000) : "";
    std::printf("%s\n",
                wrapped(options, symbol(options, mark) + " " + name + "  ", safe(c.outcome) + time)
                    .c_str());
    if (!c.next.empty()) std::printf("  Next:  %s\n", safe(c.next).c_str());
    std::fflush(stdout);
}

/// The Domains and what is to be done with each; `on` becomes the name of the server.
std::vector<Change> changes_for(Client& client, std::string& on) {
    json::object grid = client.grid();
    std::string mds;
    std::vector<std::string> names;
    for (const json::value& v : json::get_array(grid, "servers")) {
        const json::object& s = v.as_object();
        std::string name = json::get_string(s, "name");
        names.push_back(name);
        if (fold(name) != fold(on) && on != json::get_string(s, "address")) continue;
        if (json::get_string(s, "role") == "log-server") {
            throw Error(Code::ha_invalid, name + " is a log server; log servers are never Active");
        }
        mds = json::get_string(s, "uid");
        on = name;
    }
    if (mds.empty()) {
        throw Error(Code::object_not_found,
                    fmt::format("no server {}; there are {}", on, join(names, ", ")))
            .refusal("", "mdsctl server list");
    }
    std::vector<Change> out;
    for (const json::value& v : json::get_array(grid, "domains")) {
        const json::object& d = v.as_object();
        Change c;
        c.domain = json::get_string(d, "name");
        c.state = "skipped";
        c.outcome = "no server on " + on;
        for (const json::value& cell_value : json::get_array(d, "cells")) {
            const json::object& cell = cell_value.as_object();
            if (json::get_string(cell, "mds") != mds ||
                json::get_string(cell, "type") == "log server") {
                continue;
            }
            c.server = json::get_string(d, "domain-type") == "global domain"
                           ? on
                           : json::get_string(cell, "server");
            bool active = json::get_string(cell, "ha-state") == "active";
            c.outcome = active ? c.server + " is Active already" : "";
            if (!active) c.state = "waiting";
        }
        out.push_back(std::move(c));
    }
    return out;
}

void plan_all(Client& client, const Options& options, const std::string& on,
              std::vector<Change>& changes) {
    bool costs = false;
    for (Change& c : changes) {
        if (c.state != "waiting") continue;
        try {
            json::object plan = plan_of(client, c.domain, "set-active", on);
            if (!json::get_bool(plan, "costs")) continue;
            costs = true;
            for (const json::value& v : json::get_array(plan, "warnings")) {
                if (!options.quiet)
                    tell(options, "warning", c.domain + ": " + std::string(v.as_string()));
            }
        } catch (const Error& e) {
            fail(c, e);
        }
    }
    if (!costs || confirm(options, "Go on?")) return;
    throw Error(Code::unconfirmed, "not confirmed, nothing was changed")
        .refusal("", "mdsctl ha set-active --all --on " + shell_word(on) + " --yes");
}

}  // namespace

int ha_action(Client& client, const Options& options, const std::string& domain,
              const std::string& action, const std::string& target) {
    ask(options, domain, action, target, plan_of(client, domain, action, target));
    json::object request = request_of(domain, action, target);
    request["confirmed"] = true;
    json::object reply = client.run("", "domain-ha-action", request);
    std::string saved = json::get_string(reply, "saved-to");
    if (!saved.empty() && !options.quiet) {
        tell(options, "empty", "what only this side has is listed in " + saved);
    }
    json::object task = follow(client, options, "", json::get_string(reply, "task-id"));
    if (options.wait && !options.quiet) {
        std::printf("%s\n", wrapped(options, symbol(options, "done") + " ",
                                    safe(domain) + ": " +
                                        safe(json::get_string(task, "progress-description")))
                                .c_str());
    }
    return 0;
}

int ha_set_active_all(Client& client, const Options& options, const std::string& server) {
    std::string on = server;
    std::vector<Change> changes = changes_for(client, on);
    plan_all(client, options, on, changes);
    size_t width = 0, open = 0, failed = 0, done = 0;
    for (const Change& c : changes) width = std::max(width, columns(safe(c.domain)));
    for (const Change& c : changes) {
        if (c.state == "waiting")
            ++open;
        else
            show(options, c, width);
    }
    bool live = isatty(STDERR_FILENO) && !options.quiet && !options.json;
    say_when_interrupted("What was begun goes on; look with: mdsctl task list");
    for (size_t total = open; open > 0;) {
        auto running = static_cast<size_t>(std::count_if(
            changes.begin(), changes.end(), [](const Change& c) { return c.state == "running"; }));
        for (Change& c : changes) {
            if (c.state != "waiting" && c.state != "running") continue;
            try {
                if (c.state == "waiting" && running < k_at_once) {
                    c.begun = mono_ms();
                    json::object request = request_of(c.domain, "set-active", on);
                    request["confirmed"] = true;
                    c.task =
                        json::get_string(client.run("", "domain-ha-action", request), "task-id");
                    c.state = "running";
                    ++running;
                } else if (c.state == "running") {
                    json::object task = task_of(client, c.task);
                    std::string status = json::get_string(task, "status");
                    if (status == "in progress") continue;
                    if (status == "failed") {
                        throw Error(Code::ha_invalid, json::get_string(task, "comments"))
                            .refusal("", "mdsctl ha status " + shell_word(c.domain));
                    }
                    c.state = "done";
                    c.outcome = json::get_string(task, "progress-description");
                    c.took = mono_ms() - c.begun;
                }
            } catch (const Error& e) {
                fail(c, e);
            }
            if (c.state != "done" && c.state != "failed") continue;
            --open;
            if (live) std::fprintf(stderr, "\r\033[K");
            show(options, c, width);
        }
        if (open == 0) break;
        if (live) {
            std::fprintf(stderr, "\r\033[K  %s  %zu of %zu Domains",
                         bar(options, static_cast<int>(100 * (total - open) / total)).c_str(),
                         total - open, total);
        }
        // Polled as in follow(): the tasks run on other hosts.
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    json::array rows;
    for (const Change& c : changes) {
        failed += c.state == "failed";
        done += c.state == "done";
        rows.push_back(json::object{{"domain", c.domain},
                                    {"server", c.server},
                                    {"result", c.state},
                                    {"text", c.outcome},
                                    {"seconds", static_cast<double>(c.took) / 1000}});
    }
    if (options.json) {
        print_json(options, rows);
    } else if (!options.quiet) {
        std::printf("%zu Domain%s set Active on %s, %zu failed, %zu left as they were\n", done,
                    done == 1 ? "" : "s", safe(on).c_str(), failed, changes.size() - done - failed);
    }
    return failed ? 10 : 0;
}

}  // namespace mds::ctl
