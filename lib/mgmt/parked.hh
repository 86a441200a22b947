#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "mgmt/work_db.hh"
#include "store/public_db.hh"

namespace mds::mgmt {

/// The table `parked` of work.db: publishes that an Active took back because the one that replaced
/// it never had them (replication.md 7). A row waits to be handed over to the Active, or is kept on
/// the Active as a recovered session, or is done; done rows stay a month as evidence.
class Parked {
  public:
    explicit Parked(WorkDb& work);

    struct Publish {
        /// With payload and undo.
        store::Revision record;
        /// Name of the server that published it.
        std::string origin;
    };
    /// Begins to wait; flushed to the disk when it returns. Nothing changes when the row is there.
    /// Returns how many rows are new.
    uint32_t put(const std::vector<store::Revision>& records, const std::string& origin);
    /// As put(), of one that no Active has published, in the caller's transaction (Flushed). Throws when the row is
    /// there.
    void wait(const Publish& publish);
    uint32_t waiting();
    /// What a person is told of one that waits.
    struct Told {
        uint64_t rev = 0;
        std::string author, session_name, origin;
        int64_t time_ms = 0;
    };
    /// Those that wait, oldest first, so many at most.
    std::vector<Told> told(size_t most);
    std::optional<Publish> next();
    /// Not waiting any more: the Active has it.
    void handed_over(const Uid& term_id, uint64_t rev, int64_t now_ms);

    // ---- on the Active; the caller's transaction ----
    /// The row of a publish that is a recovered session here now.
    void keep(const Publish& publish);
    /// Its session was published or discarded.
    void finish(const Uid& term_id, uint64_t rev, int64_t now_ms);
    /// Its session is given up here: it waits for another Active again. False when there is no row.
    bool release(const Uid& term_id, uint64_t rev);
    void drop_old(int64_t now_ms);

  private:
    void insert(const store::Revision& record, const std::string& origin, int64_t state);
    WorkDb& work_;
};

/// Makes what is written while it lives durable at its commit (PRAGMA synchronous=FULL). Not inside
/// a transaction.
class Flushed {
  public:
    explicit Flushed(WorkDb& work);
    ~Flushed();
    Flushed(const Flushed&) = delete;
    Flushed& operator=(const Flushed&) = delete;

  private:
    WorkDb& work_;
};

}  // namespace mds::mgmt
