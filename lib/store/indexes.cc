#include "store/indexes.hh"

#include <fmt/core.h>
#include <sqlite3.h>

#include <functional>

#include "base/text.hh"
#include "store/public_db_impl.hh"
#include "store/refs.hh"

namespace mds::store {
namespace {

/// Columns of one entry, kept apart by their lengths.
std::string joined(std::initializer_list<std::string_view> parts) {
    std::string out;
    for (std::string_view part : parts) {
        auto size = static_cast<uint32_t>(part.size());
        out.append(reinterpret_cast<const char*>(&size), sizeof size).append(part);
    }
    return out;
}

std::string_view bytes_of(const int64_t& number) {
    return {reinterpret_cast<const char*>(&number), sizeof number};
}

std::string bytes_at(SQLite::Statement& s, int column) {
    SQLite::Column c = s.getColumn(column);
    return {static_cast<const char*>(c.getBlob()), static_cast<size_t>(c.getBytes())};
}

/// Whether the columns are what they are in the schema: b a blob, t text. Another type of the same bytes
/// is another key.
bool has_types(SQLite::Statement& s, std::string_view types) {
    for (int i = 0; i < static_cast<int>(types.size()); ++i) {
        SQLite::Column c = s.getColumn(i);
        if (types[static_cast<size_t>(i)] == 'b' ? !c.isBlob() : !c.isText()) return false;
    }
    return true;
}

/// By SQLite's collation NOCASE.
int compare_nocase(const std::string& a, const std::string& b) {
    int n = sqlite3_strnicmp(a.data(), b.data(), static_cast<int>(std::min(a.size(), b.size())));
    return n != 0 ? n : a.size() < b.size() ? -1 : a.size() > b.size();
}

}  // namespace

void IndexSums::Sum::add(std::string_view entry) {
    ++count;
    sum += std::hash<std::string_view>{}(entry);
}

void IndexSums::add(const IndexedRow& row) {
    uids_.add(joined({row.uid, bytes_of(row.rowid)}));
    types_.add(joined({row.type, row.name, bytes_of(row.rowid)}));
    names_.add(joined({row.scope, fold(std::string(row.name)), row.uid}));
    for (const Uid& dst : references_of(row.doc)) refs_.add(joined({dst.raw(), row.uid}));
}

bool IndexSums::objects_agree(SQLite::Database& database) const {
    Sum uids, types;
    {
        SQLite::Statement s(database, "SELECT uid,rowid FROM object INDEXED BY sqlite_autoindex_object_1"
                                      " WHERE uid>=x''");
        for (std::string before; s.executeStep();) {
            if (!has_types(s, "b")) return false;
            std::string uid = bytes_at(s, 0);
            if (uids.count > 0 && uid <= before) return false;
            uids.add(joined({uid, bytes_of(s.getColumn(1).getInt64())}));
            before = std::move(uid);
        }
    }
    SQLite::Statement s(database, "SELECT type,name,rowid FROM object INDEXED BY object_type_name"
                                  " WHERE type>=''");
    std::string type, name;
    int64_t rowid = 0;
    while (s.executeStep()) {
        if (!has_types(s, "tt")) return false;
        std::string this_type = bytes_at(s, 0), this_name = bytes_at(s, 1);
        int64_t this_rowid = s.getColumn(2).getInt64();
        if (types.count > 0) {
            int order = this_type.compare(type);
            if (order == 0) order = compare_nocase(this_name, name);
            if (order < 0 || (order == 0 && this_rowid <= rowid)) return false;
        }
        types.add(joined({this_type, this_name, bytes_of(this_rowid)}));
        type = std::move(this_type);
        name = std::move(this_name);
        rowid = this_rowid;
    }
    return uids == uids_ && types == types_;
}

bool IndexSums::derived_agree(SQLite::Database& database) const {
    // The key columns come first; false = they are not sorted.
    auto read = [&](const char* sql, int keys, const char* types, Sum& out,
                    const std::function<std::string(SQLite::Statement&)>& entry) {
        SQLite::Statement s(database, sql);
        for (std::vector<std::string> before; s.executeStep();) {
            if (!has_types(s, types)) return false;
            std::vector<std::string> key;
            for (int i = 0; i < keys; ++i) key.push_back(bytes_at(s, i));
            if (out.count > 0 && key <= before) return false;
            out.add(entry(s));
            before = std::move(key);
        }
        return true;
    };
    Sum names, refs, by_source;
    return read("SELECT scope,folded,uid FROM name INDEXED BY sqlite_autoindex_name_1 WHERE scope>=''", 2, "ttb", names,
                [](auto& s) { return joined({bytes_at(s, 0), bytes_at(s, 1), bytes_at(s, 2)}); }) &&
           read("SELECT dst,src FROM ref INDEXED BY sqlite_autoindex_ref_1 WHERE dst>=x''", 2, "bb", refs,
                [](auto& s) { return joined({bytes_at(s, 0), bytes_at(s, 1)}); }) &&
           read("SELECT src,dst FROM ref INDEXED BY ref_src WHERE src>=x''", 2, "bb", by_source,
                [](auto& s) { return joined({bytes_at(s, 1), bytes_at(s, 0)}); }) &&
           names == names_ && refs == refs_ && by_source == refs_;
}

DerivedCheck::DerivedCheck(SQLite::Database& database)
    : database_(database),
      name_(database, "SELECT uid FROM name WHERE scope=? AND folded=?"),
      ref_(database, "SELECT 1 FROM ref WHERE dst=? AND src=?") {}

void DerivedCheck::look(const IndexedRow& row, const Uid& uid) {
    name_.reset();
    bind_text(name_, 1, std::string(row.scope));
    bind_text(name_, 2, fold(std::string(row.name)));
    ++names_;
    if (!name_.executeStep() || uid_column(name_, 0) != uid) {
        say(fmt::format("the name '{}' leads elsewhere", row.name));
    }
    for (const Uid& dst : references_of(row.doc)) {
        ref_.reset();
        bind_blob(ref_, 1, dst.raw());
        bind_blob(ref_, 2, uid.raw());
        ++refs_;
        if (!ref_.executeStep()) say(fmt::format("a reference of '{}' is missing", row.name));
    }
}

std::string DerivedCheck::finish() {
    auto count = [&](const char* sql) {
        SQLite::Statement s(database_, sql);
        s.executeStep();
        return static_cast<uint64_t>(s.getColumn(0).getInt64());
    };
    if (count("SELECT count(*) FROM name") != names_) say("there are names of no object");
    if (count("SELECT count(*) FROM ref") != refs_) say("there are references of no object");
    return problem_;
}

void DerivedCheck::say(std::string text) {
    if (problem_.empty()) problem_ = std::move(text);
}

}  // namespace mds::store
