#include "usage.hh"

#include <fmt/core.h>

#include <algorithm>

#include "base/text.hh"
#include "draw.hh"

namespace mds::ctl {
namespace {

/// An abbreviation means the word that begins so; else what is two edits away.
std::string meant(const std::string& word, const std::vector<std::string>& candidates) {
    size_t dashes = std::min(word.find_first_not_of('-'), word.size());
    if (word.size() >= dashes + 2) {
        for (const std::string& c : candidates) {
            if (c.compare(0, word.size(), fold(word)) == 0) return c;
        }
    }
    return nearest(word, candidates);
}

std::string so_far(const Walk& at) {
    std::string out;
    for (const Word* word : at.path) out += (out.empty() ? "" : " ") + word->name;
    return out;
}

/// What the word is that nobody knows.
std::string complaint(const Walk& at) {
    std::string where = so_far(at);
    if (at.value_of) {
        const Parameter& p = *at.value_of;
        return fmt::format("\"{}\" is no {} of \"{}\"", at.unknown, p.names.empty() ? p.kind : p.names.back(), where);
    }
    if (at.unknown[0] == '-' && !at.only_words) return fmt::format("\"{}\" has no option {}", where, at.unknown);
    if (at.at().words.empty()) return fmt::format("\"{}\" takes no more arguments: {}", where, at.unknown);
    return fmt::format("\"{}\" has no {} \"{}\"", where, at.path.size() == 1 ? "command" : "verb", at.unknown);
}

}  // namespace

Error usage_error(const Word& grammar, const std::vector<std::string>& words, const std::string& parser) {
    Walk at = walk(grammar, words);
    std::string help = so_far(at) + " --help";
    if (at.unknown.empty()) {
        if (at.at().words.empty() || at.pending) return Error(Code::invalid_syntax, parser).refusal("", help);
        std::vector<std::string> names;
        for (const Word& w : at.at().words) {
            if (!w.hidden) names.push_back(w.name);
        }
        return Error(Code::invalid_syntax, fmt::format("\"{}\" needs one of: {}", so_far(at), join(names, ", ")))
            .refusal("", help);
    }
    std::string near = meant(at.unknown, at.candidates), text = complaint(at);
    if (!near.empty()) {
        // The same line with the word that was meant.
        std::string line = "mdsctl";
        for (const std::string& word : words) {
            bool wrong = word == at.unknown || word.compare(0, at.unknown.size() + 1, at.unknown + "=") == 0;
            line += " " + shell_word(wrong ? near + word.substr(at.unknown.size()) : word);
        }
        return Error(Code::invalid_syntax, text + "; did you mean " + near + "?").refusal("", line);
    }
    bool few = at.value_of && at.candidates.size() < 8;
    if (few) text += "; there are " + join(at.candidates, ", ");
    return Error(Code::invalid_syntax, text).refusal("", help);
}

}  // namespace mds::ctl
