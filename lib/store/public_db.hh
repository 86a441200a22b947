#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hh"
#include "store/hash.hh"

namespace mds::store {

struct Image;
struct Repair;

/// One public object: the newest published state.
struct Object {
    Uid uid;
    std::string type;
    /// Names are unique within a scope (the type's family, model::Type::family).
    std::string scope;
    std::string name;
    /// Revision that last changed it.
    uint64_t rev = 0;
    /// The whole document, canonical JSON (json::canonical); references are uids in it.
    std::string doc;
};

/// After-image of one object in a publish.
struct Change {
    enum class Op : uint8_t { put = 1, remove = 2 };
    Op op = Op::put;
    Uid uid;
    /// For a removal only the uid matters.
    std::string type, scope, name, doc;
    /// In a publish: the revision of the object that was edited, which must still be the newest one
    /// (RF-37); 0 = not asked. Not a part of records.
    uint64_t base_rev = 0;
};

/// One record of the chained log (replication.md 5).
struct Revision {
    uint64_t rev = 0;
    /// "publish", "refusal" (of a publish that was tentative on other servers), "term" (a change of
    /// role), "purge" (older records were deleted) or "schema".
    std::string kind;
    Uid term_id;
    uint64_t term_no = 0;
    Hash prev_hash{}, hash{}, digest{};
    /// Session that was published; nil for others.
    Uid session;
    std::string session_name, author;
    /// Wall clock of the Active at commit, ms.
    int64_t time_ms = 0;
    uint32_t changes = 0;
    /// JSON with what else readers need (kind "term": the term's row; "publish": description;
    /// "purge": "up-to", the newest revision that is gone; "schema": "from" and "to").
    std::string meta;
    /// Encoded changes (codec.hh), as compressed by `codec` (0 none, 1 zlib).
    uint8_t codec = 0;
    std::string payload;
    /// Encoded before-images; written by each replica for itself, never sent.
    std::string undo;
};

/// A reign: from start_rev on, `active` (a server uid, nil = nobody) is the one that publishes.
struct Term {
    uint64_t no = 0;
    Uid id, parent;
    uint64_t start_rev = 0;
    /// Chain hash of the revision before start_rev.
    Hash start_hash{};
    Uid active;
    /// "create", "restart", "handover", "standby", "force", "restore".
    std::string cause;
    std::string by;
    int64_t time_ms = 0;
};

/// Where a replica is in its history.
struct Position {
    Uid incarnation, term_id;
    uint64_t term_no = 0;
    uint64_t rev = 0;
    Hash hash{}, digest{};
};

class ProvenCopy;

/// How documents of one version become those of the next. Pure: every server does it for itself, at
/// the same revision, and must come to the same (replication.md 10).
struct Migration {
    /// The new document (canonical JSON) of an object of this type; the same text when nothing changes.
    std::function<std::string(const std::string& type, const std::string& doc)> document;
};
/// Those of this release: the one at place n leads from version n + 1 to n + 2. None yet.
const std::vector<Migration>& migrations();

/// The public database of one management server (replication.md 2 to 6): objects, names,
/// references, the chained log of revisions with content digest, terms. SQLite in WAL mode with
/// synchronous=FULL: a revision that was returned is on the disk. One thread, one writer.
class PublicDb {
  public:
    /// Opens `folder`/current's generation, or makes an empty one (no incarnation yet). Throws
    /// Error(internal) when a newer release has written it. `steps` outlives it.
    explicit PublicDb(std::string folder, const std::vector<Migration>& steps = migrations());
    ~PublicDb();
    PublicDb(const PublicDb&) = delete;
    PublicDb& operator=(const PublicDb&) = delete;

    /// Another handle of the same database: whoever holds one may be given another database by
    /// stand_for() while he goes on.
    std::unique_ptr<PublicDb> handle() const;
    /// From now on this is a handle of the database that `other` is one of.
    void stand_for(const PublicDb& other) { impl_ = other.impl_; }
    bool same_as(const PublicDb& other) const { return impl_ == other.impl_; }
    /// A copy of this database in an empty `folder`, to try things on: it may be lost at any time and
    /// is never flushed. What was in the folder is deleted.
    std::unique_ptr<PublicDb> scratch(const std::string& folder) const;

