#include "server/shared_data.hh"

#include <algorithm>

#include "base/clock.hh"
#include "log/log.hh"
#include "server/messages.hh"
#include "mgmt/parked.hh"
#include "store/codec.hh"

namespace mds::server {
namespace {

/// A server that is there answers within a few milliseconds.
constexpr int64_t k_patience_ms = 300, k_repeat_ms = 2000;

}  // namespace

SharedData::SharedData(SyncLink& link, store::PublicDb& committed, store::PublicDb& shown,
                       mgmt::Workspace& workspace, repl::Replica& replica, const std::string& folder,
                       Outside outside)
    : link_(link),
      committed_(committed),
      workspace_(workspace),
      replica_(replica),
      outside_(std::move(outside)),
      tentative_(committed, shown, folder + "/tentative", replica, *this) {
    workspace.work().db().exec(
        "CREATE TABLE IF NOT EXISTS tentative(id BLOB PRIMARY KEY, bytes BLOB NOT NULL)");
}

void SharedData::start() {
    for (const store::Transaction& t : kept()) workspace_.end_published(t.id);
    tentative_.start();
}

int SharedData::tick() {
    tentative_.tick();
    tell_locks();
    release_waiting();
    return telling_.empty() ? tentative_.next_ms() : std::min(tentative_.next_ms(), 50);
}

void SharedData::receive(const Uid& mds, repl::Kind kind, std::string_view payload) {
    if (kind == repl::Kind::locks) return on_locks(mds, payload);
    if (kind == repl::Kind::locks_seen) {
        try {
            seen_[mds] = store::Reader(payload).u64();
        } catch (const Error& e) {
            return log(4, "locks that another server has seen: " + e.message());
        }
        return release_waiting();
    }
    tentative_.receive(mds, kind, payload);
}

// ---- locks ----

bool SharedData::all_know(uint64_t version) const {
    for (const repl::Replica::Heard& peer : replica_.heard()) {
        auto seen = seen_.find(peer.mds);
        if (seen == seen_.end() || seen->second < version) return false;
    }
    return true;
}

void SharedData::release_waiting() {
    std::vector<Telling> known;
    std::erase_if(telling_, [&](Telling& one) {
        if (!all_know(one.version) && mono_ms() < one.until) return false;
        known.push_back(std::move(one));
        return true;
    });
    for (Telling& one : known) one.then();
}

void SharedData::tell_locks(std::function<void()> then) {
    uint64_t version = workspace_.locks_version();
    std::string text;
    for (const repl::Replica::Heard& peer : replica_.heard()) {
        auto told = told_.find(peer.mds);
        if (told != told_.end() && told->second.version == version && told->second.linked_at == peer.linked_at) {
            auto seen = seen_.find(peer.mds);
            bool known = seen != seen_.end() && seen->second >= version;
            if (known || mono_ms() - told->second.at < k_repeat_ms) continue;
        }
        told_[peer.mds] = {version, peer.linked_at, mono_ms()};
        if (text.empty()) {
            json::array rows;
            for (const auto& [object, lock] : workspace_.locks()) {
                rows.push_back(json::object{{"object", object.text()},
                                            {"session", lock.session.text()},
                                            {"user", lock.user},
                                            {"since", lock.since_ms}});
            }
            text = json::text(json::object{{"server", workspace_.settings().server_name},
                                           {"version", version},
                                           {"locks", std::move(rows)}});
        }
        seen_.erase(peer.mds);
        send(peer.mds, repl::Kind::locks, text);
    }
    if (!then) return;
    if (all_know(version)) return then();
    telling_.push_back({version, mono_ms() + k_patience_ms, std::move(then)});
}

void SharedData::on_locks(const Uid& mds, std::string_view payload) {
    if (!replica_.may_be_active(mds)) return;
    try {
        json::object message = json::parse_object(payload);
        std::map<Uid, mgmt::LockElsewhere> locks;
        for (const json::value& v : json::get_array(message, "locks")) {
            const json::object& row = v.as_object();
            auto object = Uid::parse(json::get_string(row, "object"));
            auto session = Uid::parse(json::get_string(row, "session"));
            if (!object || !session) continue;
            locks[*object] = {json::get_string(row, "user"), json::get_string(message, "server"), *session,
                              json::get_int(row, "since")};
        }
        locks_[mds] = std::move(locks);
        store::Writer seen;
        seen.u64(static_cast<uint64_t>(json::get_int(message, "version")));
        send(mds, repl::Kind::locks_seen, seen.take());
    } catch (const std::exception& e) {
        log(4, std::string("locks of another server: ") + e.what());
    }
}

std::optional<mgmt::LockElsewhere> SharedData::locked(const Uid& object) const {
    // What one that does not answer had locked keeps nobody from working (the Primary decides).
    for (const repl::Replica::Heard& peer : replica_.heard()) {
        auto of = locks_.find(peer.mds);
        if (of == locks_.end()) continue;
        if (auto found = of->second.find(object); found != of->second.end()) return found->second;
    }
    return std::nullopt;
}

json::object SharedData::status() const {
    repl::Tentative::Waiting waiting = tentative_.waiting();
    json::array rows;
    for (const store::Transaction& t : tentative_.pending()) {
        rows.push_back(json::object{{"session", t.session_name},
                                    {"author", t.author},
                                    {"server", t.origin.text()},
                                    {"time", t.time_ms},
                                    {"changes", t.changes.size()}});
    }
    return {{"count", waiting.count},
            {"since", waiting.since_ms},
            {"problem", waiting.problem},
            {"publishes", std::move(rows)}};
}

// ---- repl::TentativeEnv ----

int64_t SharedData::mono_ms() { return mds::mono_ms(); }
int64_t SharedData::wall_ms() { return mds::wall_ms(); }

void SharedData::send(const Uid& mds, repl::Kind kind, std::string payload) {
    link_.send(mds, static_cast<uint16_t>(kind), payload);
}

void SharedData::keep(const store::Transaction& transaction) {
    std::string bytes = transaction.encode();
    mgmt::Flushed flushed(workspace_.work());
    mgmt::WorkDb::Transaction writing(workspace_.work());
    auto s = workspace_.work().sql("INSERT OR REPLACE INTO tentative(id,bytes) VALUES(?,?)");
    s.bind(1, transaction.id.bytes.data(), 16);
    s.bind(2, bytes.data(), static_cast<int>(bytes.size()));
    s.exec();
    writing.commit();
}

void SharedData::drop(const Uid& id) {
    auto s = workspace_.work().sql("DELETE FROM tentative WHERE id=?");
    s.bind(1, id.bytes.data(), 16);
    s.exec();
}

std::vector<store::Transaction> SharedData::kept() {
    std::vector<store::Transaction> out;
    auto s = workspace_.work().sql("SELECT bytes FROM tentative");
    while (s.executeStep()) {
        auto column = s.getColumn(0);
        out.push_back(store::Transaction::decode(
            {static_cast<const char*>(column.getBlob()), static_cast<size_t>(column.getBytes())}));
    }
    return out;
}

void SharedData::rules(store::PublicDb& db, const store::Transaction& transaction) {
    if (outside_.rules) {
        outside_.rules(db, transaction.author_uid, transaction.changes, db.same_as(committed_));
    }
}

void SharedData::may_be_tentative(const std::vector<store::Change>& changes) {
    if (outside_.may_be_tentative) outside_.may_be_tentative(changes);
}

void SharedData::may_commit() {
    if (outside_.may_commit) outside_.may_commit();
}

void SharedData::give_back(const store::Transaction& transaction,
                           const std::vector<std::string>& reasons) {
    workspace_.give_back(transaction, reasons);
}

void SharedData::published_after_all(const Uid& id) { workspace_.published_after_all(id); }

void SharedData::committed(const store::Revision&) {
    replica_.committed();
    workspace_.content_changed();
    if (outside_.on_content) outside_.on_content();
}

void SharedData::shown_changes() { workspace_.content_moves(); }

void SharedData::shown_changed() {
    workspace_.content_moved();
    if (outside_.on_content) outside_.on_content();
}

void SharedData::log(int priority, const std::string& text) {
    log::write(static_cast<log::Priority>(priority), text,
               {{"MDS_DOMAIN", workspace_.settings().domain.name}});
}

void SharedData::event(repl::Event event, const std::string& text, const std::string& peer) {
    log::event(message_of(event), text,
               {{"MDS_DOMAIN", workspace_.settings().domain.name},
                {"MDS_SERVER", workspace_.settings().server_name},
                {"MDS_PEER", peer}});
}

}  // namespace mds::server
