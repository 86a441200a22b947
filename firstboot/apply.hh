#pragma once
#include <cstdio>
#include <functional>
#include <string>

#include "answers.hh"

namespace mds::firstboot {

/// What setup has been done with, kept in /var/lib/mds/setup.json: answers without secrets, and the
/// slow hash of the activation key, to recognize the same answers again.
struct Done {
    bool exists = false;
    std::map<std::string, std::string> answers;
    std::string key_hash;
    /// Ids of settings of the operating system that could not be made; a later run does.
    std::vector<std::string> open;
};
Done read_done(const std::string& path);
void write_done(const std::string& path, const Answers& answers,
                const std::vector<std::string>& open);
/// An explicit answer that differs from what was done.
struct Difference {
    const Question* question;
    std::string before, now;
    /// Whether it can be changed after set-up; if not, `why`.
    bool changes;
    std::string why;
};
std::vector<Difference> differences(const Done& done, const Answers& answers);

/// The JSON that Core1.Setup takes.
std::string setup_request(const Answers& answers);
/// What would be done, for --dry-run.
void print_plan(FILE* out, const Answers& answers);

/// Starts the services, calls Core1.Setup, enables and starts mds.target, prints steps and the
/// closing screen. Throws mds::Error. `page_leaves` makes the claim page give up the port of the management API, and
/// says whether it has and may go on with the connections it has; without it the page is ended.
void apply(FILE* out, const Answers& answers, const HostFacts& host, const std::string& done_file,
           const std::function<bool()>& page_leaves = {});
/// Carries out what changes() of these says, and keeps it as done.
void change(FILE* out, const std::vector<Difference>& wanted, Done done, const HostFacts& host,
            const std::string& done_file);
/// Makes the settings that an earlier run could not make; false: there are none.
bool settle(FILE* out, Done done, const HostFacts& host, const std::string& done_file);
/// Core1's State; empty when it does not answer.
std::string core_state();

}  // namespace mds::firstboot
