#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "store/codec.hh"
#include "store/public_db.hh"

namespace mds::store {

/// What reading a whole database anew has shown (replication.md 6): the incremental digest proves
/// the way that records were applied, only this finds bytes that changed on the disk since.
struct Verification {
    /// What was checked: the newest revision when it began.
    Position at;
    uint64_t rows = 0, records = 0;
    /// The documents, hashed anew, give the digest of `at`.
    bool content = true;
    /// Rows whose document does not give the hash that is stored beside it.
    std::vector<Uid> damaged_rows;
    /// Records of the log whose payload does not give their hash.
    std::vector<uint64_t> damaged_records;
    /// First thing that is wrong with a name, a reference or an index; empty when nothing is.
    std::string indexes;
    /// What SQLite says when the file itself cannot be read; empty when it can.
    std::string unreadable;

    bool good() const;
    /// For people: what is damaged, in one line; empty when nothing is.
    std::string text() const;
};

/// The rows of a database in 4096 buckets by SHA-256 of their uid, each the sum of its row hashes:
/// two replicas find where they differ by exchanging 128 kB, whatever their size.
struct BucketSums {
    Position at;
    std::vector<Hash> sums;
};
constexpr size_t k_buckets = 4096;
uint16_t bucket_of(const Uid& uid);

/// One row without its content. `rev` and `hash` together are the content: two replicas of one
/// history with the same row at the same `rev` have the same hash, or one of them is damaged.
struct RowMark {
    Uid uid;
    uint64_t rev = 0;
    Hash hash{};
};
struct RowMarks {
    Position at;
    std::vector<RowMark> marks;
};

// These read the file at `path` (PublicDb::file) on a connection of their own: they may run on another
// thread while the database is used. What is published meanwhile is not part of the answer.

/// Reads everything anew: structure, documents against the digest, names, references and indexes
/// against the documents, the log against its chain. Never throws.
Verification verify(const std::string& path);
/// A full copy of another replica, read from its first byte to its last and on the disk.
class ProvenCopy {
  public:
    /// Throws mds::Error (disk_full, or internal with what is wrong) when the file is damaged or is
    /// not what its sender said. The only way to get one: nothing unproved is ever adopted.
    static ProvenCopy prove(const std::string& path, const Position& expected);
    const std::string& path() const { return path_; }
    /// Nothing at all is wrong with it. Indexes that are not those of the objects come with a copy from
    /// whoever has them so, and can be made anew.
    bool whole() const { return whole_; }

  private:
    ProvenCopy(std::string path, bool whole) : path_(std::move(path)), whole_(whole) {}
    std::string path_;
    bool whole_;
};
/// Sums of the rows, hashed anew from their documents.
BucketSums bucket_sums(const std::string& path);
/// The rows in these buckets, hashed anew.
RowMarks marks_of(const std::string& path, const std::vector<uint16_t>& buckets);

/// Whether a record is what its hash says.
bool is_whole(const Revision& record);

/// What puts a damaged database right again (PublicDb::repair).
struct Repair {
    /// Rows as another replica of the same history has them, with their revision.
    std::vector<Image> rows;
    /// Rows that the other replica does not have.
    std::vector<Uid> extra;
    /// Records of the log.
    std::vector<Revision> records;
    /// The indexes of this database are made anew from its documents.
    bool indexes = false;
};

}  // namespace mds::store
