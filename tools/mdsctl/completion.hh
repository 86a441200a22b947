#pragma once
#include <functional>
#include <string>
#include <vector>

#include "grammar.hh"

// Completion for bash, zsh and fish (C-10). The scripts are thin: they ask `mdsctl __complete`, which knows
// the words from the parser's table and the names from this server.
namespace mds::ctl {

struct Candidate {
    std::string value, text;
};

struct Completion {
    std::vector<Candidate> candidates;
    /// A path stands there: the shell completes it.
    bool files = false;
};

/// The live names of a kind (DOMAIN, SERVER, TASK, ...), of a Domain where that matters.
using Names = std::function<std::vector<Candidate>(const std::string& kind, const std::string& domain)>;

/// What may stand in place of `current`, behind `before`: every candidate begins with it.
Completion complete(const Word& grammar, const std::vector<std::string>& before, const std::string& current,
                    const Names& names);

/// A line of bash up to the cursor, taken apart as bash does it.
struct BashLine {
    /// Without quotes; the last one is being typed.
    std::vector<std::string> words;
    /// So many characters of the last word, without quotes, are before what bash replaces.
    size_t kept = 0;
    /// The quote that is open at the cursor, or 0.
    char quote = 0;
};
/// `breaks`: COMP_WORDBREAKS; bash replaces only what is behind the last of these in a word.
BashLine bash_line(const std::string& line, const std::string& breaks);
/// A value as it is typed at the cursor, without what is before.
std::string bash_reply(const BashLine& line, const std::string& value);

/// The script for "bash", "zsh" or "fish".
const char* completion_script(const std::string& shell);

/// `mdsctl __complete MODE ...`: prints candidates; silent on every error. Modes: `bash BREAKS LINE`,
/// `words WORD...` (zsh, fish), `verbs` (for the tests). Exit 3: a path stands there.
int complete_main(const Word& grammar, const std::vector<std::string>& arguments);

}  // namespace mds::ctl
