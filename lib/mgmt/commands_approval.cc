// Approval of sessions: an administrator who may not publish submits, another one approves or
// rejects (management-api.md 8).
#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {
namespace {

constexpr const char* k_pending = "pending_approval";
constexpr const char* k_rejected = "rejected";

SessionPtr pending_session(WorkspaceImpl& impl, Call& call) {
    std::string text = call.text("uid");
    auto uid = Uid::parse(text);
    SessionPtr session = uid ? impl.by_uid(*uid) : nullptr;
    if (!session) not_found(text);
    WorkspaceImpl::refuse_publishing(*session);
    if (session->state != k_pending) {
        throw Error(Code::submit_failed,
                    "The session of '" + session->user + "' was not submitted for approval.")
            .refusal("", "submit-session by its owner");
    }
    if (session->user == call.user() && !call.session().superuser) {
        throw Error(Code::no_permissions,
                    "A session is approved or rejected by another administrator than its owner.");
    }
    return session;
}

json::object submit_session(WorkspaceImpl& impl, Call& call) {
    call.only({"uid"});
    SessionPtr session = WorkspaceImpl::session_of(call);
    std::string text = call.text_or("uid", "");
    if (!text.empty()) {
        auto uid = Uid::parse(text);
        session = uid ? impl.by_uid(*uid) : nullptr;
        if (!session || session->user != call.user()) not_found(text);
    }
    WorkspaceImpl::refuse_publishing(*session);
    if (session->state == k_pending) return {{"message", "OK"}};
    if (session->changes == 0 || session->transient) {
        throw Error(Code::submit_failed, "The session has no changes to approve.");
    }
    WorkDb::Transaction transaction(impl.work);
    impl.set_apart(session, k_pending);
    transaction.commit();
    return {{"message", "OK"}};
}

void approve_session(WorkspaceImpl& impl, Call& call, const std::function<void(Reply)>& then) {
    call.only({"uid"});
    SessionPtr session = pending_session(impl, call);
    if (impl.hooks.shared_here()) {
        return impl.publish_elsewhere(call, session, false, [then](Reply reply) {
            then(reply.status == 200 ? ok_reply({{"message", "OK"}}) : std::move(reply));
        });
    }
    then(guarded([&] {
        return impl.atomically([&] {
            impl.publish(session, session->user);
            return json::object{{"message", "OK"}};
        });
    }));
}

json::object reject_session(WorkspaceImpl& impl, Call& call) {
    call.only({"uid", "comments"});
    SessionPtr session = pending_session(impl, call);
    std::string why = call.text("comments");
    session->state = k_rejected;
    session->info["comments"] = "Rejected by " + call.user() + ": " + why;
    impl.save(*session);
    return {{"message", "OK"}};
}

}  // namespace

SessionPtr WorkspaceImpl::set_apart(const SessionPtr& session, const std::string& state) {
    overlay(*session);
    auto apart = std::make_shared<Session>();
    apart->uid = session->uid;
    apart->user = session->user;
    apart->user_uid = session->user_uid;
    apart->permissions = session->permissions;
    apart->info = session->info;
    apart->state = state;
    apart->timeout_s = session->timeout_s;
    apart->created_ms = session->created_ms;
    apart->login_ms = session->login_ms;
    apart->logout_ms = now();
    apart->last_use_ms = session->last_use_ms;
    apart->changes = session->changes;
    sessions.erase(session->uid);
    sessions[apart->uid] = apart;
    save(*apart);
    // Whoever is connected goes on in a new session, as after a publish.
    if (session->connected()) start_anew(session);
    return apart;
}

void WorkspaceImpl::start_anew(const SessionPtr& session) {
    session->uid = Uid::make();
    session->created_ms = now();
    session->state = "open";
    session->changes = 0;
    session->overlay = std::make_unique<Overlay>();
    session->info.erase("name");
    for (const char* key : {"description", "recovered", "discarded-by", "discarded-ms"}) {
        session->info.erase(key);
    }
    sessions[session->uid] = session;
    save(*session);
}

void WorkspaceImpl::register_approval_commands() {
    add_simple("submit-session", submit_session, "Hands the session over for approval", true);
    CommandFlags write;
    write.write = true;
    write.description = "Publishes a session that was submitted";
    add_generic_async(
        "approve-session",
        [this](Call& call, std::function<void(Reply)> then) { approve_session(*this, call, then); }, write);
    add_simple("reject-session", reject_session, "Gives a submitted session back to its owner",
               true);
    for (const char* name : {"approve-session", "reject-session"}) needs(name, "approve-or-reject-sessions");
}

}  // namespace mds::mgmt
