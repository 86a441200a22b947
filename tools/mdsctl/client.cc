#include "client.hh"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <thread>

#include "base/clock.hh"
#include "base/shell.hh"
#include "draw.hh"
#include "interrupt.hh"
#include "rows.hh"

namespace mds::ctl {

namespace {

/// Says what was asked and how long the answer took; the body may hold a secret.
class Told {
  public:
    Told(bool verbose, std::string what) : verbose_(verbose), what_(std::move(what)) {}
    ~Told() {
        if (verbose_)
            std::fprintf(stderr, "> %s  %lld ms\n", safe(what_).c_str(), static_cast<long long>(mono_ms() - begin_));
    }
    Told(const Told&) = delete;
    Told& operator=(const Told&) = delete;

  private:
    bool verbose_;
    std::string what_;
    int64_t begin_ = mono_ms();
};

bool changes(const std::string& command) {
    return command.rfind("show-", 0) != 0 && command != "where-used" && command != "verify-audit";
}

}  // namespace

json::object Client::run(const std::string& domain, const std::string& command, const json::object& body) {
    const json::value* plan = json::find(body, "plan");
    if (changes(command) && !(plan && plan->is_bool() && plan->as_bool())) require_change();
    Told told(verbose_, command + (domain.empty() ? "" : " in " + domain));
    return transport_->run(domain, command, body);
}

json::object Client::grid() {
    Told told(verbose_, "grid");
    return transport_->grid();
}

void Client::require_change() const {
    if (!dry_run_) return;
    throw Error(Code::invalid_parameter, "this verb has no plan to show; nothing was changed")
        .refusal("", "mdsctl --help");
}

void Client::require_here(const std::string& words) const {
    std::string there = transport_->host();
    if (there.empty()) return;
    throw Error(Code::invalid_parameter, "this is done on the server itself, not over the management API of " + there)
        .refusal("", "on " + there + ": mdsctl " + words);
}

bool confirm(const Options& options, const std::string& question) {
    if (options.yes) return true;
    if (!isatty(STDIN_FILENO)) return false;
    std::fprintf(stderr, "%s ", wrapped(options, "", question + " [y/N]").c_str());
    std::string line;
    return std::getline(std::cin, line) && (line == "y" || line == "Y" || line == "yes");
}

bool confirm_loss(const Options& options, const std::string& question, const std::string& words) {
    if (options.yes && options.reason.empty()) {
        throw Error(Code::missing_parameters, "without a question this needs its reason, for the audit record")
            .refusal("", "mdsctl " + words + " --yes --reason TEXT");
    }
    return confirm(options, question);
}

json::object follow(Client& client, const Options& options, const std::string& domain, const std::string& task_id) {
    if (!options.wait) {
        if (options.json) {
            print_json(options, json::object{{"task-id", task_id}});
        } else {
            std::printf("%s\n", safe(task_id).c_str());
        }
        return {};
    }
    std::string watch = "mdsctl task watch " +
                        (domain.empty() ? "" : "-D " + shell_word(domain) + " ") +
                        shell_word(task_id);
    say_when_interrupted("Still running; come back with: " + safe(watch));
    std::string shown;
    int64_t begin = mono_ms();
    // When both go to one file, what was printed before stands before the steps.
    std::fflush(stdout);
    for (;;) {
        json::object reply = client.run(domain, "show-task", {{"task-id", task_id}, {"details-level", "full"}});
        const json::array& tasks = json::get_array(reply, "tasks");
        if (tasks.empty()) throw Error(Code::object_not_found, "no task " + task_id);
        json::object task = tasks.front().as_object();
        std::string status = json::get_string(task, "status");
        std::string step = json::get_string(task, "progress-description");
        bool live = isatty(STDERR_FILENO) && !options.quiet;
        if (status == "in progress") {
            int percent = static_cast<int>(json::get_int(task, "progress-percentage"));
            std::string line = bar(options, percent) + fmt::format("  {:3} %  ", percent) + safe(step);
            if (live && line != shown) {
                std::fprintf(stderr, "\r\033[K  %s", cut(options, line, options.width - 3).c_str());
            }
            if (!live && !options.quiet && step != shown && !step.empty()) {
                std::fprintf(stderr, "  %s\n", safe(step).c_str());
            }
            shown = live ? line : step;
        } else {
            if (live && !shown.empty()) std::fprintf(stderr, "\r\033[K");
            say_when_interrupted("");
            if (status == "failed") {
                std::string why = json::get_string(task, "comments");
                throw Error(Code::ha_invalid, why.empty() ? "the task failed" : why);
            }
            return task;
        }
        if (options.timeout_s && mono_ms() - begin > options.timeout_s * 1000) {
            throw Error(Code::timed_out, "the task goes on after " + std::to_string(options.timeout_s) + " s")
                .refusal("", watch);
        }
        // The task's progress is polled: it may run on another host, where no signal reaches us.
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

}  // namespace mds::ctl
