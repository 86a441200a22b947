// show-logs (management-api.md 12): the trail of administrators' actions of this server.
#include <algorithm>
#include <ctime>

#include "base/clock.hh"
#include "base/text.hh"
#include "mgmt/commands_changes.hh"
#include "mgmt/workspace_impl.hh"
#include "model/coerce.hh"

namespace mds::mgmt {
namespace {

constexpr int64_t k_hour_ms = 3'600'000, k_day_ms = 24 * k_hour_ms;
constexpr size_t k_most_tops = 100;

/// Fields of an entry, with the column and other words for it.
struct LogField {
    const char* name;
    const char* column;
    const char* other;
};
constexpr LogField k_fields[] = {{"administrator", "user", "users"},
                                 {"client_ip", "ip", "sources"},
                                 {"application", "application", "applications"},
                                 {"operation", "operation", "actions"},
                                 {"subject", "subject", "objects"},
                                 {"status", "status", "statuses"},
                                 {"additional_info", "message", ""},
                                 {"session_name", "session_name", "sessions"},
                                 {"domain", "domain", "domains"}};

const LogField* field_named(const std::string& name) {
    for (const LogField& field : k_fields) {
        if (name == field.name || name == field.column || name == field.other) return &field;
    }
    return nullptr;
}

/// What a query asks, in the form that its id carries from page to page: nothing is kept here.
struct Query {
    std::string filter;
    int64_t from = 0, to = INT64_MAX, below = INT64_MAX, most = 100;
    bool audit = false;
    /// Oldest first: what follows this id.
    std::optional<int64_t> above;

    std::string id() const {
        json::object o{{"f", filter}, {"a", from}, {"z", to}, {"b", below}, {"m", most},
                       {"t", audit ? "audit" : "logs"}};
        if (above) o["o"] = *above;
        return hex(json::text(o));
    }
    static Query from_id(const std::string& id) {
        try {
            json::object o = json::parse_object(unhex(id).value_or("-"));
            if (!o.contains("t")) throw Error(Code::invalid_syntax, "no query");
            Query out;
            out.filter = json::get_string(o, "f");
            out.from = json::get_int(o, "a");
            out.to = json::get_int(o, "z");
            out.below = json::get_int(o, "b");
            out.most = std::clamp<int64_t>(json::get_int(o, "m"), 1, 100);
            out.audit = json::get_string(o, "t") == "audit";
            if (o.contains("o")) out.above = json::get_int(o, "o");
            return out;
        } catch (const Error&) {
            model::invalid("query-id", "It is not an id that a reply of show-logs gave.");
        }
    }
};

int64_t day_of(int64_t ms) {
    return ms / k_day_ms * k_day_ms;
}

void set_frame(Query& query, const json::object& asked, int64_t now) {
    std::string frame = fold(text_of(asked, "time-frame"));
    int64_t today = day_of(now);
    std::time_t seconds = now / 1000;
    std::tm tm{};
    gmtime_r(&seconds, &tm);
    if (frame.empty() || frame == "last-24-hours") {
        query.from = now - k_day_ms;
    } else if (frame == "last-hour") {
        query.from = now - k_hour_ms;
    } else if (frame == "today") {
        query.from = today;
    } else if (frame == "yesterday") {
        query.from = today - k_day_ms;
        query.to = today - 1;
    } else if (frame == "this-week") {
        query.from = today - (tm.tm_wday + 6) % 7 * k_day_ms;  // since Monday
    } else if (frame == "this-month") {
        query.from = today - (tm.tm_mday - 1) * k_day_ms;
    } else if (frame == "last-7-days") {
        query.from = now - 7 * k_day_ms;
    } else if (frame == "last-30-days") {
        query.from = now - 30 * k_day_ms;
    } else if (frame == "custom") {
        for (const auto& [name, slot] :
             {std::pair{"custom-start", &query.from}, std::pair{"custom-end", &query.to}}) {
            const json::value* given = json::find(asked, name);
            if (!given || given->is_null()) {
                throw Error(Code::missing_parameters,
                            std::string("Missing parameter: [new-query.") + name + "]");
            }
            auto date = date_of(*given);
            if (!date) {
                model::invalid(std::string("new-query.") + name,
                               "A date like 2017-02-01T08:20:50 is expected.");
            }
            *slot = *date;
        }
        if (query.to < query.from) {
            model::invalid("new-query.custom-end", "The end is before the start.");
        }
    } else if (frame != "all-time") {
        model::invalid("new-query.time-frame",
                       "'" + frame +
                           "' is none of: last-hour, today, last-24-hours, yesterday, "
                           "this-week, this-month, last-7-days, last-30-days, all-time, "
                           "custom.");
    }
}

/// "operation:publish", words and "quoted words", AND, OR.
class LogFilter {
  public:
    explicit LogFilter(const std::string& text) {
        std::vector<Term> all;
        auto close = [&] {
            if (!all.empty()) terms_.push_back(std::move(all));
            all.clear();
        };
        const LogField* waiting = nullptr;
        for (const FilterWord& word : filter_words(text)) {
            if (!word.quoted && word.text == "AND") continue;
            if (!word.quoted && word.text == "OR") {
                close();
                continue;
            }
            Term term{waiting, fold(word.text)};
            waiting = nullptr;
            size_t colon = word.quoted ? std::string::npos : word.text.find(':');
            const LogField* field = colon == std::string::npos
                                        ? nullptr
                                        : field_named(fold(word.text.substr(0, colon)));
            if (field && colon + 1 == word.text.size()) {
                waiting = field;  // field:"quoted words"
                continue;
            }
            if (field) term = {field, fold(word.text.substr(colon + 1))};
            while (!word.quoted && term.folded.ends_with('*')) term.folded.pop_back();
            all.push_back(std::move(term));
        }
        close();
    }
    bool matches(const json::object& entry) const {
        if (terms_.empty()) return true;
        return std::any_of(terms_.begin(), terms_.end(), [&](const std::vector<Term>& all) {
            return std::all_of(all.begin(), all.end(), [&](const Term& term) {
                for (const LogField& field : k_fields) {
                    if (term.field && term.field != &field) continue;
                    if (begins_word(fold(json::get_string(entry, field.name)), term.folded)) {
                        return true;
                    }
                }
                return false;
            });
        });
    }

