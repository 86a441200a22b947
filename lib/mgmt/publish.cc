// The changes of a session made public, or dropped.
#include <algorithm>

#include "log/log.hh"
#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

namespace {

/// Recovered changes hold no locks; they do not break those of others either.
std::string locked_by_other(WorkspaceImpl& impl, const Session& session, const Uid& uid,
                            const std::string& name) {
    auto found = impl.locks.find(uid);
    if (found == impl.locks.end() || found->second.session == session.uid) return "";
    SessionPtr owner = impl.by_uid(found->second.session);
    return "Object '" + name + "' is locked by another session of '" +
           (owner ? owner->user : "unknown") + "'.";
}

/// Nothing is overwritten that the session's author has not seen (replication.md 7).
void refuse_marked(const std::vector<Mark>& marks) {
    if (marks.empty()) return;
    Error error(Code::validation_failed,
                "Validation failed with " + std::to_string(marks.size()) + " conflict" +
                    (marks.size() == 1 ? "" : "s") +
                    ": this session was recovered, and the objects were changed since.");
    for (const Mark& mark : marks) {
        if (mark.must_edit) {
            error.add_error(mark.message);
        } else {
            error.add_warning(mark.message);
        }
    }
    throw std::move(error).refusal(
        "RF-37",
        "Edit the objects listed or take their changes back (discard with objects); "
        "publish with ignore-warnings true keeps what this session has.");
}

}  // namespace

void WorkspaceImpl::check_recovered(Session& session, bool marked_too) {
    std::vector<Mark> marks = marks_of(session);
    if (marked_too) std::erase_if(marks, [](const Mark& mark) { return !mark.must_edit; });
    refuse_marked(marks);
    std::vector<std::string> problems;
    for (const auto& [uid, entry] : overlay(session).entries()) {
        auto now_public = entry.recovered ? db.get(uid) : std::nullopt;
        if (!now_public) continue;
        std::string locked = locked_by_other(*this, session, uid, now_public->name);
        if (!locked.empty()) problems.push_back(std::move(locked));
    }
    if (problems.empty()) return;
    Error error(Code::validation_failed, "Validation failed with " +
                                             std::to_string(problems.size()) + " error" +
                                             (problems.size() == 1 ? "" : "s"));
    for (std::string& line : problems) error.add_error(std::move(line));
    throw std::move(error).refusal("RF-37", "Correct the objects listed, or discard.");
}

store::PublicDb::PublishRequest request_of(const Session& session, const std::string& by) {
    store::PublicDb::PublishRequest request;
    request.session = session.uid;
    request.session_name = session.name();
    request.author = by;
    request.author_uid = session.user_uid;
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
        change.base_rev = entry.recovered ? 0 : entry.base_rev;
        out.push_back(std::move(change));
    }
    return out;
}

store::PublicDb::PublishRequest WorkspaceImpl::checked_request(const SessionPtr& session,
                                                               const std::string& by, bool marked_too) {
    if (hooks.before_publish) hooks.before_publish();
    hooks.require_writable();
    if (session->recovered()) check_recovered(*session, marked_too);
    store::PublicDb::PublishRequest request = request_of(*session, by);
    request.changes = changes_of(overlay(*session));
    if (session->recovered()) {
        // What it deletes may be gone already.
        std::erase_if(request.changes, [this](const store::Change& c) {
            return c.op == store::Change::Op::remove && !db.get(c.uid);
        });
    }
    if (hooks.check_changes) hooks.check_changes(request.author_uid, request.changes);
    return request;
}

uint64_t WorkspaceImpl::publish(const SessionPtr& session, const std::string& by,
                                bool marked_too) {
    if (session->changes == 0) return 0;
    store::PublicDb::PublishRequest request = checked_request(session, by, marked_too);
    // What the command has put into work.db so far must be there before the publish is.
    if (!session->transient) commit();
    uint64_t count = session->changes;
    settle();
    if (hooks.shared_here()) {
        // What is shown changes meanwhile, and the session with it were it an open one.
        session->publishing = true;
        uint64_t rev = 0;
        try {
            rev = hooks.shared->publish(std::move(request));
        } catch (...) {
            session->publishing = false;
            throw;
        }
        session->publishing = false;
        record(*session, "Publish", session->name(), std::to_string(count) + " changes, tentatively");
        finish_published(session);
        refresh_recovered(nullptr);
        return rev;
    }
    store::Revision revision = db.publish(std::move(request), hooks.fence);
    record(*session, "Publish", session->name(),
           std::to_string(count) + " changes, revision " + std::to_string(revision.rev));
    finish_published(session);
    refresh_recovered(nullptr);
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
            auto s = work.sql(sql);
            s.bind(1, session.uid.bytes.data(), 16);
            s.exec();
            if (large && retired_now) break;
        }
    }
    if (lock_count(session.uid) > 0) {
        std::erase_if(locks, [&](const auto& l) { return l.second.session == session.uid; });
        ++locks_version;
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
    if (session->recovered()) finish_parked(*session);
    end_as(session, "published", count);
    transaction.commit();
}

void WorkspaceImpl::end_as(const SessionPtr& session, const std::string& state, uint64_t count) {
    Session record;
    record.uid = session->uid;
    record.user = session->user;
    record.user_uid = session->user_uid;
    record.info = session->info;
    record.state = state;
    record.timeout_s = session->timeout_s;
    record.created_ms = session->created_ms;
    record.login_ms = session->login_ms;
    record.logout_ms = session->logout_ms;
    record.last_use_ms = session->last_use_ms;
    if (state == "published") record.publish_ms = now();
    record.changes = count;
    save(record);
    sessions.erase(session->uid);
    if (session->connected()) {
        start_anew(session);
    } else {
        session->uid = Uid::make();
    }
}

uint64_t WorkspaceImpl::discard(const SessionPtr& session, const std::string& by) {
    WorkDb::Transaction transaction(work);
    uint64_t count = session->changes;
    clear_changes(*session);
    if (session->recovered()) {
        // Told to be published once: who gave it up is recorded for good.
        log::notice("recovered session '" + session->name() + "' of '" + session->user +
                        "' was discarded by '" + by + "'",
                    {{"MDS_DOMAIN", settings.domain.name}, {"MDS_SESSION", session->uid.text()}});
        record(*session, "Discard recovered session", session->name(),
               std::to_string(count) + " changes, by " + by);
        session->info["discarded-by"] = by;
        session->info["discarded-ms"] = now();
        finish_parked(*session);
        end_as(session, "discarded", count);
    } else if (!session->connected()) {
        forget(*session);
    } else {
        save(*session);
    }
    transaction.commit();
    return count;
}

}  // namespace mds::mgmt
