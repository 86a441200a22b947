#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "store/codec.hh"
#include "store/public_db.hh"

namespace mds::store {

/// A publish of data that every server may change (replication.md 8): the whole documents that it
/// leaves and those that it was made from. The Primary decides whether it takes place; until then it
/// is tentative on every server that knows it.
struct Transaction {
    /// The session that was published: the log names it, so nothing is done twice.
    Uid id;
    /// The Multi-Domain Server where it was published.
    Uid origin;
    /// Hybrid clock of the origin (wall ms << 16 | counter): orders what nobody has decided yet, and
    /// nothing else.
    uint64_t clock = 0;
    std::string session_name, author, description;
    /// The administrator; nil for root on a host.
    Uid author_uid;
    /// Wall clock of the origin, ms.
    int64_t time_ms = 0;
    std::vector<Change> changes;
    /// One per change: the object that was edited (op put), or that there was none (op remove).
    std::vector<Image> before;

    std::string encode() const;
    /// Throws Error(internal).
    static Transaction decode(std::string_view bytes);
    /// Of `request`, made on `db` as it is now; the caller gives it origin, clock and time. Throws RF-37 when an object was changed since it was
    /// edited (Change::base_rev).
    static Transaction of(const PublicDb& db, PublicDb::PublishRequest request);
    /// Whether a record of the log is this one, carried out.
    bool is(const Revision& record) const;
    /// Of a record that was carried out for another server and is taken back (with payload and undo);
    /// nothing when it is none.
    static std::optional<Transaction> of(const Revision& record);
    /// The order of those that are not decided.
    auto order() const { return std::tuple(clock, origin, id); }
    /// As a record with payload and undo, for a recovered session of its author.
    Revision record() const;
};

/// Why a publish does not take place, of a record of the kind "refusal".
std::vector<std::string> reasons_of(const Revision& refusal);

/// Commits the transaction on `db`, or throws Error(validation_failed) with one line per reason, and
/// what `rules` and `fence` throw: whole or not at all. The same state and the same transaction give
/// the same result on every server. An object that is not as the author saw it refuses the whole:
/// nothing is merged (SY-2).
Revision execute(PublicDb& db, const Transaction& transaction,
                 const std::function<void()>& rules, const std::function<void()>& fence);

}  // namespace mds::store
