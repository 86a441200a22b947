#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client.hh"
#include "rows.hh"

// mdsctl doctor: looks at everything that can be wrong with this server, the path to the others and
// the Domains, and says what is the cause of what. doctor_table.cc has a row for each check.
namespace mds::ctl::doctor {

struct World;

/// `note` and `unknown` leave the exit status 0: nothing is known to be wrong.
enum class Verdict { ok, note, unknown, warning, bad };
const char* verdict_word(Verdict verdict);

/// A command that can be pasted, and the server on which; empty: this one.
struct Next {
    std::string command, on;
    std::string text() const { return on.empty() ? command : "on " + on + ":  " + command; }
};

/// What --fix does: nothing that could lose data. `act` throws mds::Error.
struct Fix {
    std::string does;
    std::function<void()> act;
};

struct Finding {
    Verdict verdict = Verdict::ok;
    /// Server, Domain, unit or path that it is about; empty: this server as a whole.
    std::string about;
    /// What is seen, half a line.
    std::string what;
    /// Why that is so, a sentence; empty when all is well.
    std::string cause;
    std::vector<Next> next;
    /// What cannot work because of it ("peer:tokyo", "unit:mds-core", "disk"), and what it would
    /// take to work.
    std::vector<std::string> breaks, needs;
    std::optional<Fix> fix;

    // Set by examine().
    std::string check;
    size_t depth = 0;
    /// Index of the finding that is the cause of this one, -1: none is.
    int because = -1;
    /// How many findings, and which Domains, it is the cause of.
    size_t explains = 0;
    std::vector<std::string> domains;

    bool wrong() const { return verdict >= Verdict::warning; }
    json::object to_json() const;
};

using Findings = std::vector<Finding>;

struct Check {
    const char* id;
    /// What it looks at; for the manual and --report.
    const char* looks_at;
    Findings (*look)(const World& world);
};
/// All checks. What an earlier one finds may be the cause of what a later one sees, never the other
/// way round.
const std::vector<Check>& checks();

/// Runs all checks at the same time and finds out what is the cause of what; the worst causes come
/// first.
Findings examine(const World& world);
/// Only these, which stand in the order of depth.
Findings examine(const World& world, const std::vector<Check>& checks);
/// As lists are printed.
Rows rows_of(const Findings& findings);
/// Links findings to their causes.
void explain(Findings& findings);
bool all_well(const Findings& findings);

/// What people read, at most 80 columns.
std::string screen(const Options& options, const World& world, const Findings& findings);
/// Carries out what --fix may, and says so on standard output. Returns whether something was done.
bool fix(const Options& options, const Findings& findings);
/// Writes what a person elsewhere needs to understand it, without secrets, as tar.gz of root's
/// alone.
void write_report(Client& client, const Options& options, const World& world,
                  const Findings& findings, const std::string& file);

}  // namespace mds::ctl::doctor
