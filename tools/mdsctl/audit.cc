// mdsctl audit: who did what, and whether the audit trails are what was written (security.md S-14).
#include <fmt/core.h>

#include <algorithm>

#include "base/clock.hh"
#include "base/text.hh"
#include "rows.hh"
#include "scope.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

constexpr int64_t k_hour_ms = 3'600'000, k_day_ms = 24 * k_hour_ms, k_page = 100;

/// "today", "2h", "7d", or a time; what show-logs takes as a begin.
std::string begin_of(const std::string& since) {
    if (since == "today") return rfc3339(wall_ms() / k_day_ms * k_day_ms).substr(0, 19);
    size_t digits = since.find_first_not_of("0123456789");
    if (digits > 0 && digits + 1 == since.size() && since.size() < 8) {
        int64_t n = std::stoll(since);
        int64_t unit = since.back() == 'm'   ? 60'000
                       : since.back() == 'h' ? k_hour_ms
                       : since.back() == 'd' ? k_day_ms
                                             : 0;
        if (unit) return rfc3339(wall_ms() - n * unit).substr(0, 19);
    }
    // A time that is none is refused by the server, which knows what it takes.
    return since;
}

std::string quoted_term(const char* field, const std::string& text) {
    std::string plain = text;
    std::replace(plain.begin(), plain.end(), '"', ' ');
    return std::string(field) + ":\"" + plain + "\"";
}

/// The records of one trail that are asked for, a page at a time.
class Trail {
  public:
    Trail(Client& client, const AuditQuery& query, std::string database, bool oldest_first)
        : client_(client), database_(std::move(database)) {
        std::vector<std::string> terms;
        if (!query.by.empty()) terms.push_back(quoted_term("administrator", query.by));
        if (!query.object.empty()) terms.push_back(quoted_term("subject", query.object));
        json::object asked{{"type", "audit"}, {"max-logs-per-request", k_page}, {"filter", join(terms, " AND ")}};
        if (oldest_first) asked["order"] = "ASC";
        if (query.since.empty()) {
            asked["time-frame"] = "all-time";
        } else {
            asked["time-frame"] = "custom";
            asked["custom-start"] = begin_of(query.since);
            asked["custom-end"] = rfc3339(wall_ms() + k_day_ms).substr(0, 19);
        }
        request_ = {{"new-query", std::move(asked)}};
    }
    /// The next one; null after the last.
    const json::object* look() {
        if (at_ == page_.size() && !ended_) read();
        return at_ == page_.size() ? nullptr : &page_[at_];
    }
    json::object take() { return std::move(page_[at_++]); }

  private:
    void read() {
        json::object reply = client_.run(database_, "show-logs", request_);
        page_.clear();
        at_ = 0;
        for (const json::value& v : json::get_array(reply, "logs")) {
            // Programs get the names of the API in kebab-case (C-5).
            json::object named;
            for (const auto& [key, value] : v.as_object()) {
                std::string name(key);
                std::replace(name.begin(), name.end(), '_', '-');
                named[name] = value;
            }
            if (database_.empty()) named["domain"] = "System Data";
            page_.push_back(std::move(named));
        }
        ended_ = static_cast<int64_t>(page_.size()) < k_page;
        request_ = {{"query-id", json::get_string(reply, "query-id")}};
    }

    Client& client_;
    std::string database_;
    json::object request_;
    std::vector<json::object> page_;
    size_t at_ = 0;
    bool ended_ = false;
};

/// The records of all trails that are asked for, in order of time, until `one` has enough. No more than a page of
/// each is in memory.
void each_record(Client& client, const AuditQuery& query, bool oldest_first,
                 const std::function<bool(json::object)>& one) {
    std::vector<Trail> trails;
    for (const std::string& database : databases(client, query.domain, query.all)) {
        trails.emplace_back(client, query, database, oldest_first);
    }
    for (;;) {
        Trail* next = nullptr;
        std::string when;
        for (Trail& trail : trails) {
            const json::object* record = trail.look();
            if (!record) continue;
            std::string time = json::get_string(*record, "time");
            if (next && (oldest_first ? time >= when : time <= when)) continue;
            next = &trail;
            when = std::move(time);
        }
        if (!next || !one(next->take())) return;
    }
}

/// For people the hour when it was today, and no year that goes without saying.
Cell time_cell(const std::string& time) {
    std::string now = rfc3339(wall_ms()), shown = time.substr(0, 16);
    std::replace(shown.begin(), shown.end(), 'T', ' ');
    if (time.compare(0, 10, now, 0, 10) == 0) {
        shown = time.substr(11, 8);
    } else if (time.compare(0, 4, now, 0, 4) == 0) {
        shown = shown.substr(5);
    }
    return {safe(shown), time};
}

}  // namespace

