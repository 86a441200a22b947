// Publish and discard of a session's changes.
#include <malloc.h>

#include <algorithm>

#include "base/clock.hh"
#include "base/text.hh"
#include "log/log.hh"
#include "mgmt/workspace_impl.hh"
#include "model/coerce.hh"

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

uint64_t WorkspaceImpl::publish(const SessionPtr& session, const std::string& by, bool marked_too) {
    if (hooks.before_publish) hooks.before_publish();
    if (session->changes == 0) return 0;
    hooks.require_writable();
    Overlay& changes = overlay(*session);
    std::vector<std::string> problems;
    if (session->recovered()) {
        std::vector<Mark> marks = marks_of(*session);
        if (marked_too) std::erase_if(marks, [](const Mark& mark) { return !mark.must_edit; });
        refuse_marked(marks);
    }
    store::PublicDb::PublishRequest request;
    request.session = session->uid;
    request.session_name = session->name();
    request.author = by;
    request.description = json::get_string(session->info, "description");
    request.changes.reserve(changes.size());
    for (const auto& [uid, entry] : changes.entries()) {
        if (entry.recovered) {
            auto now_public = db.get(uid);
            if (entry.removed && !now_public) continue;
            std::string locked = now_public
                                     ? locked_by_other(*this, *session, uid, now_public->name)
                                     : std::string();
            if (!locked.empty()) {
                problems.push_back(std::move(locked));
                continue;
            }
        } else if (entry.base_rev != 0) {
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
    refresh_recovered(nullptr);
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

/// One object of the overlay by its uid or name.
Uid changed_object(Overlay& changes, const std::string& text) {
    if (auto uid = Uid::parse(text); uid && changes.find(*uid)) return *uid;
    std::vector<Uid> found;
    for (const auto& [uid, entry] : changes.entries()) {
        if (fold(entry.name) == fold(text) || fold(entry.base_name) == fold(text)) {
            found.push_back(uid);
        }
    }
    for (const Uid& uid : changes.titled(text)) {
        if (std::find(found.begin(), found.end(), uid) == found.end()) found.push_back(uid);
    }
    if (found.empty()) not_found(text);
    if (found.size() > 1) {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [objects]. " + std::to_string(found.size()) +
                        " changed objects are named '" + text + "'; give the uid.");
    }
    return found.front();
}

json::object discard_objects(WorkspaceImpl& impl, Call& call, const json::value& given, bool own) {
    if (!own) {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [objects]. Only changes of one's own session can be "
                    "taken back one by one; switch to the session first.");
    }
    std::vector<Uid> chosen;
    for (const json::value& v : model::as_list(given)) {
        if (call.session().changes == 0) not_found(model::coerce_string(v, "objects"));
        chosen.push_back(
            changed_object(impl.overlay(call.session()), model::coerce_string(v, "objects")));
    }
    for (const Uid& uid : chosen) impl.discard_object(call, uid);
    return {{"message", "OK"}, {"number-of-discarded-changes", chosen.size()}};
}

}  // namespace

void WorkspaceImpl::discard_object(Call& call, const Uid& uid) {
    const SessionPtr& session = session_of(call);
    if (!overlay(*session).find(uid)) return;
    put_entry(session, uid, std::nullopt);
    auto lock = locks.find(uid);
    if (lock != locks.end() && lock->second.session == session->uid) drop_lock(uid);
}

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
            publish(session, session->user, call.flag("ignore-warnings"));
            Uid task = self.create_task("Publish operation", settings.domain.name, call.user(),
                                        false, call.session_uid());
            self.finish_task(
                task, "succeeded",
                json::array{json::object{
                    {"publishResponse",
                     json::object{{"numberOfPublishedChanges", count}, {"mode", "async"}}},
                    {"revision", published.text()}}});
            return json::object{{"task-id", task.text()}};
        },
        write);
    CommandFlags discarding;
    discarding.description =
        "Drops the changes of a session and releases its locks; with objects, those of its own "
        "session";
    add_generic(
        "discard",
        [this](Call& call) {
            call.only({"uid", "objects"});
            SessionPtr session = target_of(*this, call);
            if (const json::value* given = json::find(call.params(), "objects")) {
                return discard_objects(*this, call, *given, session->uid == call.session_uid());
            }
            uint64_t count = discard(session, call.user());
            return json::object{{"message", "OK"}, {"number-of-discarded-changes", count}};
        },
        discarding);
}

}  // namespace mds::mgmt