    /// Empty, or which damaged database was put aside when this one was opened, why, and where it is
    /// kept (HW-4). This replica has no history then and takes a full copy from another server.
    std::string set_aside() const;
    /// Not empty: the disk has failed under a write. What it holds is unknown until it is read anew, so
    /// nothing more is written here, and the process should end (replication.md 12).
    std::string failure() const;
    /// True once after a write came upon a row that is not what its hash says (Code::damaged): the whole
    /// database should be verified.
    bool take_damage_notice();
    /// Whether a damaged database was ever put aside here and is still kept.
    bool was_damaged() const;

    /// False until create() or a full copy has given this replica a history.
    bool has_history() const;
    /// Starts a new history with term 1 and this server as Active. Throws when there is one.
    void create(const Uid& self, const std::string& by);
    /// Goes on as another history with the content and the log that are here, and this server as Active:
    /// no server of the history that they were of is ever taken for one of this (replication.md 5).
    void begin_anew(const Uid& self, const std::string& by);

    /// Version of the documents here, from 1; the newest one that this release reads and writes.
    uint32_t schema() const;
    uint32_t schema_known() const;
    /// Brings the documents to schema_known(), as a revision of its own that every replica repeats for
    /// itself. Only when every registered server knows that version: the others could not follow.
    Revision raise_schema(const std::string& by, const std::function<void()>& fence);

    Position position() const;
    std::vector<Term> terms() const;
    const Term& term() const;

    std::optional<Object> get(const Uid& uid) const;
    /// By scope and name, compared without regard to ASCII case.
    std::optional<Object> find(const std::string& scope, const std::string& name) const;
    /// Objects that refer to `uid` directly.
    std::vector<Uid> referrers(const Uid& uid) const;
    /// All of a type, in order of names; for types that are few.
    std::vector<Object> all(const std::string& type) const;
    uint64_t object_count() const;
    uint64_t object_count(const std::string& type) const;

    struct PublishRequest {
        Uid session;
        std::string session_name, author, description;
        std::vector<Change> changes;
        /// The administrator; nil for root on the host.
        Uid author_uid = {};
        /// Of data that every server may change: the Multi-Domain Server where it was published, when that
        /// is another one.
        Uid origin = {};
    };
    /// Commits one publish as the next revision. `fence` runs inside the write transaction and
    /// throws when this server may not publish (role, term). Throws Error(validation_failed) with
    /// one line per broken rule: an object changed since it was edited (RF-37), name taken, a
    /// removed object still referred to, a reference to an object that is not there. Nothing is
    /// changed then.
    Revision publish(PublishRequest request, const std::function<void()>& fence);

    /// The same in steps, for a publish so large that reading must go on meanwhile: what is read
    /// here stays as it was until commit(). One at a time. Whatever else writes in between (a
    /// change of role, records of another server) does not wait: the publish is taken back and
    /// its commit() throws Error(publish_failed).
    struct Staged;
    std::shared_ptr<Staged> stage();
    /// On any thread; `fill` makes the request there. What it throws, commit() throws. Only the
    /// first call does something.
    static void write(Staged& staged, const std::function<PublishRequest()>& fill);
    /// Waits for write() to end.
    Revision commit(Staged& staged, const std::function<void()>& fence);
    bool staging() const;
    /// The database file.
    std::string file() const;
    /// Puts into the database file what commits have left in its log (WAL). Any thread.
    static void checkpoint(const std::string& file);
    /// Gives back the memory that only makes the next access quicker.
    void shrink();

    /// Commits that a publish does not take place, for the `reasons`: every server forgets it then
    /// (kind "refusal", meta "reasons"). Its changes are not read.
    Revision refuse(const PublishRequest& what, const std::vector<std::string>& reasons,
                    const std::function<void()>& fence);
    /// Commits a change of role.
    Revision begin_term(const Term& term);
    /// Deletes the records of revision `up_to` and older for good, as a revision of its own that
    /// makes every replica do the same (SE-6). What the objects are now is not touched. A replica
    /// that still needed one of them takes a full copy. Throws when `up_to` is not below the
    /// newest revision; `fence` as for publish().
    Revision purge(uint64_t up_to, const std::string& by, const std::function<void()>& fence);
    /// The revision to purge up to so that the records after it, with their undo, take no more than nine
    /// tenths of `bytes`; 0 when the whole log is not larger than `bytes`.
    uint64_t purge_point(uint64_t bytes) const;
    /// What publishing would bring the content back to how it was at revision `rev`: one change per
    /// object that differs. Throws Error(object_not_found) when the log does not reach back so far.
    std::vector<Change> changes_back_to(uint64_t rev) const;

