// The commands publish and discard. A large publish is written on another thread, while other
// sessions are served: they read the last revision until it is committed, here. Commands of the
// session itself, and other publishes, wait for its end in order.
#include <malloc.h>

#include <algorithm>

#include "base/text.hh"
#include "log/log.hh"
#include "mgmt/workspace_impl.hh"
#include "model/coerce.hh"

namespace mds::mgmt {
namespace {

/// So many changes are published in the time of one command.
constexpr uint64_t k_at_once = 500;
constexpr int k_sweep_rows = 2000;

}  // namespace

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
    WorkspaceImpl::refuse_publishing(*session);
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

json::array publish_details(uint64_t count, const Uid& published) {
    return {json::object{
        {"publishResponse", json::object{{"numberOfPublishedChanges", count}, {"mode", "async"}}},
        {"revision", published.text()}}};
}

}  // namespace

void WorkspaceImpl::discard_object(Call& call, const Uid& uid) {
    const SessionPtr& session = session_of(call);
    if (!overlay(*session).find(uid)) return;
    put_entry(session, uid, std::nullopt);
    auto lock = locks.find(uid);
    if (lock != locks.end() && lock->second.session == session->uid) drop_lock(uid);
}

void WorkspaceImpl::publish_command(Call& call, std::function<void(Reply)> then) {
    call.only({"uid"});
    if (!json::get_bool(call.session().permissions, "publish-sessions", true)) {
        call.require("publish-sessions");
    }
    if (publishing) {
        later.push_back([this, &call, then] {
            try {
                publish_command(call, then);
            } catch (const Error& error) {
                then(error_reply(error));
            }
        });
        return;
    }
    SessionPtr session = target_of(*this, call);
    Uid published = session->uid;
    uint64_t count = session->changes;
    bool marked_too = call.flag("ignore-warnings");
    if (hooks.shared_here() && count > 0) return publish_elsewhere(call, session, marked_too, then);
    // Where every server publishes, the rules are asked with the publish; such data is small.
    if (!hooks.background || hooks.shared || session->changes <= k_at_once || session->recovered()) {
        uint64_t rev = 0;
        Uid task;
        Reply reply = guarded([&] {
            return atomically([&] {
                rev = publish(session, session->user, marked_too);
                task = publish_task(call);
                if (!replicated(rev)) finish_publish(task, publish_details(count, published));
                return json::object{{"task-id", task.text()}};
            });
        });
        if (!replicated(rev)) return then(std::move(reply));
        return wait_replicated(task, rev, publish_details(count, published),
                               [then, reply] { then(reply); });
    }
    if (hooks.before_publish) hooks.before_publish();
    hooks.require_writable();
    if (hooks.check_changes) {
        if (Reply checked = guarded([&] {
                hooks.check_changes(session->user_uid, changes_of(overlay(*session)));
                return json::object{};
            });
            checked.status != 200) {
            return then(std::move(checked));
        }
    }
    Uid task = publish_task(call);
    auto end = [this, task, count, published, then](uint64_t rev, std::exception_ptr error) {
        Reply reply = guarded([&] {
            if (error) std::rethrow_exception(error);
            if (!replicated(rev)) finish_publish(task, publish_details(count, published));
            return json::object{{"task-id", task.text()}};
        });
        if (error) {
            std::string why =
                json::get_string(json::parse_object(reply.body), "message", "not published");
            self.finish_task(task, "failed", {}, why);
        }
        if (error || !replicated(rev)) return then(std::move(reply));
        wait_replicated(task, rev, publish_details(count, published), [then, reply] { then(reply); });
    };
    // The overlay stays as it is until then: every command that could change it waits.
    store::PublicDb::PublishRequest head = request_of(*session, session->user);
    const Overlay* changes = &overlay(*session);
    publish_beside({session, db.stage(),
                    [head, changes] {
                        auto request = head;
                        request.changes = changes_of(*changes);
                        return request;
                    },
                    end});
}

