// The log of a PublicDb: records, terms, apply, undo, full copies.
#include <fmt/core.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/clock.hh"
#include "base/error.hh"
#include "json/json.hh"
#include "store/generation.hh"
#include "store/public_db_impl.hh"
#include "store/verify.hh"

namespace mds::store {
namespace {

std::string term_meta(const Term& t) {
    return json::canonical(json::object{{"no", t.no},
                                        {"id", t.id.text()},
                                        {"parent", t.parent.text()},
                                        {"active", t.active.text()},
                                        {"cause", t.cause},
                                        {"by", t.by}});
}

Term term_of(const Revision& r) {
    json::object meta = json::parse_object(r.meta);
    auto id = [&](const char* key) {
        auto uid = Uid::parse(json::get_string(meta, key));
        if (!uid) throw Error(Code::internal, fmt::format("revision {} names no term", r.rev));
        return *uid;
    };
    Term t;
    t.no = r.term_no;
    t.id = id("id");
    t.parent = id("parent");
    t.active = id("active");
    t.start_rev = r.rev;
    t.start_hash = r.prev_hash;
    t.cause = json::get_string(meta, "cause");
    t.by = json::get_string(meta, "by");
    t.time_ms = r.time_ms;
    if (t.id != r.term_id) throw Error(Code::internal, "a term record contradicts itself");
    return t;
}

}  // namespace

Hash chain_hash_of(Hasher& hasher, const Revision& r) {
    Hash payload = sha256(r.payload);
    return hasher.begin().part(raw(r.prev_hash)).part(r.kind).part(r.term_id.raw())
        .number(r.term_no).number(r.rev).part(r.session.raw()).part(r.session_name).part(r.author)
        .number(static_cast<uint64_t>(r.time_ms)).number(r.changes).part(r.meta).number(r.codec)
        .part(raw(payload)).part(raw(r.digest)).end();
}

void PublicDb::Impl::insert_revision(const Revision& r) {
    Use s(sql("INSERT INTO revision(rev,kind,term_id,term_no,prev_hash,hash,digest,session,"
              "session_name,author,time_ms,changes,meta,codec,payload,undo)"
              " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"));
    s->bind(1, static_cast<int64_t>(r.rev));
    s->bind(2, r.kind);
    bind_blob(*s, 3, r.term_id.raw());
    s->bind(4, static_cast<int64_t>(r.term_no));
    bind_blob(*s, 5, raw(r.prev_hash));
    bind_blob(*s, 6, raw(r.hash));
    bind_blob(*s, 7, raw(r.digest));
    if (!r.session.is_nil()) bind_blob(*s, 8, r.session.raw());
    s->bind(9, r.session_name);
    s->bind(10, r.author);
    s->bind(11, r.time_ms);
    s->bind(12, static_cast<int64_t>(r.changes));
    s->bind(13, r.meta);
    s->bind(14, static_cast<int>(r.codec));
    bind_blob(*s, 15, r.payload);
    bind_blob(*s, 16, r.undo);
    s->exec();
}

void PublicDb::Impl::insert_term(const Term& t) {
    Use s(sql("INSERT OR REPLACE INTO term(id,no,parent,start_rev,start_hash,active,cause,by,time_ms)"
              " VALUES(?,?,?,?,?,?,?,?,?)"));
    bind_blob(*s, 1, t.id.raw());
    s->bind(2, static_cast<int64_t>(t.no));
    bind_blob(*s, 3, t.parent.raw());
    s->bind(4, static_cast<int64_t>(t.start_rev));
    bind_blob(*s, 5, raw(t.start_hash));
    bind_blob(*s, 6, t.active.raw());
    s->bind(7, t.cause);
    s->bind(8, t.by);
    s->bind(9, t.time_ms);
    s->exec();
}

Revision read_revision(SQLite::Statement& s, bool with_payload, bool with_undo) {
    Revision r;
    r.rev = static_cast<uint64_t>(s.getColumn(0).getInt64());
    r.kind = s.getColumn(1).getString();
    r.term_id = uid_column(s, 2);
    r.term_no = static_cast<uint64_t>(s.getColumn(3).getInt64());
    r.prev_hash = hash_from(blob(s, 4));
    r.hash = hash_from(blob(s, 5));
    r.digest = hash_from(blob(s, 6));
    r.session = uid_column(s, 7);
    r.session_name = s.getColumn(8).getString();
    r.author = s.getColumn(9).getString();
    r.time_ms = s.getColumn(10).getInt64();
    r.changes = static_cast<uint32_t>(s.getColumn(11).getInt64());
    r.meta = s.getColumn(12).getString();
    if (with_payload) {
        r.codec = static_cast<uint8_t>(s.getColumn(13).getInt());
        r.payload = blob(s, 14);
    }
    if (with_undo) r.undo = blob(s, 15);
    return r;
}

Revision PublicDb::Impl::next_record(const std::string& kind, const std::string& by) const {
    Revision r;
    r.rev = position.rev + 1;
    r.kind = kind;
    r.term_id = position.term_id;
    r.term_no = position.term_no;
    r.prev_hash = position.hash;
    r.author = by;
    r.time_ms = wall_ms();
    return r;
}

void PublicDb::Impl::append(Revision& r) {
    r.digest = digest.value();
    r.hash = chain_hash(r);
    insert_revision(r);
}

void PublicDb::Impl::purge(const Revision& record) {
    int64_t up_to = json::get_int(json::parse_object(record.meta), "up-to", 0);
    Use s(sql("DELETE FROM revision WHERE rev<=? AND rev<?"));
    s->bind(1, up_to);
    s->bind(2, static_cast<int64_t>(record.rev));
    s->exec();
}

Revision PublicDb::Impl::write_term(const Term& wanted) {
    Revision r = next_record("term", wanted.by);
    r.term_id = wanted.id;
    r.term_no = wanted.no;
    r.meta = term_meta(wanted);
    append(r);
    insert_term(term_of(r));
    return r;
}

void PublicDb::Impl::stand_at(const Revision& newest) {
    position = {incarnation, newest.term_id, newest.term_no, newest.rev, newest.hash, newest.digest};
}

Revision PublicDb::refuse(const PublishRequest& what, const std::vector<std::string>& reasons,
                          const std::function<void()>& fence) {
    Impl& db = *impl_;
    Revision refused = db.transact([&] {
        if (fence) fence();
        Revision r = db.next_record("refusal", what.author);
        r.session = what.session;
        r.session_name = what.session_name;
        json::array lines;
        for (const std::string& reason : reasons) lines.push_back(json::value(reason));
        r.meta = json::canonical(
            json::object{{"description", what.description}, {"reasons", std::move(lines)}});
        db.append(r);
        return r;
    });
    db.stand_at(refused);
    return refused;
}

Revision PublicDb::begin_term(const Term& wanted) {
    Revision r = impl_->transact([&] { return impl_->write_term(wanted); });
    impl_->terms.push_back(term_of(r));
    impl_->stand_at(r);
    return r;
}

Revision PublicDb::purge(uint64_t up_to, const std::string& by,
                         const std::function<void()>& fence) {
    Impl& db = *impl_;
    Revision purged = db.transact([&] {
        if (fence) fence();
        if (up_to >= db.position.rev) {
            throw Error(Code::internal, fmt::format("revision {} cannot be purged: the newest is {}",
                                                    up_to, db.position.rev));
        }
        Revision r = db.next_record("purge", by);
        r.meta = json::canonical(json::object{{"up-to", up_to}});
        db.append(r);
        db.purge(r);
        return r;
    });
    db.stand_at(purged);
    return purged;
}

uint64_t PublicDb::purge_point(uint64_t bytes) const {
    // length() of a blob does not read it.
    Use s(impl_->look("SELECT rev,length(payload)+length(undo)+length(meta)+200 FROM revision"
                     " ORDER BY rev DESC"));
    uint64_t sum = 0, first_too_much = 0;
    while (s->executeStep()) {
        sum += static_cast<uint64_t>(s->getColumn(1).getInt64());
        uint64_t rev = static_cast<uint64_t>(s->getColumn(0).getInt64());
        // The newest record always stays.
        if (first_too_much == 0 && sum > bytes / 10 * 9 && rev < impl_->position.rev) {
            first_too_much = rev;
        }
    }
    return sum > bytes ? first_too_much : 0;
}

std::vector<Change> PublicDb::changes_back_to(uint64_t rev) const {
    if (!revision(rev)) {
        throw Error(Code::object_not_found, fmt::format("Requested object [{}] not found", rev));
    }
    // The before-image of the oldest record after `rev` that touched an object is how it was.
    std::map<Uid, Change> before;
    Use s(impl_->look("SELECT undo FROM revision WHERE rev>? ORDER BY rev DESC"));
    s->bind(1, static_cast<int64_t>(rev));
    while (s->executeStep()) {
        std::string undo = blob(*s, 0);
        if (undo.empty()) continue;
        for (Image& image : decode(undo)) {
            before.insert_or_assign(image.change.uid, std::move(image.change));
        }
    }
    std::vector<Change> out;
    for (auto& [uid, change] : before) {
        auto now = get(uid);
        bool gone = change.op == Change::Op::remove;
        if (gone ? !now : now && now->doc == change.doc && now->name == change.name) continue;
        if (gone) {
            change.type = now->type;
            change.name = now->name;
        }
        out.push_back(std::move(change));
    }
    return out;
}

std::optional<Revision> PublicDb::revision(uint64_t rev) const {
    Use s(
        impl_->look("SELECT rev,kind,term_id,term_no,prev_hash,hash,digest,session,session_name,"
                    "author,time_ms,changes,meta,codec,payload,undo FROM revision WHERE rev=?"));
    s->bind(1, static_cast<int64_t>(rev));
    if (!s->executeStep()) return std::nullopt;
    return read_revision(*s, true, true);
}

std::vector<Revision> PublicDb::revisions(uint64_t below, size_t limit) const {
    Use s(
        impl_->look("SELECT rev,kind,term_id,term_no,prev_hash,hash,digest,session,session_name,"
                    "author,time_ms,changes,meta FROM revision WHERE rev<? ORDER BY rev DESC"
                    " LIMIT ?"));
    s->bind(1, static_cast<int64_t>(std::min<uint64_t>(below, INT64_MAX)));
    s->bind(2, static_cast<int64_t>(limit));
    std::vector<Revision> out;
    while (s->executeStep()) out.push_back(read_revision(*s, false, false));
    return out;
}

std::optional<uint64_t> PublicDb::revision_of_session(const Uid& session) const {
    Use s(impl_->look("SELECT rev FROM revision WHERE session=?"));
    bind_blob(*s, 1, session.raw());
    if (!s->executeStep()) return std::nullopt;
    return static_cast<uint64_t>(s->getColumn(0).getInt64());
}

bool PublicDb::published(const Uid& session) const {
    Use s(impl_->look("SELECT 1 FROM revision WHERE session=? AND kind='publish'"));
    bind_blob(*s, 1, session.raw());
    return s->executeStep();
}

std::vector<Revision> PublicDb::records(uint64_t from, size_t max_bytes) const {
    Use s(
        impl_->look("SELECT rev,kind,term_id,term_no,prev_hash,hash,digest,session,session_name,"
                    "author,time_ms,changes,meta,codec,payload FROM revision WHERE rev>=?"
                    " ORDER BY rev"));
    s->bind(1, static_cast<int64_t>(from));
    std::vector<Revision> out;
    size_t bytes = 0;
    while (s->executeStep()) {
        Revision r = read_revision(*s, true, false);
        if (out.empty() && r.rev != from) return {};  // trimmed
        if (!out.empty() && bytes + r.payload.size() > max_bytes) break;
        bytes += r.payload.size() + 300;
        out.push_back(std::move(r));
    }
    return out;
}

uint64_t PublicDb::oldest_record() const {
    Use s(impl_->look("SELECT min(rev) FROM revision"));
    s->executeStep();
    return static_cast<uint64_t>(s->getColumn(0).getInt64());
}

void PublicDb::apply(const std::vector<Revision>& records) {
    Impl& db = *impl_;
    std::vector<Term> terms = db.terms;
    db.position = db.transact([&] {
        Position position = db.position;
        for (const Revision& record : records) {
            if (record.rev <= position.rev) {
                Use known(db.sql("SELECT hash FROM revision WHERE rev=?"));
                known->bind(1, static_cast<int64_t>(record.rev));
                if (known->executeStep() && hash_from(blob(*known, 0)) == record.hash) continue;
                throw Error(Code::internal,
                            fmt::format("revision {} is another one here", record.rev));
            }
            if (record.rev != position.rev + 1 || record.prev_hash != position.hash) {
                throw Error(Code::internal,
                            fmt::format("revision {} does not follow revision {} here", record.rev,
                                        position.rev));
            }
            if (db.chain_hash(record) != record.hash) {
                throw Error(Code::internal, fmt::format("revision {} is damaged: its hash differs",
                                                        record.rev));
            }
            Revision mine = record;
            std::vector<Change> changes;
            if (!record.payload.empty()) {
                for (Image& image : decode(decompress(record.payload, record.codec))) {
                    changes.push_back(std::move(image.change));
                }
            }
            mine.undo = encode(record.kind == "schema"
                                   ? db.migrate(record)
                                   : db.write_changes(changes, record.rev, nullptr));
            // The digest is checked before COMMIT: a wrong replay is found at the revision where
            // it happens (replication.md 6).
            if (db.digest.value() != record.digest) {
                throw Error(Code::content_differs,
                            fmt::format("content differs at revision {}", record.rev));
            }
            db.insert_revision(mine);
            if (record.kind == "term") {
                Term term = term_of(record);
                db.insert_term(term);
                terms.push_back(std::move(term));
            } else if (record.kind == "purge") {
                db.purge(record);
            }
            position = {db.incarnation, record.term_id, record.term_no,
                        record.rev,     record.hash,    record.digest};
        }
        return position;
    });
    db.terms = std::move(terms);
    db.schema = schema_of(*db.live->database);
}

std::vector<Revision> PublicDb::tail(uint64_t rev) const {
    Use s(
        impl_->look("SELECT rev,kind,term_id,term_no,prev_hash,hash,digest,session,session_name,"
                    "author,time_ms,changes,meta,codec,payload,undo FROM revision WHERE rev>?"
                    " ORDER BY rev"));
    s->bind(1, static_cast<int64_t>(rev));
    std::vector<Revision> out;
    while (s->executeStep()) out.push_back(read_revision(*s, true, true));
    return out;
}

void PublicDb::undo_to(uint64_t rev) {
    Impl& db = *impl_;
    db.transact([&] {
        std::vector<Revision> records = tail(rev);
        auto base = revision(rev);
        if (!base) throw Error(Code::internal, fmt::format("revision {} is not here", rev));
        for (auto record = records.rbegin(); record != records.rend(); ++record) {
            if (!record->undo.empty()) db.restore(decode(record->undo));
            if (record->kind == "schema") {
                json::object meta = json::parse_object(record->meta);
                db.write_schema(static_cast<uint32_t>(json::get_int(meta, "from")));
            }
            if (record->kind == "term") {
                Use s(db.sql("DELETE FROM term WHERE id=?"));
                bind_blob(*s, 1, record->term_id.raw());
                s->exec();
            }
        }
        if (db.digest.value() != base->digest) {
            throw Error(Code::internal, fmt::format("undo to revision {} gives other content", rev));
        }
        Use s(db.sql("DELETE FROM revision WHERE rev>?"));
        s->bind(1, static_cast<int64_t>(rev));
        return s->exec();
    });
    db.load();
}

void PublicDb::Impl::write_copy(const std::string& path) const {
    // A connection of its own: VACUUM INTO reads one snapshot while publishes go on.
    SQLite::Database source(generations.live(), SQLite::OPEN_READWRITE, 5000);
    SQLite::Statement vacuum(source, "VACUUM INTO ?");
    vacuum.bind(1, path);
    vacuum.exec();
}

Position PublicDb::copy_to(const std::string& path) const {
    impl_->write_copy(path);
    // The position is read from the copy: it is the truth about what was copied.
    SQLite::Database copy(path, SQLite::OPEN_READONLY);
    // Whoever takes it gives up the records that it has, perhaps the only good ones.
    if (uint64_t rev = damaged_record(copy)) {
        impl_->damage_noticed = true;
        throw Error(Code::damaged,
                    fmt::format("record {} of the log is damaged on the disk of this server", rev));
    }
    return position_of(copy);
}

void PublicDb::forget_records(uint64_t up_to) {
    Impl& db = *impl_;
    db.transact([&] {
        Use s(db.sql("DELETE FROM revision WHERE rev<=? AND rev<?"));
        s->bind(1, static_cast<int64_t>(up_to));
        s->bind(2, static_cast<int64_t>(db.position.rev));
        return s->exec();
    });
}

uint64_t PublicDb::Impl::common_with(SQLite::Database& copy) {
    SQLite::Statement meta(copy, "SELECT value FROM meta WHERE key='incarnation'");
    if (!meta.executeStep() || uid_column(meta, 0) != incarnation) return position.rev;
    SQLite::Statement log(copy, "SELECT rev,hash FROM revision WHERE rev<=? ORDER BY rev DESC");
    log.bind(1, static_cast<int64_t>(position.rev));
    while (log.executeStep()) {
        Use mine(sql("SELECT hash FROM revision WHERE rev=?"));
        mine->bind(1, log.getColumn(0).getInt64());
        if (mine->executeStep() && blob(*mine, 0) == blob(log, 1)) {
            return static_cast<uint64_t>(log.getColumn(0).getInt64());
        }
    }
    // Its log begins later than the one here ends: the last common term tells.
    SQLite::Statement last(copy, "SELECT max(rev) FROM revision");
    last.executeStep();
    auto newest = static_cast<uint64_t>(last.getColumn(0).getInt64());
    for (size_t i = terms.size(); i-- > 0;) {
        SQLite::Statement same(copy, "SELECT (SELECT min(start_rev) FROM term l WHERE "
                                     "l.start_rev>t.start_rev) FROM term t WHERE id=?");
        bind_blob(same, 1, terms[i].id.raw());
        if (!same.executeStep()) continue;
        uint64_t theirs = same.isColumnNull(0)
                              ? newest
                              : static_cast<uint64_t>(same.getColumn(0).getInt64()) - 1;
        uint64_t mine = i + 1 < terms.size() ? terms[i + 1].start_rev - 1 : position.rev;
        return std::min(mine, theirs);
    }
    return 0;
}

ProvenCopy ProvenCopy::prove(const std::string& path, const Position& expected) {
    try {
        // Its log of the moment wants space, which is a matter of this server alone.
        SQLite::Database copy(path, SQLite::OPEN_READONLY);
        position_of(copy);
    } catch (const SQLite::Exception& e) {
        throw Error(e.getErrorCode() == SQLITE_FULL ? Code::disk_full : Code::internal,
                    std::string("the received copy cannot be read: ") + e.what());
    }
    Verification found = verify(path);
    if (!found.unreadable.empty()) {
        throw Error(Code::internal, "the received copy is damaged: " + found.unreadable);
    }
    if (found.at.hash != expected.hash) {
        throw Error(Code::internal, "the received copy ends at another revision than its sender said");
    }
    if (!found.content || !found.damaged_rows.empty() || found.at.digest != expected.digest) {
        throw Error(Code::internal, "the received copy has other content than its sender said");
    }
    if (!found.damaged_records.empty()) {
        throw Error(Code::internal, fmt::format("record {} of the log in the received copy is damaged",
                                                found.damaged_records.front()));
    }
    // The switch flushes it as well; a gigabyte is flushed here, beside everything else.
    flush_file(path);
    return ProvenCopy(path, found.indexes.empty());
}

std::string PublicDb::adopt(const ProvenCopy& copy, const std::function<void(uint64_t)>& keep) {
    const std::string& path = copy.path();
    impl_->make_way();
    uint64_t common = 0;
    try {
        SQLite::Database other(path, SQLite::OPEN_READONLY);
        if (schema_of(other) > schema_known()) {
            throw Error(Code::internal, "the received copy was written by a newer release");
        }
        common = impl_->common_with(other);
    } catch (const SQLite::Exception& e) {
        throw Error(Code::internal, std::string("the received copy cannot be read: ") + e.what());
    }
    if (keep && has_history()) keep(common);
    std::error_code ignored;
    std::filesystem::remove(path + "-wal", ignored);
    std::filesystem::remove(path + "-shm", ignored);
    // The old one stays open until the new one is: what a full disk does not allow happens before.
    std::unique_ptr<Live> live, reader;
    auto undo = [&] {
        reader.reset();
        live.reset();
        impl_->generations.forget();
    };
    try {
        if (has_history() && common < position().rev && oldest_record() > common + 1) {
            impl_->generations.keep();
        }
        std::string file = impl_->generations.prepare(path);
        live = std::make_unique<Live>(file, Live::Access::write);
        reader = std::make_unique<Live>(file, Live::Access::read);
        impl_->generations.commit();
    } catch (const Error&) {
        undo();
        throw;
    } catch (const SQLite::Exception& e) {
        undo();
        throw Error(e.getErrorCode() == SQLITE_FULL ? Code::disk_full : Code::internal,
                    std::string("the received copy cannot be opened: ") + e.what());
    } catch (const std::exception& e) {
        impl_->failure = e.what();
        throw;
    }
    impl_->reader = std::move(reader);
    impl_->live = std::move(live);
    impl_->load();
    return impl_->generations.retire();
}

std::vector<std::string> PublicDb::replaced() const { return impl_->generations.replaced(); }

}  // namespace mds::store
