// Publish and discard of a session's changes.
#include <malloc.h>

#include <algorithm>

#include "base/clock.hh"
#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

uint64_t WorkspaceImpl::publish(const SessionPtr& session, const std::string& by) {
    if (hooks.before_publish) hooks.before_publish();
    if (session->changes == 0) return 0;
    hooks.require_writable();
    Overlay& changes = overlay(*session);
    std::vector<std::string> problems;
    store::PublicDb::PublishRequest request;
    request.session = session->uid;
    request.session_name = session->name();
    request.author = by;
    request.description = json::get_string(session->info, "description");
    request.changes.reserve(changes.size());
    for (const auto& [uid, entry] : changes.entries()) {
        if (entry.base_rev != 0) {
            // Locks prevent this on one server; a change of roles in between does not.
            auto now_public = db.get(uid);
            if (!now_public || now_public->rev != entry.base_rev) {
                problems.push_back("Object '" + entry.base_name + "' was " +
                                   (now_public
                                        ? "changed by revision " + std::to_string(now_public->rev)
                                        : "deleted") +
                                   " since this session edited it.");
                continue;
            }
        }
        store::Change change;
        change.op = entry.removed ? store::Change::Op::remove : store::Change::Op::put;
        change.uid = uid;
        change.type = entry.type;
        change.scope = entry.scope;
        change.name = entry.name;
        change.doc = entry.doc;
        request.changes.push_back(std::move(change));
    }
    if (!problems.empty()) {
        Error error(Code::validation_failed, "Validation failed with " +
                                                 std::to_string(problems.size()) + " error" +
                                                 (problems.size() == 1 ? "" : "s"));
        for (std::string& line : problems) error.add_error(std::move(line));
        throw std::move(error).refusal("RF-37", "Correct the objects listed, or discard.");
    }
    // What the command has put into work.db so far must be there before the publish is.
    if (!session->transient) commit();
    uint64_t count = session->changes;
    store::Revision revision = db.publish(request, hooks.fence);
    record(*session, "Publish", session->name(),
           std::to_string(count) + " changes, revision " + std::to_string(revision.rev));
    finish_published(session);
    if (hooks.published) hooks.published(revision);
    return revision.rev;
}

void WorkspaceImpl::clear_changes(Session& session) {
    if (!session.transient) {
        for (const char* sql :
             {"DELETE FROM overlay_member WHERE session=?", "DELETE FROM overlay WHERE session=?",
              "DELETE FROM lock WHERE session=?"}) {
            SQLite::Statement& s = work.sql(sql);
            s.bind(1, session.uid.bytes.data(), 16);
            s.exec();
        }
    }
    if (lock_count(session.uid) > 0) {
        std::erase_if(locks, [&](const auto& l) { return l.second.session == session.uid; });
        lock_counts.erase(session.uid);
    }
    std::erase_if(journal, [&](const Undo& u) { return u.session.get() == &session; });
    // A large piece of work gives its memory back to the host, where many Domains live.
    constexpr uint64_t k_large = 5000;
    bool large = session.changes > k_large;
    session.overlay = std::make_unique<Overlay>();
    session.changes = 0;
    if (large) malloc_trim(0);
}

void WorkspaceImpl::finish_published(const SessionPtr& session) {
    WorkDb::Transaction transaction(work);
    uint64_t count = session->changes;
    clear_changes(*session);
    if (session->transient) {
        transaction.commit();
        return;
    }
    // The published session stays as a record; whoever is connected goes on in a new one.
    Session record;
    record.uid = session->uid;
    record.user = session->user;
    record.user_uid = session->user_uid;
    record.info = session->info;
    record.state = "published";
    record.timeout_s = session->timeout_s;
    record.created_ms = session->created_ms;
    record.login_ms = session->login_ms;
    record.logout_ms = session->logout_ms;
    record.last_use_ms = session->last_use_ms;
    record.publish_ms = now();
    record.changes = count;
    save(record);
    sessions.erase(session->uid);
    if (session->connected()) {
        start_anew(session);
    } else {
        session->uid = Uid::make();
    }
    transaction.commit();
}

uint64_t WorkspaceImpl::discard(const SessionPtr& session) {
    WorkDb::Transaction transaction(work);
    uint64_t count = session->changes;
    clear_changes(*session);
    if (!session->connected()) {
        forget(*session);
    } else {
        save(*session);
    }
    transaction.commit();
    return count;
}

namespace {

/// The session named by `uid` of the parameters (own by default). Others need manage-sessions,
/// unless they belong to the same administrator.
SessionPtr target_of(WorkspaceImpl& impl, Call& call) {
    std::string text = call.text_or("uid", "");
    if (text.empty()) return WorkspaceImpl::session_of(call);
    auto uid = Uid::parse(text);
    SessionPtr session = uid ? impl.by_uid(*uid) : nullptr;
    if (!session) throw Error(Code::object_not_found, "Requested object [" + text + "] not found");
    if (session->uid != call.session_uid() && session->user != call.user()) {
        call.require("manage-sessions");
    }
    return session;
}

}  // namespace

void WorkspaceImpl::register_changes_commands() {
    CommandFlags write;
    write.write = true;
    write.description = "Makes the changes of a session public, as one revision";
    add_generic(
        "publish",
        [this](Call& call) {
            call.only({"uid"});
            if (!json::get_bool(call.session().permissions, "publish-sessions", true)) {
                call.require("publish-sessions");
            }
            SessionPtr session = target_of(*this, call);
            Uid published = session->uid;
            uint64_t count = session->changes;
            uint64_t rev = publish(session, session->user);
            Uid task = self.create_task("Publish operation", settings.domain.name, call.user(),
                                        false, call.session_uid());
            json::array details{json::object{
                {"publishResponse",
                 json::object{{"numberOfPublishedChanges", count}, {"mode", "async"}}},
                {"revision", published.text()}}};
            if (rev == 0 || !hooks.replicate) {
                self.finish_task(task, "succeeded", std::move(details));
            } else {
                self.update_task(task, 90, "waiting until a Standby has it");
                hooks.replicate(rev, [this, task, details](const std::string& problem) {
                    // Never "failed": it is published here and will be replicated.
                    self.finish_task(task, problem.empty() ? "succeeded" : "succeeded with warnings",
                                     details, problem.empty() ? "" : "PUBLISHED, NOT REPLICATED: " +
                                                                         problem);
                });
            }
            return json::object{{"task-id", task.text()}};
        },
        write);
    CommandFlags discarding;
    discarding.description = "Drops the changes of a session and releases its locks";
    add_generic(
        "discard",
        [this](Call& call) {
            call.only({"uid"});
            SessionPtr session = target_of(*this, call);
            uint64_t count = discard(session);
            return json::object{{"message", "OK"}, {"number-of-discarded-changes", count}};
        },
        discarding);
}

}  // namespace mds::mgmt
