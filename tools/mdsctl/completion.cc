#include "completion.hh"

#include <algorithm>
#include <cstdio>

#include "app/settings.hh"
#include "draw.hh"
#include "json/json.hh"
#include "scope.hh"

namespace mds::ctl {
namespace {

/// How long a shell waits for live names; without them the words are still completed.
constexpr int k_patience_ms = 500;
constexpr int k_a_path = 3;

bool begins(const std::string& text, const std::string& with) { return text.compare(0, with.size(), with) == 0; }

/// "SERVER[=ADDRESS]" completes as SERVER.
std::string plain_kind(const std::string& kind) { return kind.substr(0, kind.find('[')); }

void add(Completion& out, const std::string& prefix, const std::string& value, const std::string& text,
         const std::string& current) {
    if (begins(prefix + value, current)) out.candidates.push_back({prefix + value, text});
}

/// The values of a parameter; `prefix` stands before each ("--on=").
void add_values(Completion& out, const Parameter& parameter, std::string prefix, const std::string& current,
                const std::string& domain, const Names& names) {
    std::string kind = plain_kind(parameter.kind);
    if (kind == "FILE" || kind == "DIRECTORY") {
        out.files = true;
        return;
    }
    if (kind == "DOMAINS") {
        // A list with commas: only its last name is completed.
        size_t comma = current.rfind(',');
        if (comma != std::string::npos && comma >= prefix.size()) prefix = current.substr(0, comma + 1);
        add(out, prefix, "all", "", current);
        add(out, prefix, "none", "", current);
        kind = "DOMAIN";
    }
    for (const std::string& value : parameter.values) add(out, prefix, value, "", current);
    if (!parameter.values.empty()) return;
    for (const Candidate& c : names(kind, domain)) {
        // A line a candidate: a name with control characters cannot be told, and is not offered.
        if (safe(c.value) == c.value) add(out, prefix, c.value, safe(c.text), current);
    }
}

void add_options(Completion& out, const Walk& at, const std::string& current) {
    for (auto word = at.path.rbegin(); word != at.path.rend(); ++word) {
        for (const Parameter& p : (*word)->options) {
            // "-y" is there for who knows it; the long names explain themselves.
            for (const std::string& name : p.names) {
                if (name.size() > 2 || current.size() == 2) add(out, "", name, p.text, current);
            }
        }
    }
}

std::vector<Candidate> grid_names(Client& client, const std::string& kind) {
    std::vector<Candidate> out;
    const json::object grid = client.grid();
    std::string self = json::get_string(grid, "self");
    for (const json::value& v : json::get_array(grid, kind == "SERVER" ? "servers" : "domains")) {
        const json::object& row = v.as_object();
        std::string name = json::get_string(row, "name");
        if (kind == "SERVER") out.push_back({name, json::get_string(row, "role")});
        if (kind == "DOMAIN") out.push_back({name, json::get_string(row, "sync")});
        if (kind != "CONTEXT") continue;
        // mdsenv enters a Domain by its server here.
        for (const json::value& c : json::get_array(row, "cells")) {
            const json::object& cell = c.as_object();
            if (json::get_string(cell, "mds") != self) continue;
            out.push_back({name, json::get_string(cell, "server")});
        }
    }
    return out;
}

std::vector<Candidate> live_names(const std::string& kind, const std::string& domain) {
    if (kind == "SETTING") {
        std::vector<Candidate> out;
        for (const app::Setting& s : app::settings()) out.push_back({s.name, s.value});
        return out;
    }
    Client client({}, k_patience_ms);
    if (kind == "SERVER" || kind == "DOMAIN" || kind == "CONTEXT") return grid_names(client, kind);
    std::vector<Candidate> out;
    if (kind == "TASK") {
        json::object reply = client.run(domain, "show-tasks", {{"details-level", "full"}});
        for (const json::value& v : json::get_array(reply, "tasks")) {
            const json::object& task = v.as_object();
            out.push_back({json::get_string(task, "task-id"),
                           json::get_string(task, "task-name") + ", " + json::get_string(task, "status")});
        }
    }
    if (kind == "SESSION") {
        json::object reply = client.run(domain, "show-sessions", {{"limit", 100}, {"details-level", "full"}});
        std::vector<std::string> uids;
        for (const json::value& v : json::get_array(reply, "objects")) {
            uids.push_back(json::get_string(v.as_object(), "uid"));
        }
        const size_t telling = telling_length(uids);
        for (const json::value& v : json::get_array(reply, "objects")) {
            const json::object& session = v.as_object();
            out.push_back({json::get_string(session, "uid").substr(0, telling),
                           json::get_string(session, "user-name") + ", " +
                               std::to_string(json::get_int(session, "changes")) + " changes"});
        }
    }
    if (kind == "ADMINISTRATOR") {
        json::object reply = client.run("", "show-administrators", {{"limit", 500}});
        for (const json::value& v : json::get_array(reply, "objects")) {
            out.push_back({json::get_string(v.as_object(), "name"), ""});
        }
    }
    return out;
}

Names silent_names() {
    return [](const std::string& kind, const std::string& domain) -> std::vector<Candidate> {
        try {
            return live_names(kind, domain);
        } catch (const std::exception&) {
            return {};  // a shell must not be disturbed while somebody types
        }
    };
}

int complete_bash(const Word& grammar, const std::string& breaks, const std::string& text) {
    BashLine line = bash_line(text, breaks);
    if (line.words.size() < 2) return 0;
    std::vector<std::string> before(line.words.begin() + 1, line.words.end() - 1);
    Completion found = complete(grammar, before, line.words.back(), silent_names());
    for (const Candidate& c : found.candidates) std::printf("%s\n", bash_reply(line, c.value).c_str());
    return found.files ? k_a_path : 0;
}

int complete_words(const Word& grammar, std::vector<std::string> words) {
    if (words.empty()) words.emplace_back();
    std::string current = words.back();
    words.pop_back();
    Completion found = complete(grammar, words, current, silent_names());
    for (const Candidate& c : found.candidates) std::printf("%s\t%s\n", c.value.c_str(), c.text.c_str());
    return found.files ? k_a_path : 0;
}

}  // namespace

Completion complete(const Word& grammar, const std::vector<std::string>& before, const std::string& current,
                    const Names& names) {
    Completion out;
    Walk at = walk(grammar, before);
    if (!at.unknown.empty()) return out;
    if (at.pending) {
        add_values(out, *at.pending, "", current, at.domain, names);
        return out;
    }
    if (!at.only_words && begins(current, "-")) {
        size_t equals = current.find('=');
        if (begins(current, "--") && equals != std::string::npos) {
            const Parameter* option = at.option(current.substr(0, equals));
            if (option && !option->kind.empty()) {
                add_values(out, *option, current.substr(0, equals + 1), current, at.domain, names);
            }
        } else {
            add_options(out, at, current);
        }
        return out;
    }
    if (at.positionals.empty()) {
        for (const Word& w : at.at().words) {
            if (!w.hidden) add(out, "", w.name, w.text, current);
        }
    }
    if (const Parameter* positional = at.next_positional()) {
        add_values(out, *positional, "", current, at.domain, names);
    }
    return out;
}

int complete_main(const Word& grammar, const std::vector<std::string>& arguments) {
    if (arguments.empty()) return 2;
    const std::string& mode = arguments[0];
    if (mode == "bash" && arguments.size() == 3) return complete_bash(grammar, arguments[1], arguments[2]);
    if (mode == "words") return complete_words(grammar, {arguments.begin() + 1, arguments.end()});
    if (mode == "verbs") {
        for (const std::string& verb : verbs(grammar)) std::printf("%s\n", verb.c_str());
        return 0;
    }
    return 2;
}

}  // namespace mds::ctl
