// What is damaged in a replica's database is replaced, by what another replica has or its own log says
// (replication.md 6).
#include <algorithm>
#include <set>

#include "base/error.hh"
#include "base/text.hh"
#include "store/codec.hh"
#include "store/public_db_impl.hh"
#include "store/refs.hh"
#include "store/verify.hh"

namespace mds::store {

void PublicDb::Impl::replace_row(const Image& image) {
    {
        // By uid, not by what the damaged row says its name is.
        Use s(sql("DELETE FROM name WHERE uid=?"));
        bind_blob(*s, 1, image.change.uid.raw());
        s->exec();
    }
    {
        Use s(sql("DELETE FROM ref WHERE src=?"));
        bind_blob(*s, 1, image.change.uid.raw());
        s->exec();
    }
    {
        Use s(sql("DELETE FROM object WHERE uid=?"));
        bind_blob(*s, 1, image.change.uid.raw());
        s->exec();
    }
    if (image.change.op == Change::Op::remove) return;
    std::string taken;
    if (!put_row(image.change, image.rev, &taken)) {
        throw Error(Code::internal, "repair: the name '" + taken + "' is taken");
    }
}

void PublicDb::Impl::rebuild_indexes() {
    // Whole: row by row a damaged tree would be believed.
    live->database->exec("DELETE FROM name");
    live->database->exec("DELETE FROM ref");
    live->database->exec("REINDEX object");
    live->database->exec("REINDEX revision");
    SQLite::Statement rows(*live->database, "SELECT uid,scope,name,doc FROM object");
    while (rows.executeStep()) {
        Uid uid = uid_column(rows, 0);
        {
            Use s(sql("INSERT OR REPLACE INTO name(scope,folded,uid) VALUES(?,?,?)"));
            bind_text(*s, 1, rows.getColumn(1).getString());
            bind_text(*s, 2, fold(rows.getColumn(2).getString()));
            bind_blob(*s, 3, uid.raw());
            s->exec();
        }
        for (const Uid& dst : references_of(rows.getColumn(3).getString())) {
            Use s(sql("INSERT OR IGNORE INTO ref(dst,src) VALUES(?,?)"));
            bind_blob(*s, 1, dst.raw());
            bind_blob(*s, 2, uid.raw());
            s->exec();
        }
    }
}

bool PublicDb::Impl::last_changes(uint64_t after, const std::function<void(const Image&)>& with) {
    for (uint64_t rev = position.rev; rev > after; --rev) {
        Use s(sql("SELECT rev,kind,term_id,term_no,prev_hash,hash,digest,session,session_name,author,"
                  "time_ms,changes,meta,codec,payload FROM revision WHERE rev=?"));
        s->bind(1, static_cast<int64_t>(rev));
        if (!s->executeStep()) return false;
        Revision record = read_revision(*s, true, false);
        // The record itself may be damaged; and one that raises the schema names no documents: every
        // server has changed its own.
        if (chain_hash(record) != record.hash || record.kind == "schema") return false;
        if (record.payload.empty()) continue;
        for (Image& image : decode(decompress(record.payload, record.codec))) {
            image.rev = rev;
            with(image);
        }
    }
    return true;
}

void PublicDb::Impl::mend(const std::function<void()>& act) {
    make_way();
    // What put_row adds to the digest is not new: the sum of the undamaged rows stays what it was.
    struct AsItWas {
        Impl& db;
        Digest digest;
        ~AsItWas() {
            db.digest = digest;
            db.more.clear();
        }
    } as_it_was{*this, digest};
    SQLite::Transaction transaction(*live->database, SQLite::TransactionBehavior::IMMEDIATE);
    act();
    transaction.commit();
    counts.reset();
}

size_t PublicDb::repair_from_log() {
    Impl& db = *impl_;
    size_t mended = 0;
    auto is_whole_here = [&](const Image& newest) {
        Use s(db.sql("SELECT type,scope,name,doc,rev,hash FROM object WHERE uid=?"));
        bind_blob(*s, 1, newest.change.uid.raw());
        if (!s->executeStep()) return false;
        Change here{Change::Op::put, newest.change.uid, s->getColumn(0).getString(),
                    s->getColumn(1).getString(), s->getColumn(2).getString(), s->getColumn(3).getString()};
        // Of another revision: not what the log speaks of.
        return static_cast<uint64_t>(s->getColumn(4).getInt64()) != newest.rev ||
               db.row_hash(here) == hash_from(blob(*s, 5));
    };
    db.mend([&] {
        shrink();
        std::set<Uid> seen;
        // As far back as the log is whole: what is newer than that is known to be the newest.
        db.last_changes(0, [&](const Image& newest) {
            if (!seen.insert(newest.change.uid).second || newest.change.op != Change::Op::put) return;
            if (is_whole_here(newest)) return;
            db.replace_row(newest);
            ++mended;
        });
    });
    return mended;
}

PublicDb::Repaired PublicDb::repair(const Repair& repair, uint64_t seen) {
    Impl& db = *impl_;
    Repaired taken;
    db.mend([&] {
        // The pages in memory may be from before the damage; only the file counts.
        shrink();
        if (repair.indexes) db.rebuild_indexes();
        auto replace = [&](const Image& image) {
            db.replace_row(image);
            ++taken.rows;
        };
        auto rev_here = [&](const Uid& uid) -> std::optional<uint64_t> {
            Use s(db.sql("SELECT rev FROM object WHERE uid=?"));
            bind_blob(*s, 1, uid.raw());
            if (!s->executeStep()) return std::nullopt;
            return static_cast<uint64_t>(s->getColumn(0).getInt64());
        };
        // The other one is behind: what it has and is missing here was lost, or deleted since. The log
        // tells, and has the newest content of what was changed since.
        std::set<Uid> changed_since;
        bool log_tells = seen < db.position.rev && db.last_changes(seen, [&](const Image& newest) {
            const Uid& uid = newest.change.uid;
            if (!changed_since.insert(uid).second) return;
            if (newest.change.op == Change::Op::put && !rev_here(uid)) replace(newest);
        });
        for (const Image& image : repair.rows) {
            const Uid& uid = image.change.uid;
            auto here = rev_here(uid);
            bool lost = image.rev <= db.position.rev &&
                        (seen >= db.position.rev || (log_tells && !changed_since.count(uid)));
            bool take = here ? *here == image.rev : lost;
            if (image.change.op == Change::Op::put && take) replace(image);
        }
        for (const Uid& uid : repair.extra) {
            auto here = rev_here(uid);
            if (!here || *here > seen || seen > db.position.rev) continue;
            Image gone;
            gone.change.uid = uid;
            gone.change.op = Change::Op::remove;
            replace(gone);
        }
        // The newest first: what the record after it says is the truth, and that one may be damaged too.
        std::vector<const Revision*> records;
        for (const Revision& record : repair.records) records.push_back(&record);
        std::sort(records.begin(), records.end(),
                  [](const Revision* x, const Revision* y) { return x->rev > y->rev; });
        for (const Revision* one : records) {
            const Revision& record = *one;
            Hash expected = db.position.hash;
            if (record.rev < db.position.rev) {
                Use s(db.sql("SELECT prev_hash FROM revision WHERE rev=?"));
                s->bind(1, static_cast<int64_t>(record.rev + 1));
                if (!s->executeStep()) continue;
                expected = hash_from(blob(*s, 0));
            }
            // Another one there, or no better than here.
            if (record.rev > db.position.rev || record.hash != expected ||
                db.chain_hash(record) != expected) {
                continue;
            }
            ++taken.records;
            Revision mine = record;
            {
                Use s(db.sql("SELECT undo FROM revision WHERE rev=?"));
                s->bind(1, static_cast<int64_t>(record.rev));
                if (s->executeStep()) mine.undo = blob(*s, 0);
            }
            Use s(db.sql("DELETE FROM revision WHERE rev=?"));
            s->bind(1, static_cast<int64_t>(record.rev));
            s->exec();
            db.insert_revision(mine);
        }
    });
    return taken;
}

}  // namespace mds::store