  private:
    struct Term {
        const LogField* field;
        std::string folded;
    };
    std::vector<std::vector<Term>> terms_;
};

/// In the query's order, until `one` says that it has enough.
void each_entry(WorkspaceImpl& impl, const Query& query,
                const std::function<bool(int64_t id, json::object entry)>& one) {
    LogFilter filter(query.filter);
    std::string sql = "SELECT id,time_ms,user,ip,application,operation,subject,status,message,"
                      "session,session_name,domain FROM audit WHERE time_ms>=?2 AND time_ms<=?3 AND ";
    sql += query.above ? "id>?1 ORDER BY id" : "id<?1 ORDER BY id DESC";
    SQLite::Statement s(impl.work.db(), sql);
    s.bind(1, query.above.value_or(query.below));
    s.bind(2, query.from);
    s.bind(3, query.to);
    while (s.executeStep()) {
        int64_t id = s.getColumn(0).getInt64();
        auto session = Uid::from_bytes({static_cast<const char*>(s.getColumn(9).getBlob()),
                                        static_cast<size_t>(s.getColumn(9).getBytes())});
        json::object entry{{"id", impl.settings.server_name + "-" + std::to_string(id)},
                           {"time", rfc3339(s.getColumn(1).getInt64())},
                           {"type", "Audit"},
                           {"origin", impl.settings.server_name},
                           {"administrator", s.getColumn(2).getString()},
                           {"client_ip", s.getColumn(3).getString()},
                           {"application", s.getColumn(4).getString()},
                           {"operation", s.getColumn(5).getString()},
                           {"subject", s.getColumn(6).getString()},
                           {"status", s.getColumn(7).getString()},
                           {"additional_info", s.getColumn(8).getString()},
                           {"session_uid", session ? session->text() : ""},
                           {"session_name", s.getColumn(10).getString()},
                           {"domain", s.getColumn(11).getString()}};
        if (filter.matches(entry) && !one(id, std::move(entry))) return;
    }
}

Query query_of(const json::object& asked, int64_t now) {
    static const std::vector<std::string> k_known = {
        "filter", "time-frame", "custom-start", "custom-end", "max-logs-per-request",
        "type",   "top",        "log-servers",  "order"};
    for (const auto& member : asked) {
        if (std::find(k_known.begin(), k_known.end(), member.key()) == k_known.end()) {
            throw Error(Code::invalid_parameter_name,
                        "Unrecognized parameter [new-query." + std::string(member.key()) + "]");
        }
    }
    Query query;
    query.filter = text_of(asked, "filter");
    std::string type = fold(text_of(asked, "type"));
    if (!type.empty() && type != "logs" && type != "audit") {
        model::invalid("new-query.type", "'" + type + "' is none of: logs, audit.");
    }
    query.audit = type == "audit";
    if (const json::value* most = json::find(asked, "max-logs-per-request")) {
        query.most = model::coerce_integer(*most, "new-query.max-logs-per-request");
        if (query.most < 1 || query.most > 100) {
            model::invalid("new-query.max-logs-per-request",
                           "The value must be between 1 and 100.");
        }
    }
    set_frame(query, asked, now);
    std::string order = fold(text_of(asked, "order"));
    if (order == "asc") {
        query.above = 0;
        // Else it would go on as long as anything happens.
        query.to = std::min(query.to, now);
    } else if (!order.empty() && order != "desc") {
        model::invalid("new-query.order", "'" + order + "' is none of: ASC, DESC.");
    }
    return query;
}

json::object tops_reply(WorkspaceImpl& impl, const Query& query, const json::object& top) {
    std::string name = text_of(top, "field");
    if (name.empty()) {
        throw Error(Code::missing_parameters, "Missing parameter: [new-query.top.field]");
    }
    const LogField* field = field_named(fold(name));
    int64_t most = 10;
    if (const json::value* count = json::find(top, "count")) {
        most = model::coerce_integer(*count, "new-query.top.count");
    }
    if (most < 1 || most > static_cast<int64_t>(k_most_tops)) {
        model::invalid("new-query.top.count", "The value must be between 1 and 100.");
    }
    json::array tops;
    if (query.audit) {
        if (!field) {
            std::vector<std::string> known;
            for (const LogField& f : k_fields) known.emplace_back(f.name);
            model::invalid("new-query.top.field",
                           "'" + name + "' is none of: " + join(known, ", ") + ".");
        }
        std::map<std::string, int64_t> counts;
        each_entry(impl, query, [&](int64_t, const json::object& entry) {
            ++counts[json::get_string(entry, field->name)];
            return true;
        });
        std::vector<std::pair<std::string, int64_t>> sorted(counts.begin(), counts.end());
        std::stable_sort(sorted.begin(), sorted.end(),
                         [](const auto& a, const auto& b) { return a.second > b.second; });
        for (const auto& [value, count] : sorted) {
            if (static_cast<int64_t>(tops.size()) == most) break;
            tops.push_back(json::object{{"value", value}, {"count", count}});
        }
    }
    size_t count = tops.size();
    return {{"tops", std::move(tops)}, {"tops-count", count}};
}

json::object page_reply(WorkspaceImpl& impl, Query query) {
    json::array logs;
    // Traffic is logged by gateways; none sends anything here yet.
    if (query.audit) {
        each_entry(impl, query, [&](int64_t id, json::object entry) {
            logs.push_back(std::move(entry));
            (query.above ? *query.above : query.below) = id;
            return static_cast<int64_t>(logs.size()) < query.most;
        });
    }
    size_t count = logs.size();
    if (count == 0 && !query.above) query.below = 0;  // nothing that happens later belongs to this query
    return {{"logs", std::move(logs)}, {"logs-count", count}, {"query-id", query.id()}};
}

json::object show_logs(WorkspaceImpl& impl, Call& call) {
    call.only({"new-query", "query-id"});
    const json::value* asked = json::find(call.params(), "new-query");
    std::string id = call.text_or("query-id", "");
    if ((asked != nullptr) == !id.empty()) {
        throw Error(Code::missing_parameters,
                    "Missing parameter: [new-query] or [query-id], one of them");
    }
    if (!id.empty()) return page_reply(impl, Query::from_id(id));
    const json::object* o = asked->if_object();
    if (!o) model::invalid("new-query", "An object is expected.");
    Query query = query_of(*o, impl.now());
    if (const json::value* top = json::find(*o, "top")) {
        if (!top->is_object()) model::invalid("new-query.top", "An object is expected.");
        return tops_reply(impl, query, top->as_object());
    }
    return page_reply(impl, query);
}

}  // namespace

void WorkspaceImpl::register_log_commands() {
    add_simple("show-logs", show_logs, "Shows what administrators did on this server");
}

}  // namespace mds::mgmt
