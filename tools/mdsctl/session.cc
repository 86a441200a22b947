// mdsctl session: who has what unpublished, and what an operator does about it.
#include <fmt/core.h>

#include "base/text.hh"
#include "changes.hh"
#include "rows.hh"
#include "scope.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

json::array open_sessions(Client& client, const std::string& domain) {
    json::array out;
    // Pages, until one is not full.
    constexpr int64_t k_page = 500;
    for (int64_t offset = 0;; offset += k_page) {
        json::object reply =
            client.run(domain, "show-sessions", {{"limit", k_page}, {"offset", offset}, {"details-level", "full"}});
        const json::array& page = json::get_array(reply, "objects");
        out.insert(out.end(), page.begin(), page.end());
        if (static_cast<int64_t>(page.size()) < k_page) return out;
    }
}

std::string changes_text(int64_t n) {
    return fmt::format("{} change{}", n, n == 1 ? "" : "s");
}

std::string session_words(const char* verb, const SessionName& session, const std::string& uid) {
    return fmt::format("session {} {}{}", verb, domain_option(session.domain), shell_word(uid));
}

/// The session that begins with what was typed.
json::object find_session(Client& client, const SessionName& session) {
    // What is empty in a script, or a slip, would be the only session that is open.
    constexpr size_t k_shortest = 3;
    if (session.uid.size() < k_shortest) {
        throw Error(Code::invalid_parameter,
                    "a session is named by the first characters of it, three at least")
            .refusal("", trim("mdsctl session list " + domain_option(session.domain)));
    }
    std::vector<const json::object*> found;
    const json::array all = open_sessions(client, session.domain);
    for (const json::value& v : all) {
        const json::object& s = v.as_object();
        if (json::get_string(s, "uid").rfind(fold(session.uid), 0) == 0) found.push_back(&s);
    }
    std::string where = session.domain.empty() ? "System Data" : "Domain " + session.domain;
    std::string next = "mdsctl session list " + domain_option(session.domain);
    if (found.empty()) {
        // One that was published or discarded is known by its whole name.
        if (session.uid.size() == 36) return client.run(session.domain, "show-session", {{"uid", session.uid}});
        throw Error(Code::object_not_found, "no open session of " + where + " begins with " + session.uid)
            .refusal("", trim(next));
    }
    if (found.size() > 1) {
        throw Error(Code::not_unique,
                    fmt::format("{} sessions of {} begin with {}", found.size(), where, session.uid))
            .refusal("", trim(next));
    }
    return *found.front();
}

/// Says what would happen; asks when something is lost.
bool planned(const Options& options, const std::string& text) {
    if (!options.dry_run) return false;
    if (!options.quiet) std::printf("%s\nNothing was changed.\n", wrapped(options, "", safe(text)).c_str());
    return true;
}

}  // namespace

int session_list(Client& client, const Options& options, const std::string& domain, bool all) {
    Rows table("open sessions", {"SESSION", "DOMAIN", "ADMINISTRATOR", "CHANGES", "LOCKS", "CONNECTED", "SINCE",
                                 Column("APPLICATION", true), Column("NAME", true), Column("ADDRESS", true)});
    bool failed = false;
    std::vector<std::pair<std::string, json::array>> found;
    std::vector<std::string> uids;
    for (const std::string& database : databases(client, domain, all)) {
        json::array sessions;
        try {
            sessions = open_sessions(client, database);
        } catch (const Error& e) {
            if (!all) throw;
            failed = true;
            std::fprintf(stderr, "%s\n", wrapped(options, "! ", safe(database + ": " + e.message())).c_str());
        }
        for (const json::value& v : sessions) uids.push_back(json::get_string(v.as_object(), "uid"));
        found.emplace_back(database, std::move(sessions));
    }
    const size_t telling = telling_length(uids);
    for (const auto& [database, sessions] : found) {
        for (const json::value& v : sessions) {
            const json::object& s = v.as_object();
            std::string uid = json::get_string(s, "uid");
            table.row(
                s,
                {Cell(safe(uid.substr(0, telling)), uid), database.empty() ? "-" : database, json::get_string(s, "user-name"),
                 json::get_int(s, "changes"), json::get_int(s, "locks"), yes_cell(json::get_bool(s, "connected")),
                 since_cell(json::get_int(json::get_object(s, "last-login-time"), "posix")),
                 json::get_string(s, "application"), json::get_string(s, "name"), json::get_string(s, "ip-address")});
        }
    }
    table.print(options);
    return failed ? 10 : 0;
}

int session_show(Client& client, const Options& options, const SessionName& session) {
    print_object(options, find_session(client, session));
    return 0;
}

