// Damage: finding it, telling where it is, and taking from another replica what was lost.
#include "store/verify.hh"

#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <set>

#include "base/error.hh"
#include "base/text.hh"
#include "store/indexes.hh"
#include "store/public_db_impl.hh"
#include "store/refs.hh"

namespace mds::store {
namespace {

// More are not listed one by one: then the replicas are compared by buckets.
constexpr size_t k_most_listed = 1000;

std::string digest_key_of(SQLite::Database& database) {
    SQLite::Statement meta(database, "SELECT value FROM meta WHERE key='digest_key'");
    if (!meta.executeStep()) throw Error(Code::internal, "the database has no history");
    return blob(meta, 0);
}

std::string_view view(const SQLite::Column& column) {
    return {static_cast<const char*>(column.getBlob()), static_cast<size_t>(column.getBytes())};
}

/// Columns of k_rows.
struct Row : IndexedRow {
    std::string_view stored;
    uint64_t rev = 0;
    Hash hash{};
};
constexpr char k_rows[] = "SELECT uid,type,scope,name,doc,hash,rev,rowid FROM object NOT INDEXED";

/// Calls `with` for every row, with the hash that its document gives.
void each_row(SQLite::Database& database, const std::function<void(const Row&)>& with) {
    std::string key = digest_key_of(database);
    Hasher hasher;
    SQLite::Statement rows(database, k_rows);
    while (rows.executeStep()) {
        Row row;
        // The columns stay alive until the next step.
        auto uid = rows.getColumn(0), type = rows.getColumn(1), scope = rows.getColumn(2),
             name = rows.getColumn(3), doc = rows.getColumn(4), hash = rows.getColumn(5);
        row.uid = view(uid);
        row.type = view(type);
        row.scope = view(scope);
        row.name = view(name);
        row.doc = view(doc);
        row.stored = view(hash);
        row.rev = static_cast<uint64_t>(rows.getColumn(6).getInt64());
        row.rowid = rows.getColumn(7).getInt64();
        row.hash = hasher.begin().part(key).part(row.uid).part(row.type).part(row.scope)
                       .part(row.name).part(row.doc).end();
        with(row);
    }
}

Uid uid_of(const Row& row) {
    auto uid = Uid::from_bytes(std::string(row.uid));
    return uid ? *uid : Uid{};
}

/// Structure of a table and its indexes, as SQLite sees it: with `whole` also whether every row is in
/// its indexes, which takes several times as long.
void check_structure(SQLite::Database& database, const std::string& table, bool whole, Verification& out) {
    // Names and references can be made anew from the objects, whatever has happened to them.
    bool derived = table == "name" || table == "ref";
    SQLite::Statement check(database, (whole ? "PRAGMA integrity_check(" : "PRAGMA quick_check(") + table + ")");
    while (check.executeStep()) {
        std::string line = check.getColumn(0).getString();
        if (line == "ok") continue;
        bool index = derived || line.find("missing from index") != std::string::npos ||
                     line.find("wrong # of entries in index") != std::string::npos ||
                     line.find("non-unique entry in index") != std::string::npos;
        std::string& what = index ? out.indexes : out.unreadable;
        if (what.empty()) what = table + ": " + line;
    }
}

/// What is known to be wrong with the indexes, in words.
void look_at_indexes(SQLite::Database& database, bool derived_too, Verification& out) {
    for (const char* table : {"object", "name", "ref"}) check_structure(database, table, true, out);
    if (derived_too && out.indexes.empty() && out.unreadable.empty()) {
        DerivedCheck derived(database);
        each_row(database, [&](const Row& row) { derived.look(row, uid_of(row)); });
        out.indexes = derived.finish();
    }
    if (out.indexes.empty()) out.indexes = "an index and its table are not alike";
}

/// Calls `damaged` with every record that is not what its hash says or does not follow the one before.
/// Returns how many records there are.
uint64_t each_record(SQLite::Database& database, const std::function<void(uint64_t rev)>& damaged) {
    Hasher hasher;
    uint64_t count = 0;
    SQLite::Statement s(database,
                        "SELECT rev,kind,term_id,term_no,prev_hash,hash,digest,session,"
                        "session_name,author,time_ms,changes,meta,codec,payload FROM revision"
                        " ORDER BY rev");
    Hash before{};
    uint64_t rev_before = 0;
    while (s.executeStep()) {
        uint64_t rev = static_cast<uint64_t>(s.getColumn(0).getInt64());
        ++count;
        bool whole = false;
        try {
            Revision r = read_revision(s, true, false);
            bool follows = count == 1 || (rev == rev_before + 1 && r.prev_hash == before);
            whole = chain_hash_of(hasher, r) == r.hash && follows;
            before = r.hash;
        } catch (const Error&) {
            // A column of another length: it is damaged, and so may the next one seem to be.
        }
        rev_before = rev;
        if (!whole) damaged(rev);
    }
    return count;
}

}  // namespace

bool Verification::good() const {
    return content && damaged_rows.empty() && damaged_records.empty() && indexes.empty() &&
           unreadable.empty();
}

std::string Verification::text() const {
    std::vector<std::string> parts;
    auto some = [](size_t count, const char* what) {
        return fmt::format("{}{} {}{}", count >= k_most_listed ? "at least " : "", count, what,
                           count == 1 ? "" : "s");
    };
    if (!unreadable.empty()) parts.push_back("the database file is damaged (" + unreadable + ")");
    if (!damaged_rows.empty()) parts.push_back(some(damaged_rows.size(), "object") + " damaged");
    if (!content && damaged_rows.empty()) parts.push_back("objects are missing or were changed");
    if (!damaged_records.empty()) {
        parts.push_back(some(damaged_records.size(), "record") + " of the log damaged, first " +
                        std::to_string(damaged_records.front()));
    }
    if (!indexes.empty()) parts.push_back("an index is damaged (" + indexes + ")");
    return join(parts, ", ");
}

uint16_t bucket_of(const Uid& uid) {
    Hash hash = sha256(uid.raw());
    return static_cast<uint16_t>((hash[0] | hash[1] << 8) % k_buckets);
}

Position position_of(SQLite::Database& database) {
    Position p;
    SQLite::Statement last(database, "SELECT rev,hash,digest,term_id,term_no FROM revision"
                                     " ORDER BY rev DESC LIMIT 1");
    if (last.executeStep()) {
        p.rev = static_cast<uint64_t>(last.getColumn(0).getInt64());
        p.hash = hash_from(blob(last, 1));
        p.digest = hash_from(blob(last, 2));
        p.term_id = uid_column(last, 3);
        p.term_no = static_cast<uint64_t>(last.getColumn(4).getInt64());
    }
    SQLite::Statement meta(database, "SELECT value FROM meta WHERE key='incarnation'");
    if (meta.executeStep()) p.incarnation = uid_column(meta, 0);
    return p;
}

uint64_t damaged_record(SQLite::Database& database) {
    uint64_t first = 0;
    each_record(database, [&](uint64_t rev) {
        if (first == 0) first = rev;
    });
    return first;
}

bool is_whole(const Revision& record) {
    Hasher hasher;
    return chain_hash_of(hasher, record) == record.hash;
}

Verification verify(const std::string& path) {
    Verification out;
    try {
        SQLite::Database reader(path, SQLite::OPEN_READONLY, 5000);
        reader.exec("PRAGMA cache_size=-8192");
        SQLite::Transaction snapshot(reader);
        out.at = position_of(reader);
        if (out.at.rev == 0) return out;
        for (const char* table : {"meta", "term", "revision"}) check_structure(reader, table, true, out);
        for (const char* table : {"object", "name", "ref"}) check_structure(reader, table, false, out);
        if (!out.unreadable.empty()) return out;
        Digest digest;
        IndexSums sums;
        each_row(reader, [&](const Row& row) {
            ++out.rows;
            digest.add(row.hash);
            sums.add(row);
            if (row.stored != raw(row.hash) && out.damaged_rows.size() < k_most_listed) {
                out.damaged_rows.push_back(uid_of(row));
            }
        });
        out.content = digest.value() == out.at.digest;
        // Names and references of what is damaged are part of that.
        bool whole = out.content && out.damaged_rows.empty();
        if (!sums.objects_agree(reader) || (whole && !sums.derived_agree(reader))) {
            look_at_indexes(reader, whole, out);
        }
        out.records = each_record(reader, [&](uint64_t rev) {
            if (out.damaged_records.size() < k_most_listed) out.damaged_records.push_back(rev);
        });
    } catch (const std::exception& e) {
        // SQLITE_CORRUPT, or a value that cannot be one.
        out.unreadable = e.what();
    }
    return out;
}

BucketSums bucket_sums(const std::string& path) {
    SQLite::Database reader(path, SQLite::OPEN_READONLY, 5000);
    SQLite::Transaction snapshot(reader);
    BucketSums out;
    out.at = position_of(reader);
    std::vector<Digest> sums(k_buckets);
    each_row(reader, [&](const Row& row) { sums[bucket_of(uid_of(row))].add(row.hash); });
    out.sums.reserve(k_buckets);
    for (const Digest& sum : sums) out.sums.push_back(sum.value());
    return out;
}

RowMarks marks_of(const std::string& path, const std::vector<uint16_t>& buckets) {
    SQLite::Database reader(path, SQLite::OPEN_READONLY, 5000);
    SQLite::Transaction snapshot(reader);
    RowMarks out;
    out.at = position_of(reader);
    std::vector<bool> wanted(k_buckets);
    for (uint16_t bucket : buckets) {
        if (bucket < k_buckets) wanted[bucket] = true;
    }
    each_row(reader, [&](const Row& row) {
        Uid uid = uid_of(row);
        if (wanted[bucket_of(uid)]) out.marks.push_back({uid, row.rev, row.hash});
    });
    return out;
}

std::vector<Image> PublicDb::images_of(const std::vector<Uid>& uids) const {
    std::vector<Image> out;
    Hasher hasher;  // the database's own may be in use by a publish
    for (const Uid& uid : uids) {
        Use s(impl_->look("SELECT uid,type,scope,name,doc,rev,hash FROM object WHERE uid=?"));
        bind_blob(*s, 1, uid.raw());
        Image image;
        image.change.uid = uid;
        image.change.op = Change::Op::remove;
        if (s->executeStep()) {
            image.change.op = Change::Op::put;
            image.change.type = s->getColumn(1).getString();
            image.change.scope = s->getColumn(2).getString();
            image.change.name = s->getColumn(3).getString();
            image.change.doc = s->getColumn(4).getString();
            image.rev = static_cast<uint64_t>(s->getColumn(5).getInt64());
            const Change& c = image.change;
            Hash hash = hasher.begin().part(impl_->digest_key).part(uid.raw()).part(c.type)
                            .part(c.scope).part(c.name).part(c.doc).end();
            if (hash != hash_from(blob(*s, 6))) continue;
        }
        out.push_back(std::move(image));
    }
    return out;
}

}  // namespace mds::store
