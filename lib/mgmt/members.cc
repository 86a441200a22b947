// Membership of groups, edited on the member's side (`groups` of a host). A group may have many
// thousand members, so one membership more costs one row in work.db and one splice of text, not a
// new document.
#include <algorithm>
#include <functional>
#include <set>
#include <unordered_set>

#include "mgmt/workspace_impl.hh"
#include "model/coerce.hh"
#include "store/refs.hh"

namespace mds::mgmt {
namespace {

// Canonical text has no quote inside a string that is not escaped, so this is found only as a key.
constexpr std::string_view k_key = "\"members\":[";

struct Range {
    size_t begin = 0, end = 0;
};

/// What is between the brackets of the list; references hold no bracket.
std::optional<Range> members_range(std::string_view doc) {
    size_t at = doc.find(k_key);
    if (at == std::string_view::npos) return std::nullopt;
    Range range;
    range.begin = at + k_key.size();
    range.end = doc.find(']', range.begin);
    if (range.end == std::string_view::npos) return std::nullopt;
    return range;
}

std::string mark_text(const Uid& uid) {
    return "\"\\u001f" + uid.text() + "\"";
}

/// The document with one member more or less; nothing when that is how it is already.
std::optional<std::string> spliced(const std::string& doc, const Uid& member, bool add,
                                   int64_t time_ms, const std::string& user) {
    auto range = members_range(doc);
    if (!range) return std::nullopt;
    std::string mark = mark_text(member);
    std::string_view list(doc.data() + range->begin, range->end - range->begin);
    auto here = std::search(list.begin(), list.end(),
                            std::boyer_moore_horspool_searcher(mark.begin(), mark.end()));
    size_t at =
        here == list.end() ? std::string_view::npos : static_cast<size_t>(here - list.begin());
    if (add == (at != std::string_view::npos)) return std::nullopt;

    std::string head = without_members(doc);
    json::object small = json::parse_object(head);
    json::object& meta =
        small["meta"].is_object() ? small["meta"].as_object() : small["meta"].emplace_object();
    meta["modified"] = time_ms;
    meta["modifier"] = user;
    std::string out = json::canonical(small);
    size_t put_at = out.find(k_key) + k_key.size();
    std::string rest = out.substr(put_at);
    out.resize(put_at);
    out.reserve(put_at + list.size() + mark.size() + 1 + rest.size());
    if (add) {
        out += list;
        if (!list.empty()) out += ',';
        out += mark;
    } else {
        size_t from = at, to = at + mark.size();
        if (to < list.size()) {
            ++to;
        } else if (from > 0) {
            --from;
        }
        out += list.substr(0, from);
        out += list.substr(to);
    }
    return out + rest;
}

}  // namespace

std::string without_members(std::string_view doc) {
    auto range = members_range(doc);
    if (!range) return std::string(doc);
    std::string out(doc.substr(0, range->begin));
    return out += doc.substr(range->end);
}

std::string with_edits(const std::string& doc, const std::vector<MemberEdit>& edits) {
    json::object document = json::parse_object(doc);
    std::vector<std::string> members;
    std::unordered_set<std::string> present;
    for (const json::value& v : json::get_array(document, "members")) {
        members.emplace_back(v.as_string());
        present.insert(members.back());
    }
    for (const MemberEdit& edit : edits) {
        std::string mark = store::make_reference(edit.member);
        if (edit.add) {
            if (present.insert(mark).second) members.push_back(mark);
        } else if (present.erase(mark) > 0) {
            members.erase(std::find(members.begin(), members.end(), mark));
        }
    }
    json::array list;
    list.reserve(members.size());
    for (const std::string& mark : members) list.push_back(json::value(mark));
    document["members"] = std::move(list);
    if (!edits.empty()) {
        json::object meta = json::get_object(document, "meta");
        meta["modified"] = edits.back().time_ms;
        meta["modifier"] = edits.back().user;
        document["meta"] = std::move(meta);
    }
    return json::canonical(document);
}

std::optional<View> WorkspaceImpl::head(Call& call, const Uid& uid) {
    Session& session = call.session();
    const Entry* entry = session.changes > 0 ? overlay(session).find(uid) : nullptr;
    if (entry) {
        if (entry->removed) return std::nullopt;
        return view_of(catalog(), uid, entry->type, entry->name, entry->base_rev,
                       without_members(entry->doc));
    }
    if (model::is_predefined(uid)) return call.get(uid);
    auto object = db.get(uid);
    if (!object) return std::nullopt;
    object->doc = without_members(object->doc);
    return view_of(catalog(), *object);
}

bool WorkspaceImpl::edit_member(Call& call, const Uid& group, const Uid& member, bool add) {
    const SessionPtr& session = session_of(call);
    const Entry* entry = session->changes > 0 ? overlay(*session).find(group) : nullptr;
    if (!entry || entry->removed || entry->recovered) {
        // The first edit in this session: the whole document comes over.
        auto view = call.get(group);
        if (!view) return false;
        if (view->predefined) {
            throw Error(Code::no_permissions, "Object '" + view->name +
                                                  "' is predefined (Check Point Data) and "
                                                  "read-only.");
        }
        json::object document = std::move(view->document);
        json::array& members = document["members"].is_array() ? document["members"].as_array()
                                                              : document["members"].emplace_array();
        json::value mark(store::make_reference(member));
        auto found = std::find(members.begin(), members.end(), mark);
        if (add == (found != members.end())) return false;
        if (add) {
            members.push_back(mark);
        } else {
            members.erase(found);
        }
        call.put(view->type->name, group, std::move(document));
        return true;
    }
    int64_t time = now();
    auto doc = spliced(entry->doc, member, add, time, session->user);
    if (!doc) return false;
    if (!session->transient) {
        begin_write();
        auto s = work.sql(
            "INSERT INTO overlay_member(session,uid,seq,adds,member,time_ms,user) "
            "VALUES(?,?,?,?,?,?,?)");
        s.bindNoCopy(1, session->uid.bytes.data(), 16);
        s.bindNoCopy(2, group.bytes.data(), 16);
        s.bind(3, static_cast<int64_t>(entry->member_edits));
        s.bind(4, add ? 1 : 0);
        s.bindNoCopy(5, member.bytes.data(), 16);
        s.bind(6, time);
        s.bindNoCopy(7, session->user);
        s.exec();
    }
    Undo undo;
    undo.session = session;
    undo.uid = group;
    undo.member = MemberUndo{member, add, {}};
    undo.member->doc = session->overlay->amend(group, std::move(*doc), member, add, 1);
    journal.push_back(std::move(undo));
    return true;
}

void WorkspaceImpl::edit_groups(Call& call, const View& member, const json::value& given,
                                bool is_new) {
    const std::string& group_type = member.type->group_type;
    SessionWorld world(call);
    std::vector<Uid> present;
    if (!is_new) {
        for (const Uid& uid : call.users(member.uid)) {
            auto user = head(call, uid);
            if (user && user->type->name == group_type) present.push_back(uid);
        }
    }
    json::array base;
    for (const Uid& uid : present) base.push_back(json::value(store::make_reference(uid)));
    model::Field field;
    field.name = "groups";
    field.kind = model::Kind::references;
    field.choices = {group_type};
    json::value wanted = model::coerce(field, given, "groups", base, world);
    std::set<Uid> want;
    for (const json::value& v : wanted.as_array()) {
        want.insert(*store::parse_reference(v.as_string()));
    }
    for (const Uid& uid : present) {
        if (!want.contains(uid)) edit_member(call, uid, member.uid, false);
    }
    for (const Uid& uid : want) {
        bool changed = edit_member(call, uid, member.uid, true);
        if (!changed || !member.document.contains("members")) continue;
        if (auto group = call.get(uid)) check_cycle(call, *group);
    }
}

}  // namespace mds::mgmt
