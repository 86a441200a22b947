// What is done with whole revisions: going back to one, deleting old ones (SE-6, management-api.md
// 8), by hand and automatically.
#include <algorithm>

#include "base/clock.hh"
#include "log/log.hh"
#include "mgmt/commands_changes.hh"
#include "model/coerce.hh"

namespace mds::mgmt {
namespace {

constexpr int64_t k_day_ms = 24LL * 3'600'000;
constexpr int64_t k_hour_ms = 3'600'000;

/// The published revisions, newest first, until `visit` returns false.
void each_publish(WorkspaceImpl& impl, const std::function<bool(const store::Revision&)>& visit) {
    uint64_t below = impl.db.position().rev + 1;
    for (;;) {
        auto page = impl.db.revisions(below, 500);
        if (page.empty()) return;
        for (const store::Revision& r : page) {
            below = r.rev;
            if (r.kind == "publish" && !visit(r)) return;
        }
    }
}

/// The revision of `to-session`, and what going back to it changes.
struct Revert {
    store::Revision target;
    std::vector<store::Change> changes;
    std::vector<SessionPtr> others;
};

Revert revert_of(WorkspaceImpl& impl, Call& call) {
    call.only({"to-session"});
    if (impl.settings.domain.type == "mds") {
        // Servers, Domains and administrators are more than their objects.
        throw Error(Code::wrong_domain_type,
                    "The system data cannot be brought back to a revision.")
            .refusal("", "mds_restore brings back a whole deployment");
    }
    std::string text = call.text("to-session");
    auto uid = Uid::parse(text);
    auto rev = uid ? impl.db.revision_of_session(*uid) : std::nullopt;
    if (!rev) not_found(text);
    Revert out;
    out.target = *impl.db.revision(*rev);
    out.changes = impl.db.changes_back_to(*rev);
    // What the Global Domain gave is the next assignment's business (GA-1); what stands for servers is what
    // the servers are now.
    auto not_ours = [&](const std::string& doc) {
        if (doc.empty()) return false;
        json::object document = json::parse_object(doc);
        return json::get_bool(json::get_object(document, "meta"), "global") ||
               json::get_bool(document, "domain-server");
    };
    std::erase_if(out.changes, [&](const store::Change& c) {
        const model::Type* type = impl.catalog().find(c.type);
        auto here = impl.db.get(c.uid);
        return (type && type->own) || not_ours(c.doc) || (here && not_ours(here->doc));
    });
    for (const auto& [id, session] : impl.sessions) {
        if (id != call.session_uid()) out.others.push_back(session);
    }
    return out;
}

std::string title(const store::Revision& r) {
    return r.session_name.empty() ? r.session.text() : "'" + r.session_name + "'";
}

json::object summary(WorkspaceImpl& impl, const Revert& revert) {
    size_t added = 0, removed = 0;
    for (const store::Change& c : revert.changes) {
        if (c.op == store::Change::Op::remove) {
            ++removed;
        } else if (!impl.db.get(c.uid)) {
            ++added;
        }
    }
    json::array pending;
    for (const SessionPtr& session : revert.others) {
        if (session->changes > 0) {
            pending.push_back(json::object{{"uid", session->uid.text()},
                                           {"user-name", session->user},
                                           {"changes", session->changes}});
        }
    }
    return {{"to-session", revert.target.session.text()},
            {"numberOfChanges", revert.changes.size()},
            {"added-objects", added},
            {"deleted-objects", removed},
            {"modified-objects", revert.changes.size() - added - removed},
            {"sessions-with-changes", std::move(pending)}};
}

json::object finished(WorkspaceImpl& impl, Call& call, const char* name, json::object details) {
    Uid task = impl.self.create_task(name, impl.settings.domain.name, call.user(), false,
                                     call.session_uid());
    impl.self.finish_task(task, "succeeded", json::array{std::move(details)});
    return {{"task-id", task.text()}};
}

/// The history of data that every server changes is kept by the one that puts it in order.
void require_keeper(const WorkspaceImpl& impl) {
    if (!impl.hooks.shared_here()) return;
    throw Error(Code::ha_invalid, "The revisions of " + impl.settings.domain.name +
                                      " are kept by the Primary; this server is a Secondary.")
        .refusal("RF-13", "log in to " + impl.settings.domain.name + " on the Primary: mdsctl server list");
}

json::object verify_revert(WorkspaceImpl& impl, Call& call) {
    Revert revert = revert_of(impl, call);
    return finished(impl, call, "Verify revert", summary(impl, revert));
}

json::object revert_to_revision(WorkspaceImpl& impl, Call& call) {
    require_keeper(impl);
    Revert revert = revert_of(impl, call);
    Session& mine = call.session();
    if (mine.changes > 0) {
        throw Error(Code::validation_failed,
                    "This session has " + std::to_string(mine.changes) + " unpublished changes.")
            .refusal("", "publish or discard them first");
    }
    // What somebody may not change himself does not go back for him either.
    for (const store::Change& c : revert.changes) {
        auto here = impl.db.get(c.uid);
        const model::Type* type = impl.catalog().find(c.type.empty() && here ? here->type : c.type);
        if (type) call.require_area(*type, true);
    }
    json::object details = summary(impl, revert);
    if (!revert.changes.empty()) {
        if (impl.hooks.before_publish) impl.hooks.before_publish();
        impl.commit();
        store::PublicDb::PublishRequest request;
        request.session = Uid::make();
        request.session_name = "Revert to " + title(revert.target);
        request.author = call.user();
        request.changes = std::move(revert.changes);
        impl.settle();
        store::Revision made = impl.db.publish(std::move(request), impl.hooks.fence);
        details["revision"] = made.session.text();
        if (impl.hooks.published) impl.hooks.published(made);
    }
    // Their changes stay; those on what went back are refused at their publish, by name (RF-37).
    for (const SessionPtr& session : revert.others) {
        if (!session->connected() || session->transient) continue;
        impl.ended[session->sid_hash] = {
            "'" + call.user() + "' brought the Domain back to an earlier revision.", 0,
            impl.now() + k_hour_ms, session->uid, session->user};
        impl.disconnect(*session, false);
    }
    return finished(impl, call, "Revert to revision", std::move(details));
}

/// The newest revision that is not preserved; 0 = everything is. What another server of the Domain may
/// not have yet is preserved whatever the rule: nobody else could put it aside after a takeover there.
uint64_t first_not_kept(WorkspaceImpl& impl,
                        const std::function<bool(size_t index, const store::Revision&)>& kept,
                        size_t* purged) {
    uint64_t up_to = 0;
    size_t index = 0, gone = 0;
    uint64_t limit = impl.hooks.purge_limit ? impl.hooks.purge_limit() : UINT64_MAX;
    each_publish(impl, [&](const store::Revision& r) {
        // Everything older than one that goes, goes.
        if (up_to == 0 && (kept(index++, r) || r.rev > limit)) return true;
        up_to = std::max(up_to, r.rev);
        ++gone;
        return true;
    });
    if (purged) *purged = gone;
    return up_to;
}

void purge(WorkspaceImpl& impl, uint64_t up_to, const std::string& by) {
    if (impl.hooks.before_publish) impl.hooks.before_publish();
    impl.commit();
    impl.settle();
    store::Revision made = impl.db.purge(up_to, by, impl.hooks.fence);
    if (impl.hooks.published) impl.hooks.published(made);
}

json::object purge_published(WorkspaceImpl& impl, Call& call) {
    call.only({"number-of-sessions-to-preserve", "preserve-to-date"});
    require_keeper(impl);
    bool by_count = call.params().contains("number-of-sessions-to-preserve");
    int64_t date = date_from(call, "preserve-to-date", -1);
    if (by_count == (date >= 0)) {
        throw Error(
            Code::missing_parameters,
            "Missing parameter: [number-of-sessions-to-preserve] or [preserve-to-date], one "
            "of them");
    }
    int64_t keep = call.integer("number-of-sessions-to-preserve", 1);
    if (keep < 1 || keep > 1'000'000) {
        model::invalid("number-of-sessions-to-preserve",
                       "The value must be between 1 and 1000000.");
    }
    size_t count = 0;
    uint64_t up_to = first_not_kept(
        impl,
        [&](size_t index, const store::Revision& r) {
            // The newest revision is what is published: it stays whatever the date.
            return by_count ? index < static_cast<size_t>(keep) : index == 0 || r.time_ms >= date;
        },
        &count);
    if (up_to > 0) purge(impl, up_to, call.user());
    return finished(impl, call, "Purge published sessions",
                    {{"numberOfPurgedSessions", count}, {"up-to-revision", up_to}});
}

}  // namespace

void WorkspaceImpl::purge_by_size() {
    if (settings.log_bytes == 0) return;
    uint64_t up_to = db.purge_point(settings.log_bytes);
    if (up_to == 0) return;
    uint64_t limit = hooks.purge_limit ? hooks.purge_limit() : UINT64_MAX;
    if (limit < up_to) {
        log::warning("the log is larger than " + std::to_string(settings.log_bytes >> 20) +
                     " MiB, and a server of this Domain has only revision " +
                     std::to_string(limit) + "; what it lacks is kept until it is back or removed");
        up_to = limit;
    }
    if (up_to < db.oldest_record()) return;
    try {
        purge(*this, up_to, "log size");
        log::notice("the log was larger than " + std::to_string(settings.log_bytes >> 20) +
                    " MiB: purged up to revision " + std::to_string(up_to));
    } catch (const Error& error) {
        log::warning("purging the log: " + std::string(error.message()));
    }
}

void WorkspaceImpl::purge_by_schedule() {
    int64_t time = now();
    if (time < next_auto_purge_ms) return;
    next_auto_purge_ms = time + 60'000;
    if (hooks.is_standby() || hooks.shared_here()) return;
    purge_by_size();
    const model::Type* type = catalog().find("automatic-purge");
    if (!type) return;
    auto object = db.get(model::fixed_uid(type->name, type->name));
    if (!object) return;
    json::object settings_now = json::parse_object(object->doc);
    if (!json::get_bool(settings_now, "enabled")) return;
    const json::object& schedule = json::get_object(settings_now, "scheduling");
    if (const json::value* start = json::find(schedule, "start-date")) {
        auto from = date_of(*start);
        if (from && *from > time) return;
    }
    std::string units = json::get_string(schedule, "time-units", "hours");
    int64_t interval =
        json::get_int(schedule, "check-interval", 24) * (units == "weeks"  ? 7 * k_day_ms
                                                         : units == "days" ? k_day_ms
                                                                           : k_hour_ms);
    if (last_auto_purge_ms > 0 && time - last_auto_purge_ms < interval) return;
    last_auto_purge_ms = time;
    bool by_count = json::get_bool(settings_now, "keep-sessions-by-count", true);
    bool by_days = json::get_bool(settings_now, "keep-sessions-by-days", true);
    if (!by_count && !by_days) return;
    auto most = static_cast<size_t>(json::get_int(settings_now, "number-of-sessions-to-keep", 999));
    int64_t oldest = time - json::get_int(settings_now, "number-of-days-to-keep", 365) * k_day_ms;
    size_t count = 0;
    // With both rules, what either of them keeps stays.
    uint64_t up_to = first_not_kept(
        *this,
        [&](size_t index, const store::Revision& r) {
            return index == 0 || (by_count && index < most) || (by_days && r.time_ms >= oldest);
        },
        &count);
    if (up_to == 0) return;
    try {
        purge(*this, up_to, "automatic purge");
        log::notice("automatic purge: " + std::to_string(count) + " published sessions, up to " +
                    "revision " + std::to_string(up_to));
    } catch (const Error& error) {
        log::warning("automatic purge: " + error.message());
    }
}

void WorkspaceImpl::register_revision_commands() {
    add_simple("verify-revert", verify_revert,
               "Shows what going back to a revision would change, as a task", true);
    add_simple("revert-to-revision", revert_to_revision,
               "Brings the objects back to how a published session left them", true);
    add_simple("purge-published-sessions", purge_published,
               "Deletes old revisions for good, on every server", true);
    for (const char* name : {"verify-revert", "revert-to-revision", "purge-published-sessions"}) {
        needs(name, "manage-sessions");
    }
}

}  // namespace mds::mgmt