int session_diff(Client& client, const Options& options, const SessionName& session) {
    json::object s = find_session(client, session);
    const json::object told =
        client.run(session.domain, "show-session-changes", {{"uid", json::get_string(s, "uid")}});
    const json::array& changes = json::get_array(told, "changes");
    if (!options.people()) {
        Rows table("changes", {"CHANGE", "TYPE", "NAME", "UID"});
        for (const json::value& v : changes) {
            const json::object& c = v.as_object();
            table.row(c, {json::get_string(c, "change"), json::get_string(c, "type"), json::get_string(c, "name"),
                          json::get_string(c, "uid")});
        }
        table.print(options);
        return 0;
    }
    std::string name = json::get_string(told, "name");
    std::printf("%s, %s%s, %s%s\n", safe(json::get_string(told, "user-name")).c_str(),
                session.domain.empty() ? "System Data" : safe(session.domain).c_str(),
                name.empty() ? "" : (", \"" + safe(name) + "\"").c_str(),
                changes_text(static_cast<int64_t>(changes.size())).c_str(),
                json::get_bool(s, "connected") ? "" : ", not connected");
    for (const json::value& v : changes) {
        const json::object& c = v.as_object();
        print_change(options, c, json::get_string(c, "name"));
    }
    return 0;
}

int session_publish(Client& client, const Options& options, const SessionName& session) {
    json::object s = find_session(client, session);
    std::string uid = json::get_string(s, "uid"), owner = json::get_string(s, "user-name");
    std::string what = changes_text(json::get_int(s, "changes")) + " of " + owner;
    if (planned(options, what + " would be published")) return 0;
    json::object reply = client.run(session.domain, "publish", {{"uid", uid}});
    follow(client, options, session.domain, json::get_string(reply, "task-id"));
    if (options.wait) print_done(options, what + " published");
    return 0;
}

int session_discard(Client& client, const Options& options, const SessionName& session) {
    json::object s = find_session(client, session);
    std::string uid = json::get_string(s, "uid"), owner = json::get_string(s, "user-name");
    std::string what = changes_text(json::get_int(s, "changes")) + " of " + owner;
    if (planned(options, what + " would be discarded")) return 0;
    if (json::get_int(s, "changes") > 0 && !confirm(options, "Discard " + safe(what) + "?")) {
        throw Error(Code::unconfirmed, what + " would be lost")
            .refusal("", "mdsctl " + session_words("discard", session, uid) + " --yes");
    }
    client.run(session.domain, "discard", {{"uid", uid}});
    print_done(options, what + " discarded");
    return 0;
}

int session_disconnect(Client& client, const Options& options, const SessionName& session) {
    json::object s = find_session(client, session);
    std::string owner = json::get_string(s, "user-name");
    std::string kept = "its " + changes_text(json::get_int(s, "changes"));
    if (planned(options, "the connection of " + owner + " would end; " + kept + " would stay")) return 0;
    client.run(session.domain, "disconnect", {{"uid", json::get_string(s, "uid")}});
    print_done(options, "the connection of " + owner + " is ended; " + kept + " stay in the session");
    return 0;
}

int session_hand_over(Client& client, const Options& options, const SessionName& session) {
    json::object s = find_session(client, session);
    std::string owner = json::get_string(s, "user-name"), uid = json::get_string(s, "uid");
    std::string what = changes_text(json::get_int(s, "changes")) + " of " + owner;
    if (planned(options, what + " would be given to the Active server, as a recovered session of " + owner)) return 0;
    client.run(session.domain, "hand-over-session", {{"uid", uid}});
    print_done(options, what + " go to the Active server, as a recovered session of " + owner);
    if (!options.quiet && options.people()) {
        std::printf("Next:  on the Active: %s\n", trim("mdsctl session list " + domain_option(session.domain)).c_str());
    }
    return 0;
}

int session_take_over(Client& client, const Options& options, const SessionName& session, const std::string& to) {
    json::object s = find_session(client, session);
    std::string owner = json::get_string(s, "user-name"), uid = json::get_string(s, "uid");
    std::string what = "the session of " + owner + " with " + changes_text(json::get_int(s, "changes"));
    if (planned(options, what + " would be given to " + to)) return 0;
    if (json::get_bool(s, "connected") && !confirm(options, safe(owner) + " is connected and is cut off. Go on?")) {
        throw Error(Code::unconfirmed, owner + " is connected and would be cut off")
            .refusal("", "mdsctl " + session_words("take-over", session, uid) + " --to " + shell_word(to) + " --yes");
    }
    client.run(session.domain, "assign-session",
               {{"uid", uid}, {"administrator-name", to}, {"disconnect-active-session", true}});
    print_done(options, what + " belongs to " + to + " now");
    if (!options.quiet && options.people()) {
        std::string where =
            session.domain.empty() ? "" : "-d " + shell_word(safe(session.domain)) + " ";
        std::printf("Next:  mgmt_cli %sswitch-session uid %s    (as %s)\n", where.c_str(),
                    shell_word(safe(uid)).c_str(), safe(to).c_str());
    }
    return 0;
}

}  // namespace mds::ctl
