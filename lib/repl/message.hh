#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "repl/compare.hh"
#include "store/verify.hh"

namespace mds::repl {

/// Messages between the servers of one management database (replication.md 10). Every one may be
/// lost; the heartbeat and the timers of the receiver repeat what matters.
enum class Kind : uint16_t {
    gone = 0,           ///< of mds-sync there: that server does not run
    position = 1,       ///< heartbeat: who I am, where I am
    pull = 2,           ///< give me records from here, when there are any
    delta = 3,          ///< records
    refused = 4,        ///< a pull cannot be served: ask for a full copy
    copy_request = 5,   ///< offer me a full copy
    copy_offer = 6,     ///< its manifest
    copy_get = 7,       ///< one chunk, please
    copy_chunk = 8,     ///< here it is
    copy_gone = 9,      ///< that copy is no longer served
    full_sync = 10,     ///< manual synchronization: replace your content with mine
    full_sync_done = 11,
    handover = 12,         ///< make me the Active, orderly
    handover_refused = 13, ///< and why not
    buckets = 14,          ///< sums of my rows: where do we differ?
    marks = 15,            ///< my rows where we differ
    lost = 16,             ///< give me these rows and records, mine are damaged
    found = 17,            ///< here they are
    parked_put = 20,       ///< a publish that was parked here, piece by piece: keep it for its author
    parked_ok = 21,        ///< kept, or the piece that is wanted next
    transaction_ask = 30,    ///< what was published here: carry it out (tentative.hh)
    transaction_answer = 31, ///< refused
    transactions = 32,       ///< what nobody has decided yet
    transactions_kept = 33,  ///< these are on the disk here, or decided
    locks = 34,              ///< objects that sessions here have locked (server/shared_data.hh)
    locks_seen = 35,         ///< and that the receiver knows them
    application = 100,     ///< from here on: other uses of the same channel, not of the replica
};

enum class Role : uint8_t { starting = 0, standby = 1, active = 2 };

struct PositionMessage {
    Uid server;
    Role role = Role::starting;
    bool log_server = false;
    History history;
    uint64_t oldest_record = 0;
    /// Percent of a running full copy into this server; 255 = none runs.
    uint8_t copy_percent = 255;
    uint32_t parked = 0;
    std::string version;
    /// Version of the sender's documents, and the newest one that its release knows.
    uint32_t schema = 1, schema_known = 1;
    /// Why the last synchronization failed; empty when it did not.
    std::string failure;
    /// The sender's whole database was read anew and found good in the last day.
    bool verified = false;
    /// What the sender found damaged in its own database; empty when nothing.
    std::string damage;
    /// The sender is a Standby by decision of its own term but two Actives exist as far as it knows.
    bool collision = false;
    /// What an overwrite or a change of the Active would cost there, as JSON (Env::open_work).
    std::string work;
    /// The sender does not hear the receiver and wants its position at once.
    bool asks = false;
    /// Publishes there that nobody has decided (tentative.hh), and since when (wall ms of the oldest).
    uint32_t tentative = 0;
    int64_t tentative_since = 0;

    std::string encode() const;
    static PositionMessage decode(std::string_view bytes);
};

struct PullMessage {
    store::Position position;
    std::string encode() const;
    static PullMessage decode(std::string_view bytes);
};

struct DeltaMessage {
    std::vector<store::Revision> records;
    std::string encode() const;
    static DeltaMessage decode(std::string_view bytes);
};

struct CopyOffer {
    Uid id;
    store::Position position;
    uint64_t size = 0;
    uint32_t chunk_size = 0;
    std::vector<store::Hash> chunks;
    std::string encode() const;
    static CopyOffer decode(std::string_view bytes);
};

struct CopyChunk {
    Uid id;
    uint32_t index = 0;
    uint8_t codec = 0;
    std::string bytes;
    std::string encode() const;
    static CopyChunk decode(std::string_view bytes);
};

struct BucketsMessage {
    store::BucketSums sums;
    std::string encode() const;
    static BucketsMessage decode(std::string_view bytes);
};

struct MarksMessage {
    /// The buckets that differ, and every row of the sender in them.
    std::vector<uint16_t> buckets;
    store::RowMarks rows;
    std::string encode() const;
    static MarksMessage decode(std::string_view bytes);
};

struct LostMessage {
    std::vector<Uid> rows;
    std::vector<uint64_t> records;
    std::string encode() const;
    static LostMessage decode(std::string_view bytes);
};

struct FoundMessage {
    store::Position at;
    /// Put: a row as the sender has it; remove: the sender has no such row.
    std::vector<store::Image> rows;
    std::vector<store::Revision> records;
    std::string encode() const;
    static FoundMessage decode(std::string_view bytes);
};

/// A piece of an encoded ParkedPublish (replica.hh).
struct ParkedPut {
    Uid term_id;
    uint64_t rev = 0, size = 0, offset = 0;
    std::string bytes;
    std::string encode() const;
    static ParkedPut decode(std::string_view bytes);
};

struct ParkedOk {
    Uid term_id;
    uint64_t rev = 0;
    /// It is on the disk of the Active as a recovered session; otherwise `offset` is wanted next.
    bool kept = false;
    uint64_t offset = 0;
    /// Why it cannot be kept now; asked again later.
    std::string problem;
    std::string encode() const;
    static ParkedOk decode(std::string_view bytes);
};

/// copy_get, copy_gone, handover, refusals, full_sync: an id, a number and a text.
struct NoteMessage {
    Uid id;
    uint32_t number = 0;
    std::string text;
    std::string encode() const;
    static NoteMessage decode(std::string_view bytes);
};

}  // namespace mds::repl