    std::optional<Revision> revision(uint64_t rev) const;
    /// Newest first, without payload, below revision `below`.
    std::vector<Revision> revisions(uint64_t below, size_t limit) const;
    /// The session uid was published, or refused (Revision::kind): its revision.
    std::optional<uint64_t> revision_of_session(const Uid& session) const;
    /// It was published.
    bool published(const Uid& session) const;

    // ---- replication ----

    /// Records from `from` on, oldest first, until `max_bytes` of payload are reached (at least
    /// one). Empty when there is none, or when the log no longer reaches back to `from`.
    std::vector<Revision> records(uint64_t from, size_t max_bytes) const;
    /// Oldest revision whose payload is still kept.
    uint64_t oldest_record() const;
    /// Applies records of the Active in one transaction. Each must follow the one before (chain
    /// hash) and give the digest it carries, otherwise Error(internal) naming the revision and
    /// nothing is applied. Records that are here already are skipped.
    void apply(const std::vector<Revision>& records);
    /// The records after `rev`, oldest first, with undo: what a diverged server parks.
    std::vector<Revision> tail(uint64_t rev) const;
    /// Takes back everything after `rev`. Checks the digest recorded there; throws
    /// Error(internal) and changes nothing when it does not come out.
    void undo_to(uint64_t rev);
    /// Writes a compact copy of the database to `path` (must not exist); returns its position.
    /// May run on another thread. Throws Error(damaged) when a record of the log is: then there is no copy
    /// that anybody should have, and the damage is noticed (take_damage_notice).
    Position copy_to(const std::string& path) const;
    /// Makes a proven copy (on the same file system, taken over) the live generation. Throws
    /// Error(internal) and keeps the old one when that cannot be done. `keep` is called before
    /// anything is replaced, with the newest revision that the copy has too: what is newer is lost
    /// when it does not keep it (tail()). When the log here does not reach back to there, that is not all of
    /// it: the whole old database is kept then, and its folder returned (otherwise nothing).
    std::string adopt(const ProvenCopy& copy, const std::function<void(uint64_t common_rev)>& keep = {});
    /// The folders of databases that adopt() kept here and nobody has removed since.
    std::vector<std::string> replaced() const;

    // ---- damage (replication.md 6; verify.cc, repair.cc) ----

    /// Rows with their content and revision, for a replica that lost them; a row that is damaged here
    /// is left out. Uids that are not here come back as removals.
    std::vector<Image> images_of(const std::vector<Uid>& uids) const;
    /// What repair() took.
    struct Repaired {
        size_t rows = 0, records = 0;
    };
    /// Replaces damaged rows and records in one transaction with those of a replica that is at
    /// revision `seen` of this history. Only what cannot be a matter of different positions is
    /// taken: a row with the revision that the row here has; a row that is missing here when the
    /// other is not behind, or when the log here has not touched it since; the absence of a row when the
    /// other is not ahead; a record whose hash
    /// is the one that the chain demands. Position, digest and chain stay as they are: verify()
    /// tells whether the content fits them again.
    Repaired repair(const Repair& repair, uint64_t seen);
    /// Makes rows that are missing or damaged anew from the log here, as far back as that is whole. Returns how
    /// many; verify() tells whether the content is what it should be then.
    size_t repair_from_log();
    /// Drops the records up to `up_to` on this server alone; the newest always stays. For a record that
    /// no server has whole any more: from now on nobody can go back beyond it anyway.
    void forget_records(uint64_t up_to);

    /// Predefined objects live in code: a reference to one of them is never dangling.
    void set_predefined(std::function<bool(const Uid&)> is_predefined);

    /// The reading connection, for list queries of lib/mgmt. Tables:
    ///   object(uid BLOB PRIMARY KEY, type TEXT, scope TEXT, name TEXT, rev INTEGER, hash BLOB,
    ///          doc TEXT), index object_type_name(type, name COLLATE NOCASE)
    ///   name(scope TEXT, folded TEXT, uid BLOB, PRIMARY KEY(scope, folded))
    ///   ref(dst BLOB, src BLOB, PRIMARY KEY(dst, src)), index on src
    SQLite::Database& db();

  private:
    struct Impl;
    explicit PublicDb(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<Impl> impl_;
};

}  // namespace mds::store
