#pragma once
// What public_db.cc (objects, publish) and history.cc (log, replication) share.
#include <sqlite3.h>

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/error.hh"
#include "store/codec.hh"
#include "store/generation.hh"
#include "store/hash.hh"
#include "store/public_db.hh"

namespace mds::store {

/// A prepared statement that is reset when the user is done with it.
class Use {
  public:
    explicit Use(SQLite::Statement& statement) : statement_(statement) { statement_.tryReset(); }
    ~Use() {
        statement_.tryReset();
        statement_.clearBindings();
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;
    SQLite::Statement* operator->() { return &statement_; }
    SQLite::Statement& operator*() { return statement_; }

  private:
    SQLite::Statement& statement_;
};

inline void bind_blob(SQLite::Statement& s, int index, std::string_view bytes) {
    s.bind(index, bytes.data(), static_cast<int>(bytes.size()));
}
inline void bind_text(SQLite::Statement& s, int index, std::string_view text) {
    s.bind(index, std::string(text));
}
inline std::string blob(SQLite::Statement& s, int index) {
    auto column = s.getColumn(index);
    return {static_cast<const char*>(column.getBlob()), static_cast<size_t>(column.getBytes())};
}
inline Uid uid_column(SQLite::Statement& s, int index) {
    auto uid = Uid::from_bytes(blob(s, index));
    return uid ? *uid : Uid{};
}

/// A connection and its prepared statements; made anew at a switch of generation. One writes and
/// sees its own open transaction; the other only reads what is committed.
struct Live {
    enum class Access { write, read };
    Live(const std::string& path, Access access);
    std::unique_ptr<SQLite::Database> database;
    /// Puts on the disk what a process that was killed had written and not flushed: it is read as
    /// committed, and others are told of it.
    void make_durable();
    /// The prepared form of a fixed SQL text, made at first use.
    SQLite::Statement& sql(const char* text);

  private:
    std::map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
};

/// The first record in the log of an open database that is not what its hash says or does not follow the
/// one before (verify.cc); 0: none.
uint64_t damaged_record(SQLite::Database& database);
/// `hash` of a record, computed from everything else in it.
Hash chain_hash_of(Hasher& hasher, const Revision& record);
/// Version of the documents of an open database.
uint32_t schema_of(SQLite::Database& database);
/// The newest revision of an open database.
Position position_of(SQLite::Database& database);
/// A row of the columns that history.cc selects, in their order.
Revision read_revision(SQLite::Statement& s, bool with_payload, bool with_undo);
/// The refusal of a publish: one line per problem.
Error refused(std::vector<std::string> problems);

struct PublicDb::Staged {
    enum class Step { waiting, writing, done };

    PublishRequest request;
    Impl* impl = nullptr;
    std::unique_ptr<SQLite::Transaction> transaction;
    Revision record;
    Digest digest_before;
    std::mutex mutex;
    std::condition_variable changed;
    Step step = Step::waiting;
    /// Set by the database's thread: somebody who cannot wait needs to write.
    std::atomic<bool> given_up = false;
    std::exception_ptr error;
};

struct PublicDb::Impl {
    Impl(const std::string& root, const std::vector<Migration>& all)
        : folder(root), generations(root), steps(all) {
        open();
    }
    ~Impl() { make_way(); }

    void open();
    void load();
    /// A statement of the writing connection resp. of the reading one.
    SQLite::Statement& sql(const char* text) { return live->sql(text); }
    SQLite::Statement& look(const char* text) { return reader->sql(text); }
    /// Every writer but the publish itself: takes back a publish that is under way.
    void make_way();
    /// The work of a publish, in its transaction, up to the commit.
    void write_publish(Staged& job);
    /// Number of rows by type; counted when first asked for, then kept by every commit.
    const std::map<std::string, uint64_t>& counted();
    void keep_counts();
    /// Runs `body` as one write transaction; when it does not end well, nothing has changed. A full
    /// disk is an Error then: another try may succeed. After anything else that a disk does nothing
    /// is written any more (failure).
    template <class Body>
    auto transact(Body&& body);
    /// Throws what a failure of the disk means to the caller of a write.
    [[noreturn]] void failed(const SQLite::Exception& e);

