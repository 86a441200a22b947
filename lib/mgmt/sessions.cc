// Sessions: opening, the id, timeouts, work.db rows.
#include <algorithm>
#include <map>

#include "base/text.hh"
#include "log/log.hh"
#include "mgmt/workspace_impl.hh"
#include "model/coerce.hh"
#include "store/codec.hh"

namespace mds::mgmt {
namespace {

/// How exact the time of last use on the disk is.
constexpr int64_t k_use_precision_ms = 30'000;
constexpr int64_t k_tasks_after_end_ms = 120'000, k_forget_ended_ms = 3'600'000;
constexpr int64_t k_default_timeout_s = 600, k_shortest_s = 10, k_longest_s = 3600;
constexpr uint64_t k_most_sessions = 1000;
constexpr int64_t k_purge_interval_ms = 3'600'000, k_keep_tasks_ms = 7LL * 24 * 3'600'000;
constexpr int64_t k_keep_published = 1000;

std::string hash_of(const std::string& sid) {
    return std::string(store::raw(store::sha256(sid)));
}

std::string blob(SQLite::Statement& s, int index) {
    auto column = s.getColumn(index);
    return {static_cast<const char*>(column.getBlob()), static_cast<size_t>(column.getBytes())};
}

Uid uid_at(SQLite::Statement& s, int index) {
    auto uid = Uid::from_bytes(blob(s, index));
    return uid ? *uid : Uid{};
}

/// What the deployment has decided stays as it is published (Field::decided).
void keep_decided(const model::Catalog& catalog, Entry& entry, const std::string& published) {
    const model::Type* type = catalog.find(entry.type);
    if (!type || std::none_of(type->fields.begin(), type->fields.end(),
                              [](const model::Field& f) { return f.decided; })) {
        return;
    }
    json::object now = published.empty() ? json::object{} : json::parse_object(published);
    for (std::string* doc : {&entry.doc, &entry.base_doc}) {
        if (doc->empty()) continue;
        json::object mine = json::parse_object(*doc);
        for (const model::Field& f : type->fields) {
            if (!f.decided) continue;
            const json::value* decided = json::find(now, f.name);
            if (!decided && published.empty() && !f.fallback.is_null()) decided = &f.fallback;
            if (decided) {
                mine[f.name] = *decided;
            } else {
                mine.erase(f.name);
            }
        }
        *doc = json::canonical(mine);
    }
}

constexpr const char* k_columns =
    "SELECT uid,sid_hash,user,user_uid,state,connected,read_only,info,permissions,timeout_s,"
    "created_ms,login_ms,logout_ms,last_use_ms,publish_ms,changes,expired FROM session ";

Session read_session(SQLite::Statement& s) {
    Session out;
    out.uid = uid_at(s, 0);
    out.sid_hash = blob(s, 1);
    out.user = s.getColumn(2).getString();
    out.user_uid = uid_at(s, 3);
    out.state = s.getColumn(4).getString();
    out.read_only = s.getColumn(6).getInt() != 0;
    out.info = json::parse_object(s.getColumn(7).getString());
    out.permissions = json::parse_object(s.getColumn(8).getString());
    out.timeout_s = s.getColumn(9).getInt();
    out.created_ms = s.getColumn(10).getInt64();
    out.login_ms = s.getColumn(11).getInt64();
    out.logout_ms = s.getColumn(12).getInt64();
    out.last_use_ms = out.saved_use_ms = s.getColumn(13).getInt64();
    out.publish_ms = s.getColumn(14).getInt64();
    out.changes = static_cast<uint64_t>(s.getColumn(15).getInt64());
    out.expired = s.getColumn(16).getInt() != 0;
    return out;
}

}  // namespace

void WorkspaceImpl::load_sessions() {
    {
        auto s = work.sql("SELECT uid,session,since_ms,by_hand FROM lock");
        while (s.executeStep()) {
            Lock lock{uid_at(s, 1), s.getColumn(2).getInt64(), s.getColumn(3).getInt() != 0};
            ++lock_counts[lock.session];
            locks[uid_at(s, 0)] = lock;
        }
    }
    std::vector<SessionPtr> loaded;
    {
        SQLite::Statement s(
            work.db(), std::string(k_columns) + "WHERE state NOT IN ('published','discarded')");
        while (s.executeStep()) loaded.push_back(std::make_shared<Session>(read_session(s)));
    }
    for (const SessionPtr& session : loaded) {
        {
            // The number of changes is not kept per keystroke.
            auto count = work.sql("SELECT count(*) FROM overlay WHERE session=?");
            count.bind(1, session->uid.bytes.data(), 16);
            count.executeStep();
            session->changes = static_cast<uint64_t>(count.getColumn(0).getInt64());
        }
        // A restart must not expire sessions that nobody could use meanwhile.
        session->last_use_ms = now();
        sessions[session->uid] = session;
        if (session->connected()) sids[session->sid_hash] = session;
        recover_published(session);
    }
    // Locks of sessions that are gone (a crash between two files).
    std::vector<Uid> stale;
    for (const auto& [uid, lock] : locks) {
        if (!sessions.contains(lock.session)) stale.push_back(uid);
    }
    for (const Uid& uid : stale) drop_lock(uid);
    // Rows of published sessions that a large publish left behind.
    Uid last;
    for (;;) {
        auto next = work.sql("SELECT min(session) FROM overlay WHERE session>?");
        next.bind(1, last.bytes.data(), 16);
        if (!next.executeStep() || next.getColumn(0).isNull()) break;
        last = uid_at(next, 0);
        if (!sessions.contains(last)) retired.push_back(last);
    }
    // Tasks that were running were lost, unless their owner takes them up again.
    auto lost = work.sql(
        "UPDATE task SET status='failed', comments='lost by a restart', details=? "
        "WHERE status='in progress' AND resumable=0");
    lost.bind(1, R"([{"statusCode":"failed","statusDescription":"lost by a restart",)"
                 R"("fault-message":"lost by a restart"}])");
    lost.exec();
    commit();
}

void WorkspaceImpl::recover_published(const SessionPtr& session) {
    // The commit of public.db is the publish; marking it here may have been cut off, or the Primary's
    // answer did not come.
    auto rev = session->changes > 0 ? db.revision_of_session(session->uid) : std::nullopt;
    auto record = rev ? db.revision(*rev) : std::nullopt;
    if (!record || record->kind != "publish") return;
    log::notice("session " + session->uid.text() + " was published as revision " + std::to_string(*rev));
    // What it has got since is not in the record, and stays.
    std::vector<std::pair<Uid, Entry>> since;
    if (hooks.shared) {
        std::map<Uid, store::Change> done;
        for (store::Image& image : store::decode(store::decompress(record->payload, record->codec))) {
            done[image.change.uid] = std::move(image.change);
        }
        for (const auto& [uid, entry] : overlay(*session).entries()) {
            auto found = done.find(uid);
            bool here = found != done.end();
            if (here && entry.removed == (found->second.op == store::Change::Op::remove) &&
                (entry.removed || (entry.doc == found->second.doc && entry.name == found->second.name))) {
                continue;
            }
            since.emplace_back(uid, entry);
            auto now = here ? db.get(uid) : std::nullopt;
            if (!now) continue;
            // It was made from what is published now.
            since.back().second.base_rev = now->rev;
            since.back().second.base_type = now->type;
            since.back().second.base_name = now->name;
        }
    }
    finish_published(session);
    if (since.empty()) return;
    sessions[session->uid] = session;
    for (auto& [uid, entry] : since) put_entry(session, uid, std::move(entry));
    save(*session);
    if (depth == 0) commit();
}

void WorkspaceImpl::save(const Session& session) {
    if (session.transient) return;
    auto s = work.sql(
        "INSERT OR REPLACE INTO session(uid,sid_hash,user,user_uid,state,connected,read_only,info,"
        "permissions,timeout_s,created_ms,login_ms,logout_ms,last_use_ms,publish_ms,changes,"
        "expired)"
        " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
    s.bind(1, session.uid.bytes.data(), 16);
    s.bind(2, session.sid_hash.data(), static_cast<int>(session.sid_hash.size()));
    s.bind(3, session.user);
    s.bind(4, session.user_uid.bytes.data(), 16);
    s.bind(5, session.state);
    s.bind(6, session.connected() ? 1 : 0);
    s.bind(7, session.read_only ? 1 : 0);
    s.bind(8, json::text(session.info));
    s.bind(9, json::text(session.permissions));
    s.bind(10, session.timeout_s);
    s.bind(11, session.created_ms);
    s.bind(12, session.login_ms);
    s.bind(13, session.logout_ms);
    s.bind(14, session.last_use_ms);
    s.bind(15, session.publish_ms);
    s.bind(16, static_cast<int64_t>(session.changes));
    s.bind(17, session.expired ? 1 : 0);
    s.exec();
}

namespace {

/// As save(); when the disk takes nothing the session goes on in memory (S-15).
void save_if_possible(WorkspaceImpl& impl, const Session& session) {
    try {
        impl.save(session);
    } catch (const SQLite::Exception& error) {
        log::error("a session is kept in memory only, until a restart: " + std::string(error.what()),
                   {{"MDS_USER", session.user}});
    }
}

}  // namespace

void WorkspaceImpl::forget(const Session& session) {
    if (!session.transient) {
        auto s = work.sql("DELETE FROM session WHERE uid=?");
        s.bind(1, session.uid.bytes.data(), 16);
        s.exec();
    }
    sids.erase(session.sid_hash);
    Uid uid = session.uid;
    sessions.erase(uid);
}

SessionPtr WorkspaceImpl::by_uid(const Uid& uid) const {
    auto found = sessions.find(uid);
    return found == sessions.end() ? nullptr : found->second;
}

std::optional<Session> WorkspaceImpl::stored_session(const Uid& uid) {
    SQLite::Statement s(work.db(), std::string(k_columns) + "WHERE uid=?");
    s.bind(1, uid.bytes.data(), 16);
    if (!s.executeStep()) return std::nullopt;
    return read_session(s);
}

SessionPtr WorkspaceImpl::by_sid(const std::string& sid) {
    auto found = sids.find(hash_of(sid));
    if (found == sids.end()) return nullptr;
    SessionPtr session = found->second;
    int64_t time = now();
    if (time - session->last_use_ms > int64_t{session->timeout_s} * 1000) {
        disconnect(*session, true);
        return nullptr;
    }
    session->last_use_ms = time;
    if (time - session->saved_use_ms > k_use_precision_ms) {
        session->saved_use_ms = time;
        // A full disk is no reason not to read.
        save_if_possible(*this, *session);
    }
    return session;
}

Overlay& WorkspaceImpl::overlay(Session& session) {
    if (session.overlay) return *session.overlay;
    auto loaded = std::make_unique<Overlay>();
    if (session.transient) {
        session.overlay = std::move(loaded);
        return *session.overlay;
    }
    std::map<Uid, std::vector<MemberEdit>> edits;
    {
        auto s = work.sql(
            "SELECT uid,adds,member,time_ms,user FROM overlay_member WHERE session=? "
            "ORDER BY uid,seq");
        s.bind(1, session.uid.bytes.data(), 16);
        while (s.executeStep()) {
            edits[uid_at(s, 0)].push_back({uid_at(s, 2), s.getColumn(1).getInt() != 0,
                                           s.getColumn(3).getInt64(), s.getColumn(4).getString()});
        }
    }
    auto s = work.sql(
        "SELECT uid,op,type,scope,name,doc,base_rev,base_type,base_name,base_doc FROM overlay "
        "WHERE session=?");
    s.bind(1, session.uid.bytes.data(), 16);
    while (s.executeStep()) {
        Entry entry;
        entry.removed = s.getColumn(1).getInt() == 2;
        entry.type = s.getColumn(2).getString();
        entry.scope = s.getColumn(3).getString();
        entry.name = s.getColumn(4).getString();
        entry.doc = s.getColumn(5).getString();
        entry.base_rev = static_cast<uint64_t>(s.getColumn(6).getInt64());
        entry.base_type = s.getColumn(7).getString();
        entry.base_name = s.getColumn(8).getString();
        Uid uid = uid_at(s, 0);
        if (!s.getColumn(9).isNull()) {
            // What it replaces is what is published now, whatever it was made from.
            entry.recovered = true;
            entry.base_doc = s.getColumn(9).getString();
            auto object = db.get(uid);
            if (object) {
                entry.base_rev = object->rev;
                entry.base_type = object->type;
                entry.base_name = object->name;
            }
            keep_decided(catalog(), entry, object ? object->doc : "");
        }
        if (auto found = edits.find(uid); found != edits.end()) {
            entry.doc = with_edits(entry.doc, found->second);
            entry.member_edits = found->second.size();
        }
        loaded->put(uid, std::move(entry));
    }
    session.overlay = std::move(loaded);
    session.changes = session.overlay->size();
    return *session.overlay;
}

uint64_t WorkspaceImpl::lock_count(const Uid& session) const {
    auto found = lock_counts.find(session);
    return found == lock_counts.end() ? 0 : found->second;
}

std::string WorkspaceImpl::new_sid(Session& session) {
    // 43 characters of base64url are 256 bits.
    std::string sid = settings.owner_tag + base64url(random_bytes(32));
    sids.erase(session.sid_hash);
    session.sid_hash = hash_of(sid);
    return sid;
}

void WorkspaceImpl::disconnect(Session& session, bool expired) {
    int64_t time = now();
    SessionPtr keep = by_uid(session.uid);
    sids.erase(session.sid_hash);
    session.sid_hash.clear();
    session.logout_ms = time;
    session.expired = expired;
    if (expired) record(session, "Session expired", session.name());
    if (session.changes == 0 && lock_count(session.uid) == 0) {
        forget(session);
        return;
    }
    save_if_possible(*this, session);
    // Nobody reads it now: back to the disk.
    if (!session.publishing) session.overlay.reset();
}

void WorkspaceImpl::expire() {
    int64_t time = now();
    if (time < next_upkeep_ms) return;
    next_upkeep_ms = time + 1000;
    std::vector<SessionPtr> old;
    for (const auto& [hash, session] : sids) {
        if (time - session->last_use_ms > int64_t{session->timeout_s} * 1000)
            old.push_back(session);
    }
    for (const SessionPtr& session : old) disconnect(*session, true);
}

void WorkspaceImpl::drop_old() {
    int64_t time = now();
    if (time < next_purge_ms) return;
    next_purge_ms = time + k_purge_interval_ms;
    auto tasks =
        work.sql("DELETE FROM task WHERE start_ms<? AND status<>'in progress'");
    tasks.bind(1, time - k_keep_tasks_ms);
    tasks.exec();
    audit.drop_old(time);
    parked.drop_old(time);
    // The log of revisions keeps what was published; these rows only answer show-session.
    auto old = work.sql(
        "DELETE FROM session WHERE state='published' AND uid NOT IN (SELECT uid FROM session WHERE "
        "state='published' ORDER BY publish_ms DESC LIMIT ?)");
    old.bind(1, k_keep_published);
    old.exec();
}

bool Workspace::has_session(const std::string& sid) const {
    return impl_->sids.contains(hash_of(sid));
}

namespace {

int timeout_from(const json::object& request) {
    const json::value* given = json::find(request, "session-timeout");
    if (!given || given->is_null()) return k_default_timeout_s;
    int64_t seconds = model::coerce_integer(*given, "session-timeout");
    if (seconds < k_shortest_s || seconds > k_longest_s) {
        model::invalid("session-timeout", "The value must be between 10 and 3600.");
    }
    return static_cast<int>(seconds);
}

std::string text_from(const json::object& request, const char* key) {
    const json::value* given = json::find(request, key);
    return given && !given->is_null() ? model::coerce_string(*given, key, true) : "";
}

}  // namespace

json::object Workspace::open_session(const json::object& request) {
    WorkspaceImpl& impl = *impl_;
    int64_t now = impl.now();
    impl.expire();
    bool standby = impl.hooks.is_standby();
    const json::object& permissions = json::get_object(request, "permissions");
    bool read_only = standby || json::get_bool(request, "read-only") ||
                     json::get_bool(request, "enter-last-published-session") ||
                     !json::get_bool(permissions, "read-write", true);
    std::string user = json::get_string(request, "user");

    SessionPtr session;
    if (json::get_bool(request, "continue-last-session") && !read_only) {
        for (const auto& [uid, candidate] : impl.sessions) {
            if (candidate->connected() || candidate->user != user || candidate->read_only ||
                candidate->state != "open" || candidate->untouched()) {
                continue;
            }
            if (session) {
                throw Error(Code::login_several_sessions,
                            "More than one session of '" + user +
                                "' can be continued. Log in without continue-last-session and use "
                                "switch-session.");
            }
            session = candidate;
        }
    }
    int timeout = timeout_from(request);
    // The local superuser has no account: he gets in when everybody else is too many.
    auto account = Uid::parse(json::get_string(request, "user-uid"));
    if (account && !account->is_nil()) {
        auto mine = std::count_if(impl.sids.begin(), impl.sids.end(),
                                  [&](const auto& one) { return one.second->user == user; });
        if (static_cast<size_t>(mine) >= impl.settings.sessions_per_account) {
            throw Error(Code::too_many_requests,
                        "'" + user + "' has " + std::to_string(mine) + " sessions here.")
                .refusal("", "log out of one, or wait until one ends");
        }
    }
    if (!session) {
        if (impl.sids.size() >= k_most_sessions) {
            throw Error(Code::too_many_requests, "Too many sessions are open.");
        }
        session = std::make_shared<Session>();
        session->uid = Uid::make();
        session->user = user;
        session->created_ms = now;
        session->read_only = read_only;
    }
    auto user_uid = Uid::parse(json::get_string(request, "user-uid"));
    if (user_uid) session->user_uid = *user_uid;
    session->permissions = permissions;
    session->permissions["read-write"] = !read_only;
    session->expired = false;
    session->timeout_s = timeout;
    session->login_ms = session->last_use_ms = session->saved_use_ms = now;
    for (const auto& [key, from] :
         {std::pair{"name", "session-name"}, std::pair{"description", "session-description"},
          std::pair{"comments", "session-comments"}, std::pair{"application", "application"},
          std::pair{"ip-address", "ip-address"}}) {
        std::string text = text_from(request, from);
        if (!text.empty()) session->info[key] = text;
    }
    if (!session->info.contains("application")) session->info["application"] = "WEB_API";

    std::string sid = impl.new_sid(*session);
    impl.sessions[session->uid] = session;
    impl.sids[session->sid_hash] = session;
    save_if_possible(impl, *session);
    // S-13: how it was proved who it is.
    std::string by = json::get_string(request, "authentication");
    std::string how = by.empty() ? "" : "by " + by;
    if (read_only) how += how.empty() ? "read-only" : ", read-only";
    impl.record(*session, "Log in", session->name(), how);

    json::object reply;
    reply["uid"] = session->uid.text();
    reply["sid"] = sid;
    reply["url"] = json::get_string(request, "url");
    reply["session-timeout"] = timeout;
    reply["last-login-was-at"] = model::date(json::get_int(request, "last-login-ms", now));
    reply["api-server-version"] = json::get_string(request, "api-server-version", "1.9.1");
    reply["read-only"] = read_only;
    reply["standby"] = standby;
    return reply;
}

void Workspace::end_sessions(const std::string& reason) {
    std::vector<SessionPtr> all;
    for (const auto& [hash, session] : impl_->sids) all.push_back(session);
    int64_t now = impl_->now();
    WorkDb::Transaction transaction(impl_->work);
    for (const SessionPtr& session : all) {
        impl_->ended[session->sid_hash] = {reason,
                                           now + k_tasks_after_end_ms,
                                           now + k_forget_ended_ms,
                                           session->uid,
                                           session->user,
                                           true};
        impl_->disconnect(*session, false);
    }
    transaction.commit();
}

void Workspace::end_sessions_of(const std::string& user, const std::string& reason) {
    std::vector<SessionPtr> all;
    for (const auto& [hash, session] : impl_->sids) {
        if (session->user == user) all.push_back(session);
    }
    int64_t now = impl_->now();
    for (const SessionPtr& session : all) {
        impl_->ended[session->sid_hash] = {reason, 0, now + k_forget_ended_ms, session->uid,
                                           session->user};
        impl_->disconnect(*session, false);
    }
}

SessionInfo WorkspaceImpl::info_of(const Session& session) const {
    SessionInfo out;
    out.uid = session.uid;
    out.user = session.user;
    out.name = session.name();
    out.application = json::get_string(session.info, "application");
    out.ip = json::get_string(session.info, "ip-address");
    out.state = session.state;
    out.connected = session.connected();
    out.read_only = session.read_only;
    out.recovered = session.recovered();
    out.untouched = session.untouched();
    out.changes = session.changes;
    out.locks = lock_count(session.uid);
    out.login_ms = session.login_ms;
    out.last_use_ms = session.last_use_ms;
    return out;
}

size_t Workspace::session_count() const { return impl_->sessions.size(); }

std::vector<SessionInfo> Workspace::sessions() const {
    std::vector<SessionInfo> out;
    for (const auto& [uid, session] : impl_->sessions) out.push_back(impl_->info_of(*session));
    return out;
}

}  // namespace mds::mgmt
