#pragma once
#include <string>
#include <vector>

// The words of mdsctl as plain data, read from the parser's table (main.cc): completion, suggestions and
// the check of the manual page see the same words as the parser, and not its heavy header.
namespace mds::ctl {

/// An option or a positional argument.
struct Parameter {
    /// "-o", "--output"; empty when it is positional.
    std::vector<std::string> names;
    /// What stands there, as the help says it: DOMAIN, SERVER, TASK, FILE, DIRECTORY, ...; empty for a flag.
    std::string kind;
    /// All values that are allowed, when there is such a list.
    std::vector<std::string> values;
    std::string text;
    /// It takes more than one value.
    bool repeats = false;
};

struct Word {
    std::string name, text;
    std::vector<std::string> aliases;
    /// For programs of ours only: neither offered nor described.
    bool hidden = false;
    std::vector<Word> words;
    std::vector<Parameter> options, positionals;

    bool called(const std::string& text) const;
};

/// Where a command line has come to.
struct Walk {
    /// From mdsctl itself to the verb that was reached; never empty.
    std::vector<const Word*> path;
    /// The option whose value comes next.
    const Parameter* pending = nullptr;
    /// The last option, when it takes all words that follow it.
    const Parameter* greedy = nullptr;
    /// Positional arguments so far, and what they were.
    std::vector<std::string> positionals;
    /// The value of -D or --domain.
    std::string domain;
    /// Behind "--": no options any more.
    bool only_words = false;
    /// The first word or option that nobody knows there; empty when all are known.
    std::string unknown;
    /// What could have stood in its place.
    std::vector<std::string> candidates;
    /// What it would have been the value of; null when it is a word or an option itself.
    const Parameter* value_of = nullptr;

    const Word& at() const { return *path.back(); }
    /// The option of this name, also one of a word before; null when there is none.
    const Parameter* option(const std::string& name) const;
    /// The positional argument that comes next; null when there is none.
    const Parameter* next_positional() const;
};

/// Goes along the words behind "mdsctl".
Walk walk(const Word& grammar, const std::vector<std::string>& words);

/// Every verb, hidden ones left out: "status", "domain list", ... The noun that lists by itself is not one.
std::vector<std::string> verbs(const Word& grammar);

}  // namespace mds::ctl
