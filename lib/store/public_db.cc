#include "store/public_db.hh"

#include <fmt/core.h>
#include <sqlite3.h>

#include <filesystem>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/text.hh"
#include "json/json.hh"
#include "store/public_db_impl.hh"
#include "store/refs.hh"

namespace mds::store {
namespace {

constexpr const char* k_schema = R"(
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS object(uid BLOB PRIMARY KEY, type TEXT NOT NULL, scope TEXT NOT NULL,
  name TEXT NOT NULL, rev INTEGER NOT NULL, hash BLOB NOT NULL, doc TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS object_type_name ON object(type, name COLLATE NOCASE);
CREATE TABLE IF NOT EXISTS name(scope TEXT NOT NULL, folded TEXT NOT NULL, uid BLOB NOT NULL,
  PRIMARY KEY(scope, folded)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ref(dst BLOB NOT NULL, src BLOB NOT NULL, PRIMARY KEY(dst, src))
  WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS ref_src ON ref(src);
CREATE TABLE IF NOT EXISTS revision(rev INTEGER PRIMARY KEY, kind TEXT NOT NULL, term_id BLOB,
  term_no INTEGER, prev_hash BLOB, hash BLOB, digest BLOB, session BLOB, session_name TEXT,
  author TEXT, time_ms INTEGER, changes INTEGER, meta TEXT, codec INTEGER, payload BLOB, undo BLOB);
CREATE INDEX IF NOT EXISTS revision_session ON revision(session) WHERE session IS NOT NULL;
CREATE TABLE IF NOT EXISTS term(id BLOB PRIMARY KEY, no INTEGER, parent BLOB, start_rev INTEGER,
  start_hash BLOB, active BLOB, cause TEXT, by TEXT, time_ms INTEGER);
)";

}  // namespace

Live::Live(const std::string& path, Access access)
    : database(std::make_unique<SQLite::Database>(
          path, (access == Access::read ? SQLite::OPEN_READONLY
                                        : SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE) |
                    // Each connection is used by one thread at a time.
                    SQLite::OPEN_NOMUTEX)) {
    database->setBusyTimeout(5000);
    database->exec("PRAGMA temp_store=MEMORY");
    database->exec("PRAGMA cache_size=-32768");
    if (access == Access::read) return;
    // FULL: a commit that was answered is on the disk (replication.md 4). Checkpoints are made
    // rarer than SQLite's standard, because they run inside the committing thread.
    database->exec("PRAGMA journal_mode=WAL");
    database->exec("PRAGMA synchronous=FULL");
    database->exec("PRAGMA foreign_keys=OFF");
    database->exec("PRAGMA secure_delete=FAST");
    database->exec("PRAGMA wal_autocheckpoint=4000");
    database->exec("PRAGMA journal_size_limit=67108864");
    database->exec(k_schema);
}

void Live::make_durable() {
    try {
        database->exec("PRAGMA wal_checkpoint(PASSIVE)");
    } catch (const SQLite::Exception& e) {
        // The log is on the disk before its pages are copied; a full disk stops only the copying.
        if (e.getErrorCode() != SQLITE_FULL) throw;
    }
}

SQLite::Statement& Live::sql(const char* text) {
    auto& slot = statements_[text];
    if (!slot) slot = std::make_unique<SQLite::Statement>(*database, text);
    return *slot;
}

void PublicDb::Impl::open() {
    auto connect = [this] {
        reader.reset();
        live = std::make_unique<Live>(generations.live(), Live::Access::write);
        live->make_durable();
        reader = std::make_unique<Live>(generations.live(), Live::Access::read);
        load();
    };
    try {
        connect();
    } catch (const SQLite::Exception& e) {
        // Only what another try cannot read either; a full disk or a lock is no damage.
        if (e.getErrorCode() != SQLITE_CORRUPT && e.getErrorCode() != SQLITE_NOTADB) throw;
        set_aside = generations.live() + ": " + e.what();
        reader.reset();
        live.reset();
        set_aside += "; kept in " + generations.set_aside();
        connect();
    }
}

void PublicDb::Impl::load() {
    auto meta = [&](const char* key) {
        Use s(sql("SELECT value FROM meta WHERE key=?"));
        s->bind(1, key);
        return s->executeStep() ? blob(*s, 0) : std::string();
    };
    digest_key = meta("digest_key");
    schema = schema_of(*live->database);
    if (schema > steps.size() + 1) {
        throw Error(Code::internal,
                    fmt::format("{} has documents of version {}; this release knows up to {}",
                                generations.live(), schema, steps.size() + 1))
            .refusal("", "install the release that wrote it, or a newer one");
    }
    auto id = Uid::from_bytes(meta("incarnation"));
    incarnation = id ? *id : Uid{};
    position = {};
    digest = {};
    more.clear();
    counts.reset();
    terms.clear();
    position.incarnation = incarnation;
    {
        Use s(sql("SELECT id,no,parent,start_rev,start_hash,active,cause,by,time_ms FROM term"
                  " ORDER BY start_rev"));
        while (s->executeStep()) {
            Term t;
            t.id = uid_column(*s, 0);
            t.no = static_cast<uint64_t>(s->getColumn(1).getInt64());
            t.parent = uid_column(*s, 2);
            t.start_rev = static_cast<uint64_t>(s->getColumn(3).getInt64());
            t.start_hash = hash_from(blob(*s, 4));
            t.active = uid_column(*s, 5);
            t.cause = s->getColumn(6).getString();
            t.by = s->getColumn(7).getString();
            t.time_ms = s->getColumn(8).getInt64();
            terms.push_back(std::move(t));
        }
    }
    Use s(sql("SELECT rev,kind,term_id,term_no,prev_hash,hash,digest,session,session_name,author,"
              "time_ms,changes,meta FROM revision ORDER BY rev DESC LIMIT 1"));
    if (s->executeStep()) {
        Revision last = read_revision(*s, false, false);
        position.rev = last.rev;
        position.hash = last.hash;
        position.digest = last.digest;
        position.term_id = last.term_id;
        position.term_no = last.term_no;
        digest = Digest::from(last.digest);
    }
}

PublicDb::PublicDb(std::string folder, const std::vector<Migration>& steps)
    : impl_(std::make_shared<Impl>(folder, steps)) {}

PublicDb::~PublicDb() = default;

std::unique_ptr<PublicDb> PublicDb::handle() const {
    return std::unique_ptr<PublicDb>(new PublicDb(impl_));
}

std::unique_ptr<PublicDb> PublicDb::scratch(const std::string& folder) const {
    std::filesystem::remove_all(folder);
    // Makes the folder and names the file, which does not exist yet.
    std::string file = Generations(folder).live();
    impl_->write_copy(file);
    auto copy = std::make_unique<PublicDb>(folder, impl_->steps);
    copy->impl_->live->database->exec("PRAGMA synchronous=OFF");
    copy->set_predefined(impl_->is_predefined);
    return copy;
}

std::string PublicDb::set_aside() const { return impl_->set_aside; }

void PublicDb::Impl::failed(const SQLite::Exception& e) {
    int code = e.getErrorCode();
    if (code == SQLITE_FULL) {
        throw Error(Code::disk_full, "the disk is full; nothing was changed");
    }
    if (code != SQLITE_CONSTRAINT && code != SQLITE_BUSY) {
        failure = std::string("the database failed: ") + e.what();
    }
    throw e;
}

std::string PublicDb::failure() const { return impl_->failure; }

bool PublicDb::take_damage_notice() { return impl_->damage_noticed.exchange(false); }

bool PublicDb::was_damaged() const { return !impl_->generations.damaged().empty(); }

bool PublicDb::has_history() const { return !impl_->incarnation.is_nil(); }

void PublicDb::Impl::put_meta(const char* key, std::string_view value) {
    Use s(sql("INSERT OR REPLACE INTO meta VALUES(?,?)"));
    s->bind(1, key);
    bind_blob(*s, 2, value);
    s->exec();
}

namespace {

Term new_term(const Uid& self, const char* cause, const std::string& by) {
    Term t;
    t.no = 1;
    t.id = *Uid::from_bytes(random_bytes(16));
    t.active = self;
    t.cause = cause;
    t.by = by;
    return t;
}

}  // namespace

void PublicDb::create(const Uid& self, const std::string& by) {
    if (has_history()) throw Error(Code::internal, "this database has a history already");
    impl_->transact([&] {
        impl_->put_meta("incarnation", Uid::make().raw());
        impl_->put_meta("digest_key", random_bytes(32));
        // The oldest one: other servers of this Domain may be of an older release. The Active raises it.
        impl_->put_meta("schema", "1");
        return impl_->write_term(new_term(self, "create", by));
    });
    impl_->load();
}

void PublicDb::begin_anew(const Uid& self, const std::string& by) {
    if (!has_history()) throw Error(Code::internal, "this database has no history to go on from");
    Term next = new_term(self, "restore", by);
    next.no = term().no + 1;
    next.parent = term().id;
    impl_->transact([&] {
        impl_->put_meta("incarnation", Uid::make().raw());
        return impl_->write_term(next);
    });
    impl_->load();
}

Position PublicDb::position() const { return impl_->position; }

std::vector<Term> PublicDb::terms() const { return impl_->terms; }

const Term& PublicDb::term() const {
    static const Term k_none;
    return impl_->terms.empty() ? k_none : impl_->terms.back();
}

namespace {

Object read_object(SQLite::Statement& s) {
    Object o;
    o.uid = uid_column(s, 0);
    o.type = s.getColumn(1).getString();
    o.scope = s.getColumn(2).getString();
    o.name = s.getColumn(3).getString();
    o.rev = static_cast<uint64_t>(s.getColumn(4).getInt64());
    o.doc = s.getColumn(5).getString();
    return o;
}

}  // namespace

std::optional<Object> PublicDb::Impl::row(Live& by, const Uid& uid) {
    Use s(by.sql("SELECT uid,type,scope,name,rev,doc FROM object WHERE uid=?"));
    bind_blob(*s, 1, uid.raw());
    if (!s->executeStep()) return std::nullopt;
    return read_object(*s);
}

std::optional<Object> PublicDb::get(const Uid& uid) const {
    return impl_->row(*impl_->reader, uid);
}

std::optional<Object> PublicDb::find(const std::string& scope, const std::string& name) const {
    Use s(impl_->look("SELECT uid FROM name WHERE scope=? AND folded=?"));
    bind_text(*s, 1, scope);
    bind_text(*s, 2, fold(name));
    if (!s->executeStep()) return std::nullopt;
    return impl_->row(*impl_->reader, uid_column(*s, 0));
}

std::vector<Uid> PublicDb::referrers(const Uid& uid) const {
    Use s(impl_->look("SELECT src FROM ref WHERE dst=?"));
    bind_blob(*s, 1, uid.raw());
    std::vector<Uid> out;
    while (s->executeStep()) out.push_back(uid_column(*s, 0));
    return out;
}

std::vector<Object> PublicDb::all(const std::string& type) const {
    Use s(impl_->look("SELECT uid,type,scope,name,rev,doc FROM object WHERE type=?"
                      " ORDER BY name COLLATE NOCASE"));
    bind_text(*s, 1, type);
    std::vector<Object> out;
    while (s->executeStep()) out.push_back(read_object(*s));
    return out;
}

const std::map<std::string, uint64_t>& PublicDb::Impl::counted() {
    if (counts) return *counts;
    counts.emplace();
    Use s(look("SELECT type, count(*) FROM object GROUP BY type"));
    while (s->executeStep()) {
        (*counts)[s->getColumn(0).getString()] = static_cast<uint64_t>(s->getColumn(1).getInt64());
    }
    return *counts;
}

void PublicDb::Impl::keep_counts() {
    if (counts) {
        for (const auto& [type, count] : more) (*counts)[type] += static_cast<uint64_t>(count);
    }
    more.clear();
}

uint64_t PublicDb::object_count() const {
    uint64_t sum = 0;
    for (const auto& [type, count] : impl_->counted()) sum += count;
    return sum;
}

uint64_t PublicDb::object_count(const std::string& type) const {
    const auto& counts = impl_->counted();
    auto found = counts.find(type);
    return found == counts.end() ? 0 : found->second;
}

SQLite::Database& PublicDb::db() {
    return *impl_->reader->database;
}

void PublicDb::shrink() {
    sqlite3_db_release_memory(impl_->reader->database->getHandle());
    if (!impl_->staged) sqlite3_db_release_memory(impl_->live->database->getHandle());
}

void PublicDb::set_predefined(std::function<bool(const Uid&)> is_predefined) {
    impl_->is_predefined = std::move(is_predefined);
}

Hash PublicDb::Impl::row_hash(const Change& c) {
    return hasher.begin().part(digest_key).part(c.uid.raw()).part(c.type).part(c.scope)
        .part(c.name).part(c.doc).end();
}

std::optional<Object> PublicDb::Impl::take_row(const Uid& uid) {
    Object old;
    Hash stored;
    {
        Use s(sql("SELECT uid,type,scope,name,rev,doc,hash FROM object WHERE uid=?"));
        bind_blob(*s, 1, uid.raw());
        if (!s->executeStep()) return std::nullopt;
        old = read_object(*s);
        stored = hash_from(blob(*s, 6));
    }
    // What the disk has altered would go into the digest and the before-image of the next revision,
    // and from there to every replica.
    Change as_put{Change::Op::put, uid, old.type, old.scope, old.name, std::move(old.doc)};
    if (row_hash(as_put) != stored) {
        damage_noticed = true;
        throw Error(Code::damaged, fmt::format("{} '{}' is damaged on the disk of this server",
                                               old.type, old.name))
            .refusal("", "mdsctl ha verify DOMAIN");
    }
    old.doc = std::move(as_put.doc);
    --more[old.type];
    digest.subtract(stored);
    {
        Use s(sql("DELETE FROM name WHERE uid=? AND scope=? AND folded=?"));
        bind_blob(*s, 1, uid.raw());
        bind_text(*s, 2, old.scope);
        bind_text(*s, 3, fold(old.name));
        s->exec();
    }
    {
        Use s(sql("DELETE FROM ref WHERE src=?"));
        bind_blob(*s, 1, uid.raw());
        s->exec();
    }
    Use s(sql("DELETE FROM object WHERE uid=?"));
    bind_blob(*s, 1, uid.raw());
    s->exec();
    return old;
}

bool PublicDb::Impl::put_row(const Change& c, uint64_t rev, std::string* taken_by) {
    {
        Use s(sql("INSERT OR IGNORE INTO name(scope,folded,uid) VALUES(?,?,?)"));
        bind_text(*s, 1, c.scope);
        bind_text(*s, 2, fold(c.name));
        bind_blob(*s, 3, c.uid.raw());
        if (s->exec() == 0) {
            if (taken_by) *taken_by = c.name;
            return false;
        }
    }
    Hash hash = row_hash(c);
    digest.add(hash);
    ++more[c.type];
    {
        Use s(sql("INSERT INTO object(uid,type,scope,name,rev,hash,doc) VALUES(?,?,?,?,?,?,?)"));
        bind_blob(*s, 1, c.uid.raw());
        bind_text(*s, 2, c.type);
        bind_text(*s, 3, c.scope);
        bind_text(*s, 4, c.name);
        s->bind(5, static_cast<int64_t>(rev));
        bind_blob(*s, 6, raw(hash));
        bind_text(*s, 7, c.doc);
        s->exec();
    }
    for (const Uid& dst : references_of(c.doc)) {
        Use s(sql("INSERT OR IGNORE INTO ref(dst,src) VALUES(?,?)"));
        bind_blob(*s, 1, dst.raw());
        bind_blob(*s, 2, c.uid.raw());
        s->exec();
    }
    return true;
}

Error refused(std::vector<std::string> problems) {
    Error error(Code::validation_failed,
                fmt::format("Validation failed with {} error{}", problems.size(),
                            problems.size() == 1 ? "" : "s"));
    for (std::string& line : problems) error.add_error(std::move(line));
    return std::move(error).refusal("RF-37", "Correct the objects listed, or discard.");
}

std::vector<Image> PublicDb::Impl::write_changes(const std::vector<Change>& changes, uint64_t rev,
                                                 std::vector<std::string>* problems,
                                                 const std::atomic<bool>* stop) {
    auto go_on = [stop] {
        if (stop && *stop) throw Error(Code::publish_failed, "given up");
    };
    std::vector<Image> before;
    std::vector<std::string> conflicts;
    before.reserve(changes.size());
    for (const Change& c : changes) {
        go_on();
        Image image;
        image.change.uid = c.uid;
        auto old = take_row(c.uid);
        if (c.base_rev != 0 && problems && (!old || old->rev != c.base_rev)) {
            conflicts.push_back(fmt::format(
                "Object '{}' was {} since this session edited it.", old ? old->name : c.name,
                old ? fmt::format("changed by revision {}", old->rev) : "deleted"));
        }
        if (old) {
            image.change = {Change::Op::put,      c.uid,
                            std::move(old->type), std::move(old->scope),
                            std::move(old->name), std::move(old->doc)};
            image.rev = old->rev;
        } else {
            image.change.op = Change::Op::remove;
        }
        before.push_back(std::move(image));
    }
    if (!conflicts.empty()) {
        throw refused(std::move(conflicts));
    }
    for (const Change& c : changes) {
        if (c.op == Change::Op::remove) continue;
        go_on();
        std::string taken;
        if (put_row(c, rev, &taken)) continue;
        if (!problems) {
            throw Error(Code::internal, fmt::format("revision {}: the name '{}' is taken", rev, taken));
        }
        problems->push_back(fmt::format("More than one object named '{}' exists.", taken));
    }
    return before;
}

void PublicDb::Impl::restore(const std::vector<Image>& images) {
    for (const Image& image : images) take_row(image.change.uid);
    for (const Image& image : images) {
        if (image.change.op == Change::Op::remove) continue;
        std::string taken;
        if (!put_row(image.change, image.rev, &taken)) {
            throw Error(Code::internal, "undo: the name '" + taken + "' is taken");
        }
    }
}

std::string PublicDb::Impl::describe(const Uid& uid) {
    auto object = row(uid);
    return object ? fmt::format("{} '{}'", object->type, object->name) : uid.text();
}

void PublicDb::Impl::check_references(const std::vector<Change>& changes,
                                      std::vector<std::string>& problems) {
    for (const Change& c : changes) {
        if (c.op == Change::Op::remove) {
            Use s(sql("SELECT src FROM ref WHERE dst=? LIMIT 3"));
            bind_blob(*s, 1, c.uid.raw());
            std::vector<Uid> users;
            while (s->executeStep()) users.push_back(uid_column(*s, 0));
            for (const Uid& user : users) {
                problems.push_back(
                    fmt::format("Object '{}' is deleted but used by {}.", c.name, describe(user)));
            }
            continue;
        }
        for (const Uid& dst : references_of(c.doc)) {
            Use s(sql("SELECT 1 FROM object WHERE uid=?"));
            bind_blob(*s, 1, dst.raw());
            if (s->executeStep() || (is_predefined && is_predefined(dst))) continue;
            problems.push_back(fmt::format("{} '{}' refers to an object that does not exist ({}).",
                                           c.type, c.name, dst.text()));
        }
    }
}

}  // namespace mds::store