void WorkspaceImpl::publish_elsewhere(Call& call, const SessionPtr& session, bool marked_too,
                                      const std::function<void(Reply)>& then) {
    // Its commands wait from here on; those of others go on.
    session->publishing = true;
    hooks.shared->settled([this, weak = std::weak_ptr<bool>(alive), &call, session, marked_too, then] {
        if (!weak.lock()) return;
        session->publishing = false;
        Uid task;
        store::PublicDb::PublishRequest request;
        Reply reply = guarded([&] {
            return atomically([&] {
                request = checked_request(session, session->user, marked_too);
                task = publish_task(call);
                return json::object{{"task-id", task.text()}};
            });
        });
        if (reply.status != 200) {
            then(std::move(reply));
            return run_later();
        }
        // Whoever publishes what nobody owns answers for it.
        if (request.author_uid.is_nil()) request.author_uid = call.session().user_uid;
        publish_shared(session, task, std::move(request), then);
    });
}

Uid WorkspaceImpl::publish_task(Call& call) {
    return self.create_task("Publish operation", settings.domain.name, call.user(), false,
                            call.session_uid());
}

void WorkspaceImpl::publish_shared(const SessionPtr& session, const Uid& task,
                                   store::PublicDb::PublishRequest request,
                                   std::function<void(Reply)> then) {
    uint64_t count = session->changes;
    Uid published = session->uid;
    session->publishing = true;
    auto end = [this, weak = std::weak_ptr<bool>(alive), session, task, count, published,
                then](std::optional<Error> error, bool tentative) {
        if (!weak.lock()) return;
        session->publishing = false;
        Reply reply = guarded([&] {
            if (error) throw std::move(*error);
            // Its record may have come first, and ended the session.
            if (session->uid == published && session->changes > 0) {
                record(*session, "Publish", session->name(),
                       std::to_string(count) + " changes" + (tentative ? ", tentatively" : ""));
                finish_published(session);
            }
            refresh_recovered(nullptr);
            self.finish_task(task, "succeeded", publish_details(count, published),
                             tentative ? "published on this server; the Primary has not answered yet" : "");
            return json::object{{"task-id", task.text()}};
        });
        if (reply.status != 200) {
            std::string why =
                json::get_string(json::parse_object(reply.body), "message", "not published");
            self.finish_task(task, "failed", {}, why);
        }
        then(std::move(reply));
        run_later();
    };
    ask_shared(std::move(request), end);
}

void WorkspaceImpl::ask_as(const SessionPtr& session, const Reply& reply,
                           const std::function<void(Reply)>& then) {
    hooks.shared->settled([this, weak = std::weak_ptr<bool>(alive), session, reply, then] {
        if (!weak.lock()) return;
        store::PublicDb::PublishRequest request;
        Reply checked = guarded([&] {
            request = checked_request(session, session->user, false);
            return json::object{};
        });
        if (checked.status != 200) {
            clear_changes(*session);
            return then(std::move(checked));
        }
        ask_shared(std::move(request), [this, weak, session, reply, then](std::optional<Error> error, bool) {
            if (weak.lock()) clear_changes(*session);
            then(error ? error_reply(*error) : reply);
        });
    });
}

void WorkspaceImpl::ask_shared(store::PublicDb::PublishRequest request,
                               const std::function<void(std::optional<Error>, bool)>& end) {
    try {
        hooks.shared->ask(std::move(request), end);
    } catch (const Error& error) {
        end(error, false);
    } catch (const std::exception& error) {
        end(Error(Code::internal, error.what()), false);
    }
}

bool WorkspaceImpl::replicated(uint64_t rev) const { return rev != 0 && hooks.replicate; }

void WorkspaceImpl::finish_publish(const Uid& task, json::array details) {
    self.finish_task(task, "succeeded", std::move(details));
}

void WorkspaceImpl::wait_replicated(const Uid& task, uint64_t rev, const json::array& details,
                                    const std::function<void()>& answer) {
    auto over = std::make_shared<bool>(false);
    hooks.replicate(
        rev,
        [this, task, answer, over] {
            // Called from a timer: a disk that takes no task is no reason to end, or not to answer.
            try {
                if (!*over) self.update_task(task, 90, "waiting until a Standby has it");
            } catch (const std::exception& e) {
                log::warning(std::string("the task of a publish: ") + e.what());
            }
            answer();
        },
        [this, task, details, over](const std::string& problem) {
            *over = true;
            try {
                // Never "failed": it is published here and will be replicated.
                self.finish_task(task, problem.empty() ? "succeeded" : "succeeded with warnings",
                                 details,
                                 problem.empty() ? "" : "PUBLISHED, NOT REPLICATED: " + problem);
            } catch (const std::exception& e) {
                log::warning(std::string("the task of a publish: ") + e.what());
            }
        });
}

