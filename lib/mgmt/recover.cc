// Recovered sessions: parked publishes that came to the Active, given back to their authors
// (replication.md 7); and what an overwrite does to the sessions here (multi-domain-ha.md MA).
#include <algorithm>
#include <map>

#include "base/clock.hh"
#include "log/messages.hh"
#include "mgmt/workspace_impl.hh"
#include "store/codec.hh"

namespace mds::mgmt {
namespace {

constexpr int64_t k_forget_ended_ms = 3'600'000;
constexpr size_t k_reason_shown = 160;

/// The uid of the session that a parked publish becomes, the same on every server: so it is found
/// there, or in the log when it was published again.
Uid recovered_uid(const Uid& term_id, uint64_t rev) {
    store::Hasher hasher;
    store::Hash hash =
        hasher.begin().part("recovered session").part(term_id.raw()).number(rev).end();
    Uid uid = *Uid::from_bytes(store::raw(hash).substr(0, 16));
    uid.bytes[6] = static_cast<uint8_t>((uid.bytes[6] & 0x0f) | 0x80);  // version 8, RFC 9562
    uid.bytes[8] = static_cast<uint8_t>((uid.bytes[8] & 0x3f) | 0x80);
    return uid;
}

std::string title_of(const Parked::Publish& publish) {
    const store::Revision& r = publish.record;
    // Nobody had published it (commands_hand_over.cc).
    if (r.term_id == r.session) {
        return "handed over: " + (r.session_name.empty() ? "" : r.session_name + " ") + "(" + publish.origin + ", " +
               rfc3339(r.time_ms) + ")";
    }
    return "recovered: " + (r.session_name.empty() ? "" : r.session_name + " ") + "(revision " +
           std::to_string(r.rev) + " of " + publish.origin + ", " + rfc3339(r.time_ms) + ")";
}

}  // namespace

bool WorkspaceImpl::recover(const Parked::Publish& publish,
                            const std::vector<std::string>& refused_for) {
    const store::Revision& r = publish.record;
    Uid uid = recovered_uid(r.term_id, r.rev);
    Flushed flushed(work);
    WorkDb::Transaction transaction(work);
    bool taken_over = refused_for.empty() && !r.session.is_nil() && db.published(r.session);
    if (stored_session(uid) || db.revision_of_session(uid) || taken_over) {
        // Recovered before; or published or discarded, here or on another server; or carried out by the
        // Active that came after, for the server that had asked for it.
        bool open = by_uid(uid) != nullptr;
        if (!open) parked.finish(r.term_id, r.rev, now());
        if (open) parked.keep(publish);
        transaction.commit();
        return false;
    }
    const std::vector<store::Image> images = store::decode(store::decompress(r.payload, r.codec));
    if (std::any_of(images.begin(), images.end(), [this](const store::Image& image) {
            const model::Type* type = catalog().find(image.change.type);
            return type && type->own;
        })) {
        // An assignment of the global policy is ordered again, whole, not edited by somebody; the objects of
        // the servers are kept by whoever is Active.
        parked.finish(r.term_id, r.rev, now());
        transaction.commit();
        return false;
    }
    std::map<Uid, store::Change> before;
    for (store::Image& image : store::decode(r.undo)) {
        if (image.change.op == store::Change::Op::put) {
            before.emplace(image.change.uid, std::move(image.change));
        }
    }
    auto session = std::make_shared<Session>();
    session->uid = uid;
    session->user = r.author;
    session->created_ms = session->last_use_ms = now();
    session->info = {{"name", title_of(publish)},
                     {"description", json::get_string(json::parse_object(r.meta), "description")},
                     {"application", "WEB_API"},
                     {"recovered", json::object{{"server", publish.origin},
                                                {"term", r.term_id.text()},
                                                {"revision", r.rev},
                                                {"time", r.time_ms},
                                                {"author", r.author}}}};
    if (!refused_for.empty()) {
        std::string why;
        for (const std::string& line : refused_for) why += (why.empty() ? "" : " ") + line;
        size_t end = std::min(why.size(), k_reason_shown);
        // Never within a character.
        while (end < why.size() && end > 0 && (static_cast<unsigned char>(why[end]) & 0xc0) == 0x80) --end;
        session->info["name"] = "refused: " +
                                (r.session_name.empty() ? "" : r.session_name + " ") + "(" +
                                publish.origin + ", " + rfc3339(r.time_ms) + "): " +
                                why.substr(0, end) + (end < why.size() ? "..." : "");
        session->info["comments"] = why;
    }
    for (const store::Image& image : images) {
        const store::Change& change = image.change;
        bool removed = change.op == store::Change::Op::remove;
        auto old = before.find(change.uid);
        if (removed && old == before.end()) continue;
        // A removal carries no more than its uid.
        const store::Change& shape = removed ? old->second : change;
        auto s = work.sql(
            "INSERT INTO overlay(session,uid,op,type,scope,name,doc,base_rev,base_type,base_name,"
            "base_doc) VALUES(?,?,?,?,?,?,?,0,'','',?)");
        s.bindNoCopy(1, uid.bytes.data(), 16);
        s.bindNoCopy(2, change.uid.bytes.data(), 16);
        s.bind(3, removed ? 2 : 1);
        s.bindNoCopy(4, shape.type);
        s.bindNoCopy(5, shape.scope);
        s.bindNoCopy(6, shape.name);
        s.bind(7, removed ? std::string() : change.doc);
        s.bind(8, old == before.end() ? std::string() : old->second.doc);
        s.exec();
        ++session->changes;
    }
    save(*session);
    record(*session, "Recover session", session->name(),
           std::to_string(session->changes) + " changes wait for their author");
    parked.keep(publish);
    transaction.commit();
    sessions[uid] = session;
    log::event(log::message::publish_recovered,
               "'" + session->name() + "' of '" + session->user + "' was recovered: " +
                   std::to_string(session->changes) + " changes wait for their author",
               {{"MDS_DOMAIN", settings.domain.name}, {"MDS_SERVER", settings.server_name},
                {"MDS_SESSION", uid.text()}, {"MDS_USER", session->user}});
    return true;
}

void WorkspaceImpl::finish_parked(const Session& session) {
    const json::object& from = json::get_object(session.info, "recovered");
    auto term = Uid::parse(json::get_string(from, "term"));
    if (term) parked.finish(*term, static_cast<uint64_t>(json::get_int(from, "revision")), now());
}

void WorkspaceImpl::refresh_recovered(const Session* except) {
    for (const auto& [uid, session] : sessions) {
        if (session.get() != except && session->recovered() && !session->transient) {
            session->overlay.reset();
        }
    }
}

void Workspace::recover(const Parked::Publish& publish) {
    impl_->recover(publish);
}

void Workspace::end_published(const Uid& uid) {
    SessionPtr session = impl_->by_uid(uid);
    if (session && session->changes > 0) impl_->finish_published(session);
}

void Workspace::give_back(const store::Transaction& transaction,
                          const std::vector<std::string>& reasons) {
    Parked::Publish publish{transaction.record(), impl_->settings.server_name};
    // (term, revision) names a parked publish: of these nobody ever had a term.
    publish.record.term_id = transaction.id;
    publish.record.rev = 1;
    impl_->recover(publish, reasons);
}

void Workspace::published_after_all(const Uid& session) {
    SessionPtr given_back = impl_->by_uid(recovered_uid(session, 1));
    if (!given_back || !given_back->untouched()) return;
    WorkDb::Transaction transaction(impl_->work);
    impl_->clear_changes(*given_back);
    impl_->finish_parked(*given_back);
    impl_->forget(*given_back);
    transaction.commit();
    log::notice("'" + given_back->name() + "' was published by the new Primary");
}

namespace {

/// Gives a recovered session up here; its publish waits for the Active as it came.
void release(WorkspaceImpl& impl, const SessionPtr& session) {
    const json::object& from = json::get_object(session->info, "recovered");
    auto term = Uid::parse(json::get_string(from, "term"));
    auto rev = static_cast<uint64_t>(json::get_int(from, "revision"));
    // Never given up without the publish itself.
    if (!term || !impl.parked.release(*term, rev)) return;
    impl.clear_changes(*session);
    impl.forget(*session);
}

std::vector<SessionPtr> all_sessions(const WorkspaceImpl& impl) {
    std::vector<SessionPtr> out;
    for (const auto& [uid, session] : impl.sessions) out.push_back(session);
    return out;
}

}  // namespace

void Workspace::release_recovered() {
    Flushed flushed(impl_->work);
    WorkDb::Transaction transaction(impl_->work);
    for (const SessionPtr& session : all_sessions(*impl_)) {
        if (session->untouched()) release(*impl_, session);
    }
    transaction.commit();
}

json::object Workspace::open_work() const {
    json::array open, running;
    // Every heartbeat carries it: of those that nobody is connected to, one row a user.
    std::map<std::pair<std::string, bool>, uint64_t> left;
    for (const auto& [uid, session] : impl_->sessions) {
        if (!session->connected()) {
            if (session->changes > 0) left[{session->user, session->untouched()}] += session->changes;
            continue;
        }
        open.push_back(json::object{{"user", session->user},
                                    {"changes", session->changes},
                                    {"connected", true},
                                    {"recovered", session->untouched()}});
    }
    for (const auto& [whose, changes] : left) {
        open.push_back(json::object{{"user", whose.first},
                                    {"changes", changes},
                                    {"connected", false},
                                    {"recovered", whose.second}});
    }
    auto s =
        impl_->work.sql("SELECT name FROM task WHERE status='in progress' ORDER BY start_ms");
    while (s.executeStep()) running.push_back(json::value(s.getColumn(0).getString()));
    return {{"sessions", std::move(open)}, {"tasks", std::move(running)}};
}

json::object Workspace::end_work(const std::string& why) {
    json::object cost = open_work();
    WorkspaceImpl& impl = *impl_;
    int64_t now = impl.now();
    Flushed flushed(impl.work);
    WorkDb::Transaction transaction(impl.work);
    for (const SessionPtr& session : all_sessions(impl)) {
        if (!session->sid_hash.empty()) {
            impl.ended[session->sid_hash] = {why, now + 120'000, now + k_forget_ended_ms,
                                             session->uid, session->user};
        }
        if (session->changes > 0) {
            log::notice(
                "a session of '" + session->user + "' with " + std::to_string(session->changes) +
                    " changes was " +
                    (session->recovered() ? "given back to be recovered: " : "discarded: ") + why,
                {{"MDS_DOMAIN", impl.settings.domain.name}, {"MDS_SESSION", session->uid.text()}});
        }
        if (session->changes > 0) {
            impl.record(*session,
                        session->recovered() ? "Give back session" : "Discard by synchronization",
                        session->name(), std::to_string(session->changes) + " changes; " + why);
        }
        if (session->recovered()) {
            release(impl, session);
            continue;
        }
        impl.clear_changes(*session);
        impl.forget(*session);
    }
    for (const TaskInfo& task : tasks("in progress")) {
        finish_task(task.id, "failed", {}, "ended by synchronization: " + why);
    }
    transaction.commit();
    return cost;
}

}  // namespace mds::mgmt
