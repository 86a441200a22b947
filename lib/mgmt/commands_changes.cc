// What revisions changed: show-changes, show-last-published-session.
#include "mgmt/commands_changes.hh"

#include <ctime>
#include <map>

#include "store/codec.hh"

namespace mds::mgmt {
namespace {

constexpr size_t k_most_revisions = 500;

Session session_of(const store::Revision& r) {
    Session out;
    out.uid = r.session;
    out.user = r.author;
    out.state = "published";
    if (!r.session_name.empty()) out.info["name"] = r.session_name;
    out.info["description"] = json::get_string(json::parse_object(r.meta), "description");
    out.created_ms = out.login_ms = out.publish_ms = r.time_ms;
    out.changes = r.changes;
    return out;
}

json::value obj_of(WorkspaceImpl& impl, const store::Change& c) {
    const model::Type* type = impl.catalog().find(c.type);
    if (!type) return json::object{{"uid", c.uid.text()}, {"name", c.name}, {"type", c.type}};
    return model::render_standard(*type, c.uid, json::parse_object(c.doc),
                                  impl.settings.domain.to_json());
}

/// Whether the session may see objects of this type.
bool visible(WorkspaceImpl& impl, Call& call, const std::string& type_name) {
    const model::Type* type = impl.catalog().find(type_name);
    return !type || call.may(type->area, false);
}

json::object changes_of(WorkspaceImpl& impl, Call& call, uint64_t rev) {
    json::array added, modified, deleted;
    auto whole = impl.db.revision(rev);
    if (whole && !whole->payload.empty()) {
        std::map<Uid, store::Change> before;
        for (store::Image& image : store::decode(whole->undo)) {
            if (image.change.op == store::Change::Op::put) {
                before.emplace(image.change.uid, std::move(image.change));
            }
        }
        for (const store::Image& image :
             store::decode(store::decompress(whole->payload, whole->codec))) {
            auto old = before.find(image.change.uid);
            bool removed = image.change.op == store::Change::Op::remove;
            const store::Change& shown =
                removed && old != before.end() ? old->second : image.change;
            if (!visible(impl, call, shown.type)) continue;
            if (removed) {
                if (old != before.end()) deleted.push_back(obj_of(impl, old->second));
            } else if (old == before.end()) {
                added.push_back(obj_of(impl, image.change));
            } else {
                modified.push_back(json::object{{"old-object", obj_of(impl, old->second)},
                                                {"new-object", obj_of(impl, image.change)}});
            }
        }
    }
    return {{"added-objects", added}, {"modified-objects", modified}, {"deleted-objects", deleted}};
}

uint64_t revision_of(WorkspaceImpl& impl, Call& call, const char* name) {
    std::string text = call.text_or(name, "");
    if (text.empty()) return 0;
    auto uid = Uid::parse(text);
    auto rev = uid ? impl.db.revision_of_session(*uid) : std::nullopt;
    if (!rev) throw Error(Code::object_not_found, "Requested object [" + text + "] not found");
    return *rev;
}

}  // namespace

std::optional<int64_t> date_of(const json::value& value) {
    if (const json::object* o = value.if_object()) {
        if (const json::value* posix = json::find(*o, "posix")) {
            return posix->is_int64() ? std::optional(posix->as_int64()) : std::nullopt;
        }
        const json::value* text = json::find(*o, "iso-8601");
        return text ? date_of(*text) : std::nullopt;
    }
    if (!value.is_string()) return std::nullopt;
    std::string text(value.as_string());
    for (const char* format : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
        std::tm tm{};
        const char* end = strptime(text.c_str(), format, &tm);
        if (end && (*end == 0 || *end == 'Z')) return static_cast<int64_t>(timegm(&tm)) * 1000;
    }
    return std::nullopt;
}

int64_t date_from(Call& call, const char* name, int64_t otherwise) {
    std::string text = call.text_or(name, "");
    if (text.empty()) return otherwise;
    if (auto time = date_of(json::value(text))) return *time;
    throw Error(Code::invalid_parameter, "Invalid parameter for [" + std::string(name) + "]. '" +
                                             text + "' is not a date like 2017-02-01T08:20:50.");
}

std::vector<Session> published_sessions(WorkspaceImpl& impl) {
    std::vector<Session> out;
    for (const store::Revision& r :
         impl.db.revisions(impl.db.position().rev + 1, k_most_revisions)) {
        if (r.kind == "publish") out.push_back(session_of(r));
    }
    return out;
}

json::object show_last_published(WorkspaceImpl& impl, Call& call) {
    call.only({});
    auto all = published_sessions(impl);
    if (all.empty()) {
        throw Error(Code::object_not_found, "Requested object [last published session] not found");
    }
    return impl.render_session(all.front());
}

json::object show_changes(WorkspaceImpl& impl, Call& call) {
    call.only({"from-date", "to-date", "from-session", "to-session", "limit", "offset"});
    int64_t from = date_from(call, "from-date", 0);
    int64_t to = date_from(call, "to-date", INT64_MAX);
    uint64_t first = revision_of(impl, call, "from-session");
    uint64_t last = revision_of(impl, call, "to-session");
    int64_t limit = call.integer("limit", 10), offset = call.integer("offset", 0);
    if (limit < 1 || limit > 500 || offset < 0) {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [limit]. The value must be between 1 and 500.");
    }
    json::array changes;
    int64_t position = 0;
    uint64_t below = last ? last + 1 : impl.db.position().rev + 1;
    for (bool more = true; more && static_cast<int64_t>(changes.size()) < limit;) {
        auto page = impl.db.revisions(below, 100);
        more = !page.empty();
        for (const store::Revision& r : page) {
            below = r.rev;
            // from-session is where the comparison begins: its own changes are not part of it.
            if (r.rev <= first || r.time_ms < from) {
                more = false;
                break;
            }
            if (r.kind != "publish" || r.time_ms > to) continue;
            if (position++ < offset) continue;
            if (static_cast<int64_t>(changes.size()) >= limit) break;
            changes.push_back(json::object{
                {"session", json::object{{"session-uid", r.session.text()},
                                         {"session-name", r.session_name},
                                         {"user-name", r.author},
                                         {"publish-time", model::date(r.time_ms)},
                                         {"domain-info", impl.settings.domain.to_json()}}},
                {"operations", changes_of(impl, call, r.rev)}});
        }
    }
    Uid task = impl.self.create_task("Show changes", impl.settings.domain.name, call.user(), false,
                                     call.session_uid());
    impl.self.finish_task(task, "succeeded",
                          json::array{json::object{{"changes", std::move(changes)}}});
    return {{"task-id", task.text()}};
}

}  // namespace mds::mgmt
