// The changes of a session made public, or dropped.
#include <algorithm>

#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

store::PublicDb::PublishRequest request_of(const Session& session, const std::string& by) {
    store::PublicDb::PublishRequest request;
    request.session = session.uid;
    request.session_name = session.name();
    request.author = by;
    request.description = json::get_string(session.info, "description");
    return request;
}

std::vector<store::Change> changes_of(const Overlay& overlay) {
    std::vector<store::Change> out;
    out.reserve(overlay.size());
    for (const auto& [uid, entry] : overlay.entries()) {
        store::Change change;
        change.op = entry.removed ? store::Change::Op::remove : store::Change::Op::put;
        change.uid = uid;
        change.type = entry.type;
        change.scope = entry.scope;
        change.name = entry.removed ? entry.base_name : entry.name;
        change.doc = entry.doc;
        // Locks prevent that somebody else changes it on one server; a change of roles in between
        // does not.
        change.base_rev = entry.base_rev;
        out.push_back(std::move(change));
    }
    return out;
}

uint64_t WorkspaceImpl::publish(const SessionPtr& session, const std::string& by) {
    if (hooks.before_publish) hooks.before_publish();
    if (session->changes == 0) return 0;
    hooks.require_writable();
    store::PublicDb::PublishRequest request = request_of(*session, by);
    request.changes = changes_of(overlay(*session));
    // What the command has put into work.db so far must be there before the publish is.
    if (!session->transient) commit();
    uint64_t count = session->changes;
    settle();
    store::Revision revision = db.publish(std::move(request), hooks.fence);
    record(*session, "Publish", session->name(),
           std::to_string(count) + " changes, revision " + std::to_string(revision.rev));
    finish_published(session);
    if (hooks.published) hooks.published(revision);
    return revision.rev;
}

void WorkspaceImpl::clear_changes(Session& session, bool retired_now) {
    constexpr uint64_t k_large = 5000;
    bool large = session.changes > k_large;
    if (!session.transient) {
        if (large && retired_now) retired.push_back(session.uid);
        for (const char* sql :
             {"DELETE FROM lock WHERE session=?", "DELETE FROM overlay_member WHERE session=?",
              "DELETE FROM overlay WHERE session=?"}) {
            SQLite::Statement& s = work.sql(sql);
            s.bind(1, session.uid.bytes.data(), 16);
            s.exec();
            if (large && retired_now) break;
        }
    }
    if (lock_count(session.uid) > 0) {
        std::erase_if(locks, [&](const auto& l) { return l.second.session == session.uid; });
        lock_counts.erase(session.uid);
    }
    std::erase_if(journal, [&](const Undo& u) { return u.session.get() == &session; });
    std::unique_ptr<Overlay> gone = std::move(session.overlay);
    session.overlay = std::make_unique<Overlay>();
    session.changes = 0;
    if (large) tidy_up(std::move(gone));
}

void WorkspaceImpl::finish_published(const SessionPtr& session) {
    WorkDb::Transaction transaction(work);
    uint64_t count = session->changes;
    clear_changes(*session, true);
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

}  // namespace mds::mgmt