    /// Phase 1 and 2 of replication.md 3: takes the touched rows out, puts the new ones in, keeps
    /// the digest, returns the before-images. Names and references are checked only when
    /// `problems` is given (publish on the Active); a replica proves the result by its digest.
    std::vector<Image> write_changes(const std::vector<Change>& changes, uint64_t rev,
                                     std::vector<std::string>* problems,
                                     const std::atomic<bool>* stop = nullptr);
    /// Puts rows back as `images` say, with their old revision.
    void restore(const std::vector<Image>& images);
    void check_references(const std::vector<Change>& changes, std::vector<std::string>& problems);
    /// By the writing connection: with what its open transaction has done.
    std::optional<Object> row(const Uid& uid) { return row(*live, uid); }
    std::optional<Object> row(Live& by, const Uid& uid);
    /// Takes a row out with its name and references; nullopt when there is none. Throws Code::damaged
    /// when it is not what its hash says.
    std::optional<Object> take_row(const Uid& uid);
    bool put_row(const Change& change, uint64_t rev, std::string* taken_by);
    Hash row_hash(const Change& change);
    void insert_revision(const Revision& record);
    void insert_term(const Term& term);
    void put_meta(const char* key, std::string_view value);
    /// Appends the record that begins `wanted`, and its row.
    Revision write_term(const Term& wanted);
    /// The newest record is this one, committed.
    void stand_at(const Revision& newest);
    /// A record of the next revision of the newest term, without content.
    Revision next_record(const std::string& kind, const std::string& by) const;
    /// Completes the record by digest and hash, and stores it.
    void append(Revision& record);
    /// Deletes what a record of the kind "purge" says.
    void purge(const Revision& record);
    /// Does what a record of the kind "schema" says; returns the before-images.
    std::vector<Image> migrate(const Revision& record);
    void write_schema(uint32_t version);
    Hash chain_hash(const Revision& record) { return chain_hash_of(hasher, record); }
    std::string describe(const Uid& uid);
    /// Does `act`, which puts rows and records back, in one transaction; the digest stays what it was.
    void mend(const std::function<void()>& act);
    void replace_row(const Image& image);
    /// The changes of the revisions after `after`, newest first. False when the log does not have all of
    /// them; some have been told then.
    bool last_changes(uint64_t after, const std::function<void(const Image&)>& with);
    void rebuild_indexes();
    /// A compact copy of the database as a file.
    void write_copy(const std::string& path) const;

    /// The newest revision here that a copy has too, as far as its log and its terms tell (the newest
    /// one when it is a copy of another history).
    uint64_t common_with(SQLite::Database& copy);

    std::string folder;
    Generations generations;
    const std::vector<Migration>& steps;
    uint32_t schema = 1;
    std::string set_aside, failure;
    /// Set by whichever thread comes upon it.
    std::atomic<bool> damage_noticed = false;
    std::unique_ptr<Live> live, reader;
    std::shared_ptr<Staged> staged;
    Hasher hasher;
    std::string digest_key;
    Uid incarnation;
    Digest digest;
    /// What the open transaction adds to `counts`; both as of the last commit otherwise.
    std::map<std::string, int64_t> more;
    std::optional<std::map<std::string, uint64_t>> counts;
    Position position;
    std::vector<Term> terms;
    std::function<bool(const Uid&)> is_predefined;
};

template <class Body>
auto PublicDb::Impl::transact(Body&& body) {
    make_way();
    if (!failure.empty()) throw std::runtime_error(failure);
    Digest before = digest;
    auto forget = [&] {
        digest = before;
        more.clear();
    };
    try {
        SQLite::Transaction transaction(*live->database, SQLite::TransactionBehavior::IMMEDIATE);
        auto result = body();
        transaction.commit();
        keep_counts();
        return result;
    } catch (const SQLite::Exception& e) {
        forget();
        failed(e);
    } catch (...) {
        forget();
        throw;
    }
}

}  // namespace mds::store