void WorkspaceImpl::publish_beside(Publishing what) {
    what.session->publishing = true;
    publishing = std::move(what);
    std::weak_ptr<bool> weak = alive;
    // The session is held too: its overlay is read there.
    hooks.background([session = publishing->session, staged = publishing->staged,
                      fill = publishing->fill] { store::PublicDb::write(*staged, fill); },
                     [this, weak, staged = publishing->staged] {
                         if (!weak.lock() || !publishing || publishing->staged != staged) return;
                         settle();
                     });
}

void WorkspaceImpl::run_later() {
    // Those whose session is still being published come back to the end.
    for (size_t waiting = later.size(); waiting > 0 && !publishing && !later.empty(); --waiting) {
        auto next = std::move(later.front());
        later.pop_front();
        next();
    }
}

void WorkspaceImpl::settle() {
    if (!publishing) return;
    Publishing done = std::move(*publishing);
    publishing.reset();
    // Nothing happens here when the other thread has begun.
    store::PublicDb::write(*done.staged, done.fill);
    std::exception_ptr error;
    uint64_t rev = 0;
    try {
        store::Revision revision = db.commit(*done.staged, hooks.fence);
        rev = revision.rev;
        done.session->publishing = false;
        record(*done.session, "Publish", done.session->name(),
               std::to_string(revision.changes) + " changes, revision " + std::to_string(rev));
        finish_published(done.session);
        refresh_recovered(nullptr);
        if (hooks.published) hooks.published(revision);
    } catch (...) {
        error = std::current_exception();
    }
    done.session->publishing = false;
    done.then(rev, error);
    if (later.empty()) return;
    // Not here: this may be in the middle of another command.
    hooks.background([] {},
                     [this, weak = std::weak_ptr<bool>(alive)] {
                         if (weak.lock()) run_later();
                     });
}

void WorkspaceImpl::refuse_publishing(const Session& session) {
    if (!session.publishing) return;
    throw Error(Code::session_in_use, "The session of '" + session.user + "' is being published.")
        .refusal("", "wait for the end of its task: show-tasks");
}

void WorkspaceImpl::tidy_up(std::unique_ptr<Overlay> overlay) {
    // A large piece of work gives its memory back to the host, where many Domains live.
    auto gone = std::make_shared<std::unique_ptr<Overlay>>(std::move(overlay));
    auto free_memory = [gone, file = db.file()] {
        gone->reset();
        try {
            store::PublicDb::checkpoint(file);
        } catch (const std::exception& error) {
            log::warning(std::string("checkpoint of the database: ") + error.what());
        }
        malloc_trim(0);
    };
    if (hooks.background) {
        hooks.background(free_memory, [] {});
    } else {
        free_memory();
    }
}

bool WorkspaceImpl::sweep() {
    if (retired.empty()) return false;
    int left = k_sweep_rows;
    for (const char* sql :
         {"DELETE FROM overlay_member WHERE session=?1 AND (uid,seq) IN (SELECT uid,seq FROM "
          "overlay_member WHERE session=?1 LIMIT ?2)",
          "DELETE FROM overlay WHERE session=?1 AND uid IN (SELECT uid FROM overlay WHERE "
          "session=?1 LIMIT ?2)"}) {
        auto s = work.sql(sql);
        s.bind(1, retired.back().bytes.data(), 16);
        s.bind(2, left);
        left -= s.exec();
        if (left <= 0) return true;
    }
    retired.pop_back();
    return !retired.empty();
}

void WorkspaceImpl::register_changes_commands() {
    CommandFlags write;
    write.write = true;
    write.description = "Makes the changes of a session public, as one revision";
    add_generic_async(
        "publish",
        [this](Call& call, std::function<void(Reply)> then) {
            publish_command(call, std::move(then));
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
