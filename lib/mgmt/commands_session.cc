// Commands on sessions (management-api.md 8).
#include <algorithm>

#include "mgmt/commands_changes.hh"
#include "mgmt/workspace_impl.hh"
#include "model/coerce.hh"

namespace mds::mgmt {

json::object WorkspaceImpl::render_session(const Session& session) {
    json::object out;
    out["uid"] = session.uid.text();
    std::string name = session.name();
    if (!name.empty()) out["name"] = name;
    out["type"] = "session";
    out["domain"] = settings.domain.to_json();
    int64_t modified = std::max({session.created_ms, session.login_ms, session.publish_ms});
    out["meta-info"] = json::object{{"lock", "unlocked"},
                                    {"validation-state", "ok"},
                                    {"last-modify-time", model::date(modified)},
                                    {"last-modifier", session.user},
                                    {"creation-time", model::date(session.created_ms)},
                                    {"creator", session.user}};
    const json::value* tags = json::find(session.info, "tags");
    out["tags"] = tags ? *tags : json::value(json::array{});
    out["read-only"] = session.read_only;
    out["comments"] = json::get_string(session.info, "comments");
    out["color"] = json::get_string(session.info, "color", "black");
    out["icon"] = "Objects/worksession";
    out["state"] = session.state;
    out["user-name"] = session.user;
    out["description"] = json::get_string(session.info, "description");
    out["last-login-time"] = model::date(session.login_ms);
    if (session.logout_ms > 0) out["last-logout-time"] = model::date(session.logout_ms);
    if (session.publish_ms > 0) out["publish-time"] = model::date(session.publish_ms);
    out["expired-session"] = session.expired;
    out["application"] = json::get_string(session.info, "application", "WEB_API");
    out["changes"] = session.changes;
    out["in-work"] = session.state == "open";
    out["ip-address"] = json::get_string(session.info, "ip-address");
    out["locks"] = lock_count(session.uid);
    out["connection-mode"] = session.read_only ? "read only" : "read write";
    out["session-timeout"] = session.timeout_s;
    out["email"] = "";
    out["phone-number"] = "";
    out["connected"] = session.connected();
    if (session.recovered()) {
        const json::object& from = json::get_object(session.info, "recovered");
        out["recovered"] = json::object{{"server", json::get_string(from, "server")},
                                        {"term", json::get_string(from, "term")},
                                        {"revision", json::get_int(from, "revision")},
                                        {"publish-time", model::date(json::get_int(from, "time"))},
                                        {"author", json::get_string(from, "author")}};
    }
    if (session.state == "discarded") {
        out["discarded-by"] = json::get_string(session.info, "discarded-by");
        out["discard-time"] = model::date(json::get_int(session.info, "discarded-ms"));
    }
    out["connected-server"] = json::object{{"name", settings.server_name}, {"type", "CpmiHostCkp"}};
    return out;
}

namespace {

SessionPtr open_one(WorkspaceImpl& impl, const std::string& text) {
    auto uid = Uid::parse(text);
    SessionPtr session = uid ? impl.by_uid(*uid) : nullptr;
    if (!session) throw Error(Code::object_not_found, "Requested object [" + text + "] not found");
    WorkspaceImpl::refuse_publishing(*session);
    return session;
}

json::object show_session(WorkspaceImpl& impl, Call& call) {
    call.only({"uid", "detailed-admin-info"});
    std::string text = call.text_or("uid", "");
    if (text.empty()) return impl.render_session(call.session());
    auto uid = Uid::parse(text);
    if (uid) {
        if (SessionPtr session = impl.by_uid(*uid)) return impl.render_session(*session);
        auto stored = impl.stored_session(*uid);
        // A purged revision is gone, its session too.
        if (stored && (stored->state == "discarded" || impl.db.revision_of_session(*uid)))
            return impl.render_session(*stored);
    }
    throw Error(Code::object_not_found, "Requested object [" + text + "] not found");
}

json::object show_sessions(WorkspaceImpl& impl, Call& call) {
    call.only({"limit", "offset", "order", "view-published-sessions", "filter"});
    PageRequest request;
    read_paging(call, request);
    model::Level level = call.level(model::Level::standard);
    std::vector<Session> published;
    std::vector<const Session*> all;
    if (call.flag("view-published-sessions")) {
        published = published_sessions(impl);
        for (const Session& session : published) all.push_back(&session);
    } else {
        for (const auto& [uid, session] : impl.sessions) all.push_back(session.get());
    }
    json::array items;
    for (uint64_t i = request.offset; i < all.size() && items.size() < request.limit; ++i) {
        const Session& session = *all[i];
        if (level == model::Level::uid) {
            items.push_back(json::value(session.uid.text()));
        } else if (level == model::Level::full) {
            items.push_back(impl.render_session(session));
        } else {
            json::object whole = impl.render_session(session), obj;
            for (const char* key : {"uid", "name", "type", "domain", "icon", "color", "state",
                                    "user-name", "application", "changes", "locks"}) {
                if (const json::value* v = json::find(whole, key)) obj[key] = *v;
            }
            items.push_back(std::move(obj));
        }
    }
    json::object reply;
    uint64_t count = items.size();
    reply["objects"] = std::move(items);
    put_range(reply, request.offset, count, all.size());
    return reply;
}

json::object set_session(WorkspaceImpl& impl, Call& call) {
    call.only({"new-name", "description", "session-timeout", "tags", "comments", "color"});
    Session& session = call.session();
    int timeout = session.timeout_s;
    json::object info = session.info;
    for (const auto& [key, from] :
         {std::pair{"name", "new-name"}, std::pair{"description", "description"},
          std::pair{"comments", "comments"}}) {
        if (const json::value* v = json::find(call.params(), from)) {
            info[key] = model::coerce_string(*v, from, true);
        }
    }
    if (const json::value* v = json::find(call.params(), "color")) {
        info["color"] = model::coerce_colour(*v, "color");
    }
    if (const json::value* v = json::find(call.params(), "tags")) {
        json::array names;
        for (const json::value& tag : model::as_list(*v)) {
            names.push_back(json::value(model::coerce_string(tag, "tags")));
        }
        info["tags"] = std::move(names);
    }
    if (call.params().contains("session-timeout")) {
        int64_t seconds = call.integer("session-timeout", timeout);
        if (seconds < 10 || seconds > 3600) {
            throw Error(Code::invalid_parameter,
                        "Invalid parameter for [session-timeout]. The value must be between 10 and "
                        "3600.");
        }
        timeout = static_cast<int>(seconds);
    }
    session.info = std::move(info);
    session.timeout_s = timeout;
    impl.save(session);
    return impl.render_session(session);
}

/// What was handed over for approval must not change until it is approved or rejected.
void refuse_pending(const Session& session) {
    if (session.state != "pending_approval") return;
    throw Error(Code::switch_session_failed, "The session waits for approval.")
        .refusal("", "approve-session or reject-session");
}

/// The connection of the caller goes on with another session; its own one ends.
void connect_to(WorkspaceImpl& impl, Call& call, const SessionPtr& target) {
    Session& mine = call.session();
    if (mine.transient) throw Error(Code::switch_session_failed, "Only a login can do this.");
    WorkDb::Transaction transaction(impl.work);
    std::string hash = mine.sid_hash;
    SessionPtr keep = WorkspaceImpl::session_of(call);
    impl.disconnect(mine, false);
    impl.sids.erase(target->sid_hash);
    target->sid_hash = hash;
    target->expired = false;
    target->state = "open";
    target->login_ms = target->last_use_ms = impl.now();
    target->timeout_s = keep->timeout_s;
    target->permissions = keep->permissions;
    // An assigned session has none until its new owner comes.
    target->user_uid = keep->user_uid;
    impl.sids[hash] = target;
    impl.save(*target);
    transaction.commit();
}

json::object switch_session(WorkspaceImpl& impl, Call& call) {
    call.only({"uid"});
    SessionPtr target = open_one(impl, call.text("uid"));
    if (target->uid == call.session_uid()) return impl.render_session(*target);
    if (target->user != call.user()) {
        throw Error(Code::switch_session_failed, "The session belongs to '" + target->user + "'.")
            .refusal("", "take-over-session, with the permission manage-sessions");
    }
    if (target->connected() || target->read_only) {
        throw Error(Code::switch_session_failed, "The session is connected or read-only.");
    }
    refuse_pending(*target);
    connect_to(impl, call, target);
    return impl.render_session(*target);
}

json::object take_over(WorkspaceImpl& impl, Call& call) {
    call.only({"uid", "disconnect-active-session"});
    SessionPtr target = open_one(impl, call.text("uid"));
    if (target->uid == call.session_uid()) return impl.render_session(*target);
    if (target->user != call.user()) call.require("manage-sessions");
    refuse_pending(*target);
    if (call.session().changes > 0) {
        throw Error(Code::switch_session_failed, "Your own session has " +
                                                     std::to_string(call.session().changes) +
                                                     " unpublished changes.")
            .refusal("SE-5", "publish or discard them first");
    }
    if (target->connected()) {
        if (!call.flag("disconnect-active-session")) {
            throw Error(Code::session_in_use, "The session is connected ('" + target->user + "').")
                .refusal("", "repeat with disconnect-active-session true");
        }
        impl.ended[target->sid_hash] = {"The session was taken over by '" + call.user() + "'.", 0,
                                        impl.now() + 3'600'000, target->uid, target->user};
    }
    target->user = call.user();
    connect_to(impl, call, target);
    return impl.render_session(*target);
}

json::object assign_session(WorkspaceImpl& impl, Call& call) {
    call.only({"uid", "administrator-name", "disconnect-active-session"});
    SessionPtr target = open_one(impl, call.text("uid"));
    std::string to = call.text("administrator-name");
    if (target->connected()) {
        if (!call.flag("disconnect-active-session")) {
            throw Error(Code::session_in_use, "The session is connected ('" + target->user + "').")
                .refusal("", "repeat with disconnect-active-session true");
        }
        impl.ended[target->sid_hash] = {"The session was assigned to '" + to + "'.", 0,
                                        impl.now() + 3'600'000, target->uid, target->user};
        impl.disconnect(*target, false);
    }
    target->user = to;
    target->user_uid = {};
    impl.save(*target);
    return {{"message", "OK"}};
}

json::object disconnect_other(WorkspaceImpl& impl, Call& call) {
    call.only({"uid", "discard"});
    SessionPtr target = open_one(impl, call.text("uid"));
    if (target->user != call.user()) call.require("manage-sessions");
    if (target->connected() && !target->transient) {
        impl.ended[target->sid_hash] = {"The session was disconnected by '" + call.user() + "'.", 0,
                                        impl.now() + 3'600'000, target->uid, target->user};
        impl.disconnect(*target, false);
    }
    if (call.flag("discard") && impl.by_uid(target->uid)) impl.discard(target, call.user());
    return {{"message", "OK"}};
}

json::object logout(WorkspaceImpl& impl, Call& call) {
    if (!call.session().transient) impl.disconnect(call.session(), false);
    return {{"message", "OK"}};
}

}  // namespace

void WorkspaceImpl::register_session_commands() {
    add_simple("logout", logout, "Ends the connection; unpublished changes stay in the session");
    add_simple(
        "keepalive",
        [](WorkspaceImpl&, Call&) {
            return json::object{{"message", "OK"}};
        },
        "Renews the session's timeout");
    add_simple("show-session", show_session, "Shows a session");
    add_simple("show-sessions", show_sessions, "Lists sessions");
    add_simple("set-session", set_session, "Changes name and description of the session");
    add_simple("switch-session", switch_session, "Goes on with another session of one's own", true);
    add_simple("take-over-session", take_over, "Goes on with a session of somebody else", true);
    add_simple("assign-session", assign_session, "Gives a session to another administrator");
    needs("assign-session", "manage-sessions");
    add_simple("disconnect", disconnect_other, "Disconnects a session");
    add_simple("show-last-published-session", show_last_published,
               "Shows the newest revision's session");
    add_simple("show-changes", show_changes, "Shows what revisions changed, as a task");
}

}  // namespace mds::mgmt
