// Changes in a session: overlay, locks, names, warnings.
#include <algorithm>
#include <set>

#include "base/clock.hh"
#include "base/text.hh"
#include "mgmt/global.hh"
#include "mgmt/servers.hh"
#include "mgmt/workspace_impl.hh"
#include "model/coerce.hh"
#include "store/refs.hh"

namespace mds::mgmt {
namespace {

std::string plural(size_t count, const char* word) {
    return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

/// Refuses with the lists of sheet section 5, unless there is nothing to say.
void refuse(const std::vector<std::string>& errors, const std::vector<std::string>& warnings) {
    if (errors.empty() && warnings.empty()) return;
    std::string what;
    if (!warnings.empty()) what = plural(warnings.size(), "warning");
    if (!errors.empty()) {
        what += (what.empty() ? "" : " and ") + plural(errors.size(), "error");
    }
    Error error(Code::validation_failed, "Validation failed with " + what);
    for (const std::string& line : errors) error.add_error(line);
    for (const std::string& line : warnings) error.add_warning(line);
    throw error;
}

bool flag_of(const json::object& params, std::string_view name) {
    const json::value* v = json::find(params, name);
    return v && !v->is_null() && model::coerce_boolean(*v, std::string(name));
}

void put_internal(const model::Type& type, json::object& document, const json::object& internal) {
    for (const auto& member : internal) {
        if (!type.field(member.key())) {
            throw Error(Code::internal,
                        "type " + type.name + " has no field " + std::string(member.key()));
        }
        if (member.value().is_null()) {
            document.erase(member.key());
        } else {
            document[member.key()] = member.value();
        }
    }
}

void refuse_predefined(const View& view) {
    refuse_global(view);
    if (!view.predefined) return;
    throw Error(Code::no_permissions,
                "Object '" + view.name + "' is predefined (Check Point Data) and read-only.");
}

/// What would be refused at the publish of an object that stands for a server is refused at once.
void check_server_object(WorkspaceImpl& impl, const View& before, store::Change::Op op,
                         const json::object& document) {
    if (!is_server_object(before) || !impl.hooks.check_changes) return;
    store::Change change;
    change.op = op;
    change.uid = before.uid;
    change.type = before.type->name;
    change.scope = before.type->family;
    change.name = before.name;
    if (op == store::Change::Op::put) change.doc = json::canonical(document);
    impl.hooks.check_changes(Uid{}, {change});
}

}  // namespace

void WorkspaceImpl::put_entry(const SessionPtr& session, const Uid& uid,
                              std::optional<Entry> entry) {
    Overlay& changes = overlay(*session);
    const Entry* old = changes.find(uid);
    if (!session->transient) {
        begin_write();
        if (old && old->member_edits > 0) {
            auto s = work.sql("DELETE FROM overlay_member WHERE session=? AND uid=?");
            s.bindNoCopy(1, session->uid.bytes.data(), 16);
            s.bindNoCopy(2, uid.bytes.data(), 16);
            s.exec();
        }
        if (entry) {
            auto s = work.sql(
                "INSERT OR REPLACE INTO overlay(session,uid,op,type,scope,name,doc,"
                "base_rev,base_type,base_name,base_doc) VALUES(?,?,?,?,?,?,?,?,?,?,?)");
            s.bindNoCopy(1, session->uid.bytes.data(), 16);
            s.bindNoCopy(2, uid.bytes.data(), 16);
            s.bind(3, entry->removed ? 2 : 1);
            s.bindNoCopy(4, entry->type);
            s.bindNoCopy(5, entry->scope);
            s.bindNoCopy(6, entry->name);
            s.bindNoCopy(7, entry->doc);
            s.bind(8, static_cast<int64_t>(entry->base_rev));
            s.bindNoCopy(9, entry->base_type);
            s.bindNoCopy(10, entry->base_name);
            if (entry->recovered) s.bindNoCopy(11, entry->base_doc);
            s.exec();
        } else {
            auto s = work.sql("DELETE FROM overlay WHERE session=? AND uid=?");
            s.bindNoCopy(1, session->uid.bytes.data(), 16);
            s.bindNoCopy(2, uid.bytes.data(), 16);
            s.exec();
        }
    }
    Undo undo;
    undo.session = session;
    undo.uid = uid;
    undo.entry = changes.put(uid, std::move(entry));
    session->changes = changes.size();
    journal.push_back(std::move(undo));
}

std::optional<LockElsewhere> WorkspaceImpl::locked_elsewhere(const Uid& uid) const {
    return hooks.shared ? hooks.shared->locked(uid) : std::nullopt;
}

void WorkspaceImpl::take_lock(Call& call, const View& view, bool by_hand) {
    Session& session = call.session();
    auto found = locks.find(view.uid);
    if (found != locks.end()) {
        if (found->second.session == session.uid || session.past_locks) return;
        SessionPtr owner = by_uid(found->second.session);
        std::string user = owner ? owner->user : "unknown";
        std::string name = owner ? owner->name() : "";
        throw Error(Code::object_locked,
                    "Action cannot be executed on object: " + view.name + " due to: Object '" +
                        view.name + "' is locked by another session. Owner: " + user +
                        ", session: " + (name.empty() ? "" : "'" + name + "' ") +
                        found->second.session.text() + ", since " +
                        rfc3339(found->second.since_ms) + ".")
            .refusal("RF-36", "Ask '" + user +
                                  "' to publish or discard, or take the session over: "
                                  "take-over-session uid " +
                                  found->second.session.text());
    }
    if (auto other = locked_elsewhere(view.uid); other && !session.past_locks) {
        throw Error(Code::object_locked,
                    "Action cannot be executed on object: " + view.name + " due to: Object '" +
                        view.name + "' is locked by another session. Owner: " + other->user +
                        ", session: " + other->session.text() + " on " + other->server + ", since " +
                        rfc3339(other->since_ms) + ".")
            .refusal("RF-36", "Ask '" + other->user + "' to publish or discard on " + other->server + ".");
    }
    Lock lock{session.uid, now(), by_hand};
    if (!session.transient) {
        begin_write();
        auto s =
            work.sql("INSERT INTO lock(uid,session,since_ms,by_hand) VALUES(?,?,?,?)");
        s.bindNoCopy(1, view.uid.bytes.data(), 16);
        s.bindNoCopy(2, lock.session.bytes.data(), 16);
        s.bind(3, lock.since_ms);
        s.bind(4, by_hand ? 1 : 0);
        s.exec();
    }
    Undo undo;
    undo.session = WorkspaceImpl::session_of(call);
    undo.uid = view.uid;
    undo.is_lock = true;
    journal.push_back(std::move(undo));
    locks[view.uid] = lock;
    ++locks_version;
    ++lock_counts[session.uid];
}

void WorkspaceImpl::drop_lock(const Uid& uid) {
    auto found = locks.find(uid);
    if (found == locks.end()) return;
    begin_write();
    auto s = work.sql("DELETE FROM lock WHERE uid=?");
    s.bindNoCopy(1, uid.bytes.data(), 16);
    s.exec();
    Undo undo;
    undo.uid = uid;
    undo.is_lock = true;
    undo.lock = found->second;
    journal.push_back(std::move(undo));
    auto count = lock_counts.find(found->second.session);
    if (count != lock_counts.end() && --count->second == 0) lock_counts.erase(count);
    locks.erase(found);
    ++locks_version;
}

std::vector<std::string> WorkspaceImpl::address_warnings(Call& call, const json::object& document,
                                                         const Uid& self_uid) {
    std::vector<std::string> out;
    for (const char* key : {"ipv4-address", "ipv6-address"}) {
        std::string address = json::get_string(document, key);
        if (address.empty()) continue;
        std::vector<Uid> candidates;
        if (call.session().changes > 0) {
            candidates = overlay(call.session()).with_address(address);
        }
        for (const Uid& uid : addresses.find(address)) candidates.push_back(uid);
        for (const Uid& uid : candidates) {
            if (uid == self_uid) continue;
            auto other = call.get(uid);
            if (!other || other->type->name != "host") continue;
            if (json::get_string(other->document, key) != address) continue;
            out.push_back("Multiple objects have the same IP address " + address + ": '" +
                          json::get_string(document, "name") + "', '" + other->name + "'");
            break;
        }
    }
    return out;
}

View Call::put(std::string_view type, const Uid& uid, json::object document) {
    WorkspaceImpl& impl = WorkspaceImpl::of(*this);
    must_do();
    return impl.atomically([&]() -> View {
        const model::Type& t = impl.catalog().require(type);
        require_area(t, true);
        int64_t now = impl.now();
        std::string name = model::index_name(t, document);

        Entry entry;
        entry.type = t.name;
        entry.scope = t.family;
        entry.name = name;
        View before;
        before.uid = uid;
        before.name = name;
        const Entry* mine = session_->changes > 0 ? impl.overlay(*session_).find(uid) : nullptr;
        // Whoever edits a recovered change has seen what is published now: that is its base then.
        bool recovered = mine && mine->recovered;
        if (mine && !recovered) {
            entry.base_rev = mine->base_rev;
            entry.base_type = mine->base_type;
            entry.base_name = mine->base_name;
        } else if (auto object = impl.db.get(uid)) {
            entry.base_rev = object->rev;
            entry.base_type = object->type;
            entry.base_name = object->name;
            before.name = object->name;
            if (auto there = view_of(impl.catalog(), *object)) {
                refuse_global(*there);
                check_server_object(impl, *there, store::Change::Op::put, document);
            }
        }
        if (mine && !mine->removed) before.name = mine->name;
        std::string shown = json::get_string(document, "name");
        if (!t.within.empty()) before.name = shown;
        if (entry.base_rev != 0) impl.take_lock(*this, before, false);

        // The name must be free in the session's view of the family.
        std::string folded = fold(name);
        bool same_name =
            (mine && !recovered && !mine->removed && fold(mine->name) == folded) ||
            ((!mine || recovered) && entry.base_rev != 0 && fold(entry.base_name) == folded);
        if (!same_name) {
            std::optional<Uid> taken;
            Overlay* overlay = session_->changes > 0 ? &impl.overlay(*session_) : nullptr;
            if (const Uid* mine_too = overlay ? overlay->find(t.family, folded) : nullptr) {
                taken = *mine_too;
            } else if (auto other = impl.db.find(t.family, name);
                       other && !(overlay && overlay->find(other->uid))) {
                taken = other->uid;
            } else if (const auto* fixed = model::find_predefined(t.family, name)) {
                taken = fixed->uid;
            } else if (fixed = model::find_predefined("any", name);
                       fixed && (t.family == "network" || t.family == "service")) {
                taken = fixed->uid;
            }
            if (taken && *taken != uid) {
                auto other = get(*taken);
                refuse({"More than one object named '" + name + "' exists" +
                        (other && other->global ? " (the other is the Global Domain's)." : ".")},
                       {});
            }
        }

        json::object meta = json::get_object(document, "meta");
        if (meta.empty()) meta = {{"created", now}, {"creator", user()}};
        meta["modified"] = now;
        meta["modifier"] = user();
        document["meta"] = std::move(meta);
        entry.doc = json::canonical(document);
        uint64_t rev = entry.base_rev;
        impl.put_entry(session_, uid, std::move(entry));

        View view;
        view.uid = uid;
        view.type = &t;
        view.name = std::move(shown);
        view.rev = rev;
        view.document = std::move(document);
        return view;
    });
}

View Call::add(std::string_view type, const json::object& params, const json::object& internal) {
    WorkspaceImpl& impl = WorkspaceImpl::of(*this);
    return impl.atomically([&]() -> View {
        const model::Type& t = impl.catalog().require(type);
        SessionWorld world(*this);
        const json::value* groups = t.groups ? json::find(params, "groups") : nullptr;
        json::object rest;
        const json::object* given = &params;
        if (groups) {
            rest = params;
            rest.erase("groups");
            given = &rest;
        }
        json::object document = model::make_document(t, *given, world);
        put_internal(t, document, internal);
        Uid uid = Uid::make();
        if (t.name == "host") {
            auto warnings = impl.address_warnings(*this, document, uid);
            if (!warnings.empty() && !flag_of(params, "ignore-warnings")) {
                std::vector<std::string> errors;
                if (find(t.name, json::get_string(document, "name"))) {
                    errors.push_back("More than one object named '" +
                                     json::get_string(document, "name") + "' exists.");
                }
                refuse(errors, warnings);
            }
        }
        View view = put(type, uid, std::move(document));
        if (view.document.contains("members")) impl.check_cycle(*this, view);
        if (groups) impl.edit_groups(*this, view, *groups, true);
        return view;
    });
}

View Call::set(const View& view, const json::object& params, const json::object& internal) {
    WorkspaceImpl& impl = WorkspaceImpl::of(*this);
    return impl.atomically([&]() -> View {
        refuse_predefined(view);
        if (is_server_object(view) && params.contains("management-blades")) {
            throw Error(Code::invalid_parameter, "Invalid parameter for [management-blades]. '" + view.name +
                                                     "' stands for a server of the Domain: what it does is "
                                                     "decided with the server.")
                .refusal("", "leave management-blades out");
        }
        const model::Type& t = *view.type;
        SessionWorld world(*this);
        json::object document = view.document;
        bool changed = model::update_document(t, document, params, world);
        // To set what a recovered session has already is how one chooses it.
        const Entry* mine =
            session_->changes > 0 ? impl.overlay(*session_).find(view.uid) : nullptr;
        changed = changed || (mine && mine->recovered);
        if (!internal.empty()) {
            put_internal(t, document, internal);
            changed = changed || document != view.document;
        }
        if (t.name == "host" && changed && !flag_of(params, "ignore-warnings")) {
            bool moved = false;
            for (const char* key : {"ipv4-address", "ipv6-address"}) {
                moved = moved ||
                        json::get_string(document, key) != json::get_string(view.document, key);
            }
            if (moved) refuse({}, impl.address_warnings(*this, document, view.uid));
        }
        View out = view;
        if (changed) {
            out = put(t.name, view.uid, std::move(document));
            if (out.document.contains("members")) impl.check_cycle(*this, out);
        } else if (view.rev != 0) {
            impl.take_lock(*this, view, false);
        }
        if (const json::value* groups = t.groups ? json::find(params, "groups") : nullptr) {
            impl.edit_groups(*this, out, *groups, false);
        } else if (!t.groups && params.contains("groups")) {
            throw Error(Code::invalid_parameter_name, "Unrecognized parameter [groups]");
        }
        return out;
    });
}

void Call::remove(const View& view, bool in_use_too) {
    WorkspaceImpl& impl = WorkspaceImpl::of(*this);
    impl.atomically([&] {
        refuse_predefined(view);
        require_area(*view.type, true);
        const Entry* mine =
            session_->changes > 0 ? impl.overlay(*session_).find(view.uid) : nullptr;
        std::optional<store::Object> published;
        if (mine && mine->recovered) published = impl.db.get(view.uid);
        bool recovered = mine && mine->recovered;
        bool is_new = recovered ? !published : mine && mine->base_rev == 0;
        if (!is_new) impl.take_lock(*this, view, false);
        std::vector<Uid> by = users(view.uid);
        std::erase(by, view.uid);
        if (!by.empty() && !in_use_too) {
            std::string list;
            for (size_t i = 0; i < by.size() && i < 10; ++i) {
                auto user = get(by[i]);
                if (!user) continue;
                list += (list.empty() ? "" : ", ") + user->type->name + " '" + user->name + "'";
            }
            if (by.size() > 10) list += " and " + std::to_string(by.size() - 10) + " more";
            Error error =
                Error(Code::object_deletion,
                      "Object '" + view.name + "' cannot be deleted: it is used by " + list + ".")
                    .refusal("RF-25", "Take it out of the objects listed first; where-used uid " +
                                          view.uid.text() + " shows all.");
            throw error;
        }
        if (is_new) {
            impl.put_entry(session_, view.uid, std::nullopt);
            return;
        }
        if (is_server_object(view)) require("high-availability-operations");
        check_server_object(impl, view, store::Change::Op::remove, {});
        Entry entry;
        entry.removed = true;
        entry.type = view.type->name;
        entry.scope = view.type->family;
        entry.name = model::index_name(*view.type, view.document);
        if (recovered) {
            entry.base_rev = published->rev;
            entry.base_type = published->type;
            entry.base_name = published->name;
        } else if (mine) {
            entry.base_rev = mine->base_rev;
            entry.base_type = mine->base_type;
            entry.base_name = mine->base_name;
        } else {
            entry.base_rev = view.rev;
            entry.base_type = view.type->name;
            entry.base_name = entry.name;
        }
        impl.put_entry(session_, view.uid, std::move(entry));
    });
}

json::object Call::atomically(const std::function<json::object()>& f) {
    return WorkspaceImpl::of(*this).atomically(f);
}

void Call::lock(const View& view, bool by_hand) {
    refuse_predefined(view);
    WorkspaceImpl& impl = WorkspaceImpl::of(*this);
    impl.atomically([&] { impl.take_lock(*this, view, by_hand); });
}

void WorkspaceImpl::check_cycle(Call& call, const View& group) {
    std::set<Uid> members;
    for (const model::Reference& r : model::references_in(group.document)) {
        if (r.field != "tags") members.insert(r.uid);
    }
    // Upwards, because groups have many members and are in few groups: none of the groups that
    // hold this one may be among its members.
    std::set<Uid> seen = {group.uid};
    std::vector<Uid> next = {group.uid};
    while (!next.empty()) {
        Uid uid = next.back();
        next.pop_back();
        if (members.contains(uid)) {
            refuse({"Group '" + group.name +
                    "' must not contain itself, directly or through other groups."},
                   {});
        }
        for (const Uid& user : call.users(uid)) {
            if (!seen.insert(user).second) continue;
            auto view = head(call, user);
            if (!view) continue;
            if (view->document.contains("members") || view->document.contains("include")) {
                next.push_back(user);
            }
        }
    }
}

}  // namespace mds::mgmt
