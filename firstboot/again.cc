#include "again.hh"

#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "base/join_string.hh"
#include "base/roles.hh"
#include "base/text.hh"
#include "wrap.hh"

namespace mds::firstboot {
namespace {

/// The first of what cannot change and that somebody will try next.
void print_differences(const std::string& title, const std::vector<Difference>& found) {
    std::printf("Already set up as %s. These answers differ:\n\n", title.c_str());
    for (const Difference& one : found) {
        std::printf("  %-22s %s -> %s\n  %-22s %s\n", one.question->key, one.before.c_str(), one.now.c_str(), "",
                    one.changes ? "can be changed" : ("stays: " + one.why).c_str());
    }
    std::puts("");
    std::fflush(stdout);
}

/// The key that is waited with was answered anew.
bool is_new_key(const Answers& answers, const Done& done) {
    std::string key = answers.get("activation_key");
    return answers.has("activation_key") && !done.key_hash.empty() &&
           check_value("activation_key", key, answers).empty() && !verify_password(key, done.key_hash);
}

}  // namespace

void print_problems(const Answers& answers, const std::string& end) {
    size_t count = answers.problems().size();
    std::fprintf(stderr, "%zu problem%s:\n", count, count == 1 ? "" : "s");
    for (const Problem& one : answers.problems()) {
        std::string text = (one.refusal.empty() ? "" : one.refusal + " ") + one.where + ": " + one.text;
        std::fputs(indented_for(stderr, text, "  ").c_str(), stderr);
    }
    std::fprintf(stderr, "%s\n", end.c_str());
}

bool ask_yes(const std::string& question) {
    if (!isatty(STDIN_FILENO)) return false;
    std::printf("%s [y/N] ", question.c_str());
    std::fflush(stdout);
    std::string typed;
    std::getline(std::cin, typed);
    typed = fold(trim(typed));
    return typed == "y" || typed == "yes";
}

Again again(Answers& answers, const Done& done, const HostFacts& host, const std::string& done_file, bool agreed,
            bool dry_run) {
    std::string title = role_title(done.answers.at("role"));
    title = title.substr(0, title.find(" Multi-Domain S"));
    if (!answers.problems().empty()) {
        print_problems(answers, "Nothing was changed.");
        return Again::refused;
    }
    bool role_given = answers.has("role");
    answers.resolve(host, false);
    // What is missing is as it was; a role that is none, or two, is a mistake (PS-4).
    bool wrong_role = std::any_of(answers.problems().begin(), answers.problems().end(),
                                  [](const Problem& one) { return one.refusal == "RF-03"; });
    if (role_given && wrong_role) {
        print_problems(answers, "Nothing was changed.");
        return Again::refused;
    }
    std::vector<Difference> found = differences(done, answers);
    auto can_change = [](const Difference& one) { return one.changes; };
    bool all = std::all_of(found.begin(), found.end(), can_change), some = std::any_of(found.begin(), found.end(), can_change);
    if (!found.empty()) {
        print_differences(title, found);
        for (const Difference& one : found) {
            std::string wrong = one.changes ? check_value(one.question->id, one.now, answers) : "";
            if (wrong.empty()) continue;
            std::fprintf(stderr, "%s: %s.\nNothing was changed.\n", one.question->key, wrong.c_str());
            return Again::refused;
        }
        if (dry_run) {
            std::puts("Nothing was changed.");
            return Again::nothing;
        }
        // --yes agrees to all of it; what stays is then no small print.
        bool go = some && (agreed ? all : ask_yes(all ? "Change that?" : "Change what can be changed, and nothing else?"));
        if (!go) {
            std::fprintf(stderr, "Nothing was changed.%s\n",
                         some && all ? "\nNext: the same command with --yes, or on a terminal" : "");
            return Again::refused;
        }
        change(stdout, found, done, host, done_file);
        return Again::done;
    }
    if (is_new_key(answers, done) && core_state() == "waiting for trust") {
        if (!answers.problems().empty()) {
            print_problems(answers, "Nothing was changed.");
            return Again::refused;
        }
        if (dry_run) {
            std::puts("Would set the new activation key. Nothing was changed.");
            return Again::nothing;
        }
        return Again::new_key;
    }
    if (!dry_run && settle(stdout, done, host, done_file)) return Again::done;
    std::printf("Already set up as %s, no change\n", title.c_str());
    return Again::nothing;
}

}  // namespace mds::firstboot
