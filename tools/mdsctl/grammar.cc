#include "grammar.hh"

#include <algorithm>

namespace mds::ctl {
namespace {

bool contains(const std::vector<std::string>& list, const std::string& text) {
    return std::find(list.begin(), list.end(), text) != list.end();
}

void collect_verbs(const Word& word, const std::string& before, std::vector<std::string>& out) {
    for (const Word& w : word.words) {
        if (w.hidden) continue;
        if (w.words.empty()) {
            out.push_back(before + w.name);
        } else {
            collect_verbs(w, before + w.name + " ", out);
        }
    }
}

std::vector<std::string> shown_options(const Walk& walk) {
    std::vector<std::string> out;
    for (const Word* word : walk.path) {
        for (const Parameter& p : word->options) out.insert(out.end(), p.names.begin(), p.names.end());
    }
    return out;
}

/// One value for a parameter that may allow only some.
void take_value(Walk& at, const Parameter& parameter, const std::string& value) {
    if (contains(parameter.names, "--domain")) at.domain = value;
    if (parameter.values.empty() || contains(parameter.values, value) || !at.unknown.empty()) return;
    at.unknown = value;
    at.candidates = parameter.values;
    at.value_of = &parameter;
}

/// "--on=x" is an option and its value, "-ojson" too; "-yq" are two flags, which the parser takes apart.
void take_option(Walk& at, const std::string& word) {
    size_t equals = word.find('=');
    bool is_long = word.compare(0, 2, "--") == 0;
    std::string name = is_long ? word.substr(0, equals) : word.substr(0, 2);
    const Parameter* found = at.option(name);
    if (!found) {
        if (at.unknown.empty()) {
            at.unknown = name;
            at.candidates = shown_options(at);
        }
        return;
    }
    at.greedy = found->repeats ? found : nullptr;
    if (found->kind.empty()) return;
    bool with_value = is_long ? equals != std::string::npos : word.size() > 2;
    if (with_value) {
        take_value(at, *found, is_long ? word.substr(equals + 1) : word.substr(2));
    } else {
        at.pending = found;
    }
}

void take_word(Walk& at, const std::string& word) {
    const std::vector<Word>& words = at.at().words;
    if (at.positionals.empty()) {
        for (const Word& w : words) {
            if (w.called(word)) {
                at.path.push_back(&w);
                return;
            }
        }
    }
    const Parameter* next = at.next_positional();
    if (!next && at.greedy) return;
    if (next) take_value(at, *next, word);
    if (!next && at.unknown.empty()) {
        at.unknown = word;
        for (const Word& w : words) {
            if (w.hidden) continue;
            at.candidates.push_back(w.name);
            at.candidates.insert(at.candidates.end(), w.aliases.begin(), w.aliases.end());
        }
    }
    at.positionals.push_back(word);
}

}  // namespace

bool Word::called(const std::string& word) const { return name == word || contains(aliases, word); }

const Parameter* Walk::option(const std::string& name) const {
    for (auto word = path.rbegin(); word != path.rend(); ++word) {
        for (const Parameter& p : (*word)->options) {
            if (contains(p.names, name)) return &p;
        }
    }
    return nullptr;
}

const Parameter* Walk::next_positional() const {
    const std::vector<Parameter>& all = at().positionals;
    if (positionals.size() < all.size()) return &all[positionals.size()];
    return !all.empty() && all.back().repeats ? &all.back() : nullptr;
}

Walk walk(const Word& grammar, const std::vector<std::string>& words) {
    Walk at;
    at.path.push_back(&grammar);
    for (const std::string& word : words) {
        if (at.pending) {
            take_value(at, *at.pending, word);
            at.pending = nullptr;
        } else if (!at.only_words && word == "--") {
            at.only_words = true;
        } else if (!at.only_words && word.size() > 1 && word[0] == '-') {
            take_option(at, word);
        } else {
            take_word(at, word);
        }
    }
    return at;
}

std::vector<std::string> verbs(const Word& grammar) {
    std::vector<std::string> out;
    collect_verbs(grammar, "", out);
    return out;
}

}  // namespace mds::ctl