int audit_list(Client& client, const Options& options, const AuditQuery& query) {
    std::vector<json::object> found;
    each_record(client, query, false, [&](json::object record) {
        found.push_back(std::move(record));
        return found.size() != query.limit;
    });
    // What a narrow screen cuts is the end of the line.
    Rows table("audit records", {"TIME", "WHO", "FROM", "RESULT", "ACTION", "OBJECT",
                                 Column("DOMAIN", !query.all), "REASON", Column("APPLICATION", true), Column("ID", true)});
    auto or_nothing = [](const std::string& text) { return text.empty() ? "-" : text; };
    for (const json::object& r : found) {
        std::string status = json::get_string(r, "status"), domain = json::get_string(r, "domain");
        bool good = status == "Success";
        table.row(r, {time_cell(json::get_string(r, "time")), json::get_string(r, "administrator"),
                      or_nothing(json::get_string(r, "client-ip")),
                      good ? Cell("ok", status)
                           : state_cell(options, "problem", status == "Failure" ? "refused" : status),
                      json::get_string(r, "operation"), or_nothing(json::get_string(r, "subject")),
                      Cell(domain == "System Data" ? "-" : safe(domain), domain),
                      json::get_string(r, "additional-info"), json::get_string(r, "application"),
                      json::get_string(r, "id")});
    }
    if (table.print(options) && !options.quiet && query.limit && found.size() == query.limit) {
        std::printf("The newest %zu; older ones with --limit or --since.\n", found.size());
    }
    return 0;
}

int audit_export(Client& client, const Options& options, const AuditQuery& query) {
    Options lines = options;
    lines.form = Form::jsonl;
    size_t count = 0;
    each_record(client, query, true, [&](json::object record) {
        ++count;
        print_json(lines, json::array{std::move(record)});
        return true;
    });
    if (!options.quiet) {
        std::fflush(stdout);
        std::fprintf(stderr, "%zu record%s. Whether the trails are as they were written: mdsctl audit verify\n",
                     count, count == 1 ? "" : "s");
    }
    return 0;
}

int audit_verify(Client& client, const Options& options, const std::string& server) {
    json::object request;
    if (!server.empty()) request["server"] = server;
    json::object reply = client.run("", "verify-audit", request);
    bool well = true;
    std::vector<std::string> found;
    Rows table("audit trails", {"SERVER", "TRAIL", "RECORDS", "CHECKPOINTS", "RESULT"});
    for (const json::value& v : json::get_array(reply, "servers")) {
        const json::object& row = v.as_object();
        std::string name = safe(json::get_string(row, "server"));
        std::string problem = json::get_string(row, "problem");
        if (!problem.empty()) {
            well = false;
            found.push_back(fmt::format("{}: not verified: {}", name, safe(problem)));
        }
        for (const json::value& silent : json::get_array(row, "silent")) {
            well = false;
            found.push_back(
                fmt::format("{}: {} does not answer as a witness", name, safe(std::string(silent.as_string()))));
        }
        for (const json::value& gone : json::get_array(row, "gone")) {
            well = false;
            found.push_back(fmt::format("{}: the trail of Domain {} is gone; others have seen it", name,
                                        safe(std::string(gone.as_string()))));
        }
        for (const json::value& l : json::get_array(row, "logs")) {
            const json::object& log = l.as_object();
            std::string trail = json::get_string(log, "log");
            std::string unread = json::get_string(log, "problem");
            const json::array& findings = json::get_array(log, "findings");
            bool good = findings.empty() && unread.empty();
            well = well && good;
            table.row(log, {name, trail, json::get_int(log, "records"), json::get_int(log, "seen"),
                            !unread.empty() ? "not read"
                            : good          ? "as written"
                                   : fmt::format("{} finding{}", findings.size(), findings.size() == 1 ? "" : "s")});
            if (!unread.empty()) found.push_back(fmt::format("{}, {}: {}", name, safe(trail), safe(unread)));
            for (const json::value& f : findings) {
                found.push_back(
                    fmt::format("{}, {}: {}", name, safe(trail), safe(json::get_string(f.as_object(), "what"))));
            }
        }
        if (json::get_int(row, "witnesses") == 0 && problem.empty()) {
            found.push_back(name + ": no other server has seen it; only its own chain was read");
        }
    }
    if (options.json) {
        print_json(options, reply);
        return well ? 0 : 3;
    }
    table.print(options);
    for (const std::string& line : found) std::fprintf(stderr, "%s\n", wrapped(options, "! ", line).c_str());
    return well ? 0 : 3;
}

}  // namespace mds::ctl
