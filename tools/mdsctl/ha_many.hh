#pragma once
#include <string>
#include <vector>

#include "client.hh"

// The same in many Domains at once: changes of the Active, full copies, verifications.
namespace mds::ctl {

/// One Domain of it.
struct Change {
    std::string domain;
    /// The Multi-Domain Server that is Active, when one is, and the one that becomes it.
    std::string from, to;
    /// The Domain Server there.
    std::string server;
    std::string task, outcome, next;
    /// Said with --dry-run; empty: "FROM -> TO".
    std::string planned;
    /// "waiting", "running", "done", "failed", "skipped"; "planned" with --dry-run.
    std::string state = "waiting";
    int64_t begun = 0, took = 0;
};

/// Asks what each costs, asks the user (`words`: how to run it without), carries them out side by side and tells a
/// line each; `end`: what was done, behind the number. Exit 10 when some failed; with --dry-run 3 when some would.
int carry_out(Client& client, const Options& options, const std::string& action, std::vector<Change> changes,
              const std::string& words, const std::string& end, const std::string& question = "Go on?");

}  // namespace mds::ctl
