#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.hh"

namespace mds::store {

/// The columns of an object that indexes and derived tables are made of.
struct IndexedRow {
    int64_t rowid = 0;
    std::string_view uid, type, scope, name, doc;
};

/// Compares the indexes of the objects, and the names and references derived from them, with the
/// objects themselves, in time linear in their number: each is read once, in its own order, and must
/// be sorted and have the same sum. Looking every object up in every index, as SQLite's own check does,
/// takes several times as long; it tells more, and is for what is known to be damaged.
class IndexSums {
  public:
    /// Every object, once, in any order.
    void add(const IndexedRow& row);
    /// Whether the indexes of the table of objects are what they should be.
    bool objects_agree(SQLite::Database& database) const;
    /// Whether the names and references are, and the index of these; only meaningful when every
    /// document is what its hash says.
    bool derived_agree(SQLite::Database& database) const;

  private:
    /// Of a set of entries, whatever their order.
    struct Sum {
        uint64_t count = 0, sum = 0;
        void add(std::string_view entry);
        bool operator==(const Sum&) const = default;
    };
    Sum uids_, types_, names_, refs_;
};

/// The names and references of one object after the other, looked up: says which one is wrong.
class DerivedCheck {
  public:
    explicit DerivedCheck(SQLite::Database& database);
    void look(const IndexedRow& row, const Uid& uid);
    /// What was found, after the last object; "" nothing.
    std::string finish();

  private:
    void say(std::string text);
    SQLite::Database& database_;
    SQLite::Statement name_, ref_;
    uint64_t names_ = 0, refs_ = 0;
    std::string problem_;
};

}  // namespace mds::store
