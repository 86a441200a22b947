#pragma once
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "store/public_db.hh"

namespace mds::simulation {

/// A broken invariant of replication.md 13, by its number; 0: something that no rule there names.
struct Violation : std::runtime_error {
    Violation(int n, const std::string& text)
        : std::runtime_error("invariant " + std::to_string(n) + ": " + text), number(n) {}
    int number;
};

struct Row {
    std::string type, scope, name, doc;
    uint64_t rev = 0;
    bool operator==(const Row&) const = default;
};
using State = std::map<Uid, Row>;

/// One record of some line of history, and what the content is there by the model.
struct Entry {
    store::Revision record;
    const Entry* parent = nullptr;
    /// The server that committed it first.
    int by = -1;
    std::shared_ptr<const State> state;
};

/// Every record that was ever committed anywhere, as a tree by chain hash, with a plain model of
/// the content at each. It knows nothing of SQLite; hashes and digests are computed anew.
class Chronicle {
  public:
    /// Takes in what `db` of server `by` has beyond what is known; returns its newest record.
    const Entry* learn(int by, store::PublicDb& db);
    const Entry* find(const store::Hash& hash) const;
    static bool contains(const Entry* head, const Entry* entry);
    static const Entry* common(const Entry* a, const Entry* b);
    /// Compares the rows of a database, and what is derived from them, with the model (3, 6, 7,
    /// 15).
    void check_content(const std::string& server, store::PublicDb& db, const Entry* head) const;
    /// Two records of one term and number are only possible after a disk went back in time.
    bool disk_went_back = false;
    size_t size() const { return entries_.size(); }

  private:
    void add(int by, store::Revision record);
    store::Hash digest_of(const State& state) const;

    std::map<store::Hash, std::unique_ptr<Entry>> entries_;
    std::map<Uid, int> committer_;
    Uid incarnation_;
    std::string digest_key_;
};

}  // namespace mds::simulation
