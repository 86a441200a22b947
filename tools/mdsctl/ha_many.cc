// mdsctl ha set-active --all, force-active --all, balance: how many Domains change at once.
#include "ha_many.hh"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "base/clock.hh"
#include "base/text.hh"
#include "ha_plan.hh"
#include "interrupt.hh"
#include "rows.hh"

namespace mds::ctl {
namespace {

/// Tasks that run at the same time; each ends in about a second.
constexpr size_t k_at_once = 16;

json::object task_of(Client& client, const std::string& id) {
    json::object reply = client.run("", "show-task", {{"task-id", id}, {"details-level", "full"}});
    const json::array& tasks = json::get_array(reply, "tasks");
    if (tasks.empty()) throw Error(Code::object_not_found, "no task " + id);
    return tasks.front().as_object();
}

void fail(Change& c, const Error& e) {
    c.state = "failed";
    c.outcome = e.message();
    c.next = e.next();
    c.took = c.begun ? mono_ms() - c.begun : 0;
}

bool ended(const Change& c) {
    return c.state != "waiting" && c.state != "running";
}

void show(const Options& options, const Change& c, size_t width) {
    if (!options.people()) return;
    std::string mark = c.state == "done"      ? "done"
                       : c.state == "failed"  ? "problem"
                       : c.state == "planned" ? "active"
                                              : "empty";
    std::string name = safe(c.domain);
    name.append(width - std::min(width, columns(name)), ' ');
    std::string time = c.took ? fmt::format("  {:.1f} s", static_cast<double>(c.took) / 1000) : "";
    std::printf("%s\n", wrapped(options, symbol(options, mark) + " " + name + "  ", safe(c.outcome) + time).c_str());
    if (!c.next.empty()) std::printf("  Next:  %s\n", safe(c.next).c_str());
    std::fflush(stdout);
}

/// Asks every Domain what it costs; true when something is lost anywhere.
bool look(Client& client, const Options& options, const std::string& action, std::vector<Change>& changes) {
    bool costs = false;
    for (Change& c : changes) {
        if (c.state != "waiting") continue;
        try {
            const json::object plan = ha_plan(client, c.domain, action, c.to);
            if (options.dry_run) {
                c.state = "planned";
                c.outcome = c.from.empty() ? c.to + " becomes Active" : c.from + " -> " + c.to;
                if (!c.planned.empty()) c.outcome = c.planned;
            }
            if (!json::get_bool(plan, "costs")) continue;
            costs = true;
            for (const json::value& v : json::get_array(plan, "warnings")) {
                if (!options.quiet) tell(options, "warning", c.domain + ": " + std::string(v.as_string()));
            }
        } catch (const Error& e) {
            fail(c, e);
        }
    }
    return costs;
}

void order(Client& client, const std::string& action, Change& c) {
    c.begun = mono_ms();
    json::object request = ha_request(c.domain, action, c.to);
    request["confirmed"] = true;
    c.task = json::get_string(client.run("", "domain-ha-action", request), "task-id");
    c.state = "running";
}

void follow_up(Client& client, Change& c) {
    json::object task = task_of(client, c.task);
    std::string status = json::get_string(task, "status");
    if (status == "in progress") return;
    if (status == "failed") {
        throw Error(Code::ha_invalid, json::get_string(task, "comments"))
            .refusal("", "mdsctl ha status " + shell_word(c.domain));
    }
    c.state = "done";
    c.outcome = json::get_string(task, "progress-description");
    c.took = mono_ms() - c.begun;
}

/// One look at each; true when all have ended.
bool round(Client& client, const Options& options, const std::string& action, std::vector<Change>& changes,
           size_t width) {
    bool live = isatty(STDERR_FILENO) && !options.quiet && options.people();
    auto running = static_cast<size_t>(
        std::count_if(changes.begin(), changes.end(), [](const Change& c) { return c.state == "running"; }));
    for (Change& c : changes) {
        if (ended(c)) continue;
        try {
            if (c.state == "running") {
                follow_up(client, c);
            } else if (running < k_at_once) {
                order(client, action, c);
                ++running;
            }
        } catch (const Error& e) {
            fail(c, e);
        }
        if (!ended(c)) continue;
        if (live) std::fprintf(stderr, "\r\033[K");
        show(options, c, width);
    }
    auto done = static_cast<size_t>(std::count_if(changes.begin(), changes.end(), ended));
    if (live && done < changes.size()) {
        std::fprintf(stderr, "\r\033[K  %s  %zu of %zu Domains",
                     bar(options, static_cast<int>(100 * done / changes.size())).c_str(), done, changes.size());
    }
    return done == changes.size();
}

void tell_programs(const Options& options, const std::vector<Change>& changes) {
    Rows table("Domains", {"DOMAIN", "FROM", "TO", "SERVER", "RESULT", "SECONDS", "TEXT"});
    for (const Change& c : changes) {
        auto seconds = static_cast<double>(c.took) / 1000;
        table.row({{"domain", c.domain},
                   {"from", c.from},
                   {"to", c.to},
                   {"server", c.server},
                   {"result", c.state},
                   {"text", c.outcome},
                   {"seconds", seconds}},
                  {c.domain, c.from, c.to, c.server, c.state, fmt::format("{:.1f}", seconds), c.outcome});
    }
    table.print(options);
}

/// With --timeout: what was begun goes on, the rest is not begun.
[[noreturn]] void give_up(const Options& options, const std::vector<Change>& changes) {
    size_t running = 0, waiting = 0;
    for (const Change& c : changes) {
        running += c.state == "running";
        waiting += c.state == "waiting";
    }
    if (isatty(STDERR_FILENO) && !options.quiet && options.people())
        std::fprintf(stderr, "\r\033[K");
    throw Error(Code::timed_out,
                fmt::format("after {} s {} Domain{} still change{}, {} {} not begun",
                            options.timeout_s, running, running == 1 ? "" : "s",
                            running == 1 ? "s" : "", waiting, waiting == 1 ? "was" : "were"))
        .refusal("", "mdsctl task list");
}

/// With --no-wait: the ids of the tasks, as follow() tells them; exit 10 when some could not be
/// ordered.
int only_order(Client& client, const Options& options, const std::string& action,
               std::vector<Change>& changes, size_t width) {
    json::array ids;
    bool failed = false;
    for (Change& c : changes) {
        if (c.state == "waiting") {
            try {
                order(client, action, c);
                if (!options.json) std::printf("%s\n", safe(c.task).c_str());
                ids.push_back(json::object{{"domain", c.domain}, {"task-id", c.task}});
            } catch (const Error& e) {
                fail(c, e);
                show(options, c, width);
            }
        }
        if (c.state != "failed") continue;
        failed = true;
        if (!options.people()) {
            std::fprintf(stderr, "%s\n",
                         wrapped(options, "! ", safe(c.domain + ": " + c.outcome)).c_str());
        }
    }
    if (options.json) print_json(options, std::move(ids));
    return failed ? 10 : 0;
}

}  // namespace

int carry_out(Client& client, const Options& options, const std::string& action, std::vector<Change> changes,
              const std::string& words, const std::string& end, const std::string& question) {
    bool costs = look(client, options, action, changes), loses = action == "force-active" || action == "full-sync";
    bool go = options.dry_run || !(costs || loses) ||
              (loses ? confirm_loss(options, question, words) : confirm(options, question));
    if (!go) {
        std::string what = question.substr(0, question.rfind("Go on?"));
        throw Error(Code::unconfirmed, "not confirmed, nothing was changed" + (what.empty() ? "" : ": " + trim(what)))
            .refusal("", "mdsctl " + words + " --yes" + (loses ? " --reason TEXT" : ""));
    }
    size_t width = 0;
    for (const Change& c : changes) width = std::max(width, columns(safe(c.domain)));
    for (const Change& c : changes) {
        if (ended(c)) show(options, c, width);
    }
    if (!options.dry_run && !options.wait)
        return only_order(client, options, action, changes, width);
    if (!options.dry_run) {
        say_when_interrupted("What was begun goes on; look with: mdsctl task list");
        int64_t begin = mono_ms();
        // Polled as in follow(): the tasks run on other hosts.
        while (!round(client, options, action, changes, width)) {
            if (options.timeout_s && mono_ms() - begin > options.timeout_s * 1000)
                give_up(options, changes);
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
    }
    auto number = [&](const char* state) {
        return static_cast<size_t>(
            std::count_if(changes.begin(), changes.end(), [&](const Change& c) { return c.state == state; }));
    };
    size_t failed = number("failed"), left = number("skipped"), rest = changes.size() - failed - left;
    if (!options.people()) {
        tell_programs(options, changes);
    } else if (!options.quiet) {
        std::printf("%zu Domain%s %s%s, %zu %s, %zu left as they were\n", rest, rest == 1 ? "" : "s",
                    options.dry_run ? "would be " : "", safe(end).c_str(), failed,
                    options.dry_run ? "cannot" : "failed", left);
    }
    return failed == 0 ? 0 : options.dry_run ? 3 : 10;
}

}  // namespace mds::ctl
