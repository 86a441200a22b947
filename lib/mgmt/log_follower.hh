#pragma once
#include "store/public_db.hh"

namespace mds::mgmt {

/// An index in memory over the public objects: made at first use, then kept by the records of the
/// log; made again when the history is another one (full copy, undo).
class LogFollower {
  public:
    explicit LogFollower(store::PublicDb& db) : db_(db) {}
    virtual ~LogFollower() = default;

  protected:
    /// Brings the index to the present revision.
    void follow();
    /// Fills an empty index from the database.
    virtual void build() = 0;
    /// One published change, in the order of the log.
    virtual void take(const store::Change& change) = 0;

    store::PublicDb& db_;

  private:
    void rebuild();
    bool built_ = false;
    store::Position at_;
};

}  // namespace mds::mgmt
