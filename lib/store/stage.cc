// A publish: staged, written, committed. The long part, writing, may run beside readers.
#include <fcntl.h>
#include <fmt/core.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/error.hh"
#include "json/json.hh"
#include "store/public_db_impl.hh"

namespace mds::store {
namespace {

/// So many changes make a publish long; whoever publishes them calls checkpoint() afterwards.
constexpr size_t k_large = 5001;
constexpr int k_checkpoint_pages = 4000;
constexpr const char* k_large_cache = "PRAGMA cache_size=-524288";
constexpr const char* k_usual_cache = "PRAGMA cache_size=-32768";

/// Puts what a transaction has written so far on the disk, so that its commit has little to flush.
void flush_log(SQLite::Database& database) {
    sqlite3_db_cacheflush(database.getHandle());
    int fd = ::open((database.getFilename() + "-wal").c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    // A failure shows again at the commit, which flushes what is left.
    (void)!fdatasync(fd);
    ::close(fd);
}

/// What is read from here on is the newest state, also in the middle of a command.
void end_reading(Live* reader) {
    if (reader && sqlite3_get_autocommit(reader->database->getHandle()) == 0) {
        reader->database->exec("COMMIT");
    }
}

void shrink_writer(Live& live) {
    live.database->exec(k_usual_cache);
    sqlite3_db_release_memory(live.database->getHandle());
}

}  // namespace

std::shared_ptr<PublicDb::Staged> PublicDb::stage() {
    Impl& db = *impl_;
    if (db.staged) throw Error(Code::publish_failed, "Another publish is under way.");
    if (!db.failure.empty()) throw std::runtime_error(db.failure);
    auto staged = std::make_shared<Staged>();
    staged->impl = &db;
    staged->digest_before = db.digest;
    db.more.clear();
    db.staged = staged;
    return staged;
}

bool PublicDb::staging() const {
    return impl_->staged != nullptr;
}

void PublicDb::Impl::write_publish(Staged& job) {
    const PublishRequest& request = job.request;
    // A page that is written out twice in one transaction makes the commit read all of the log
    // again for its checksums, so a long one keeps its pages until it is complete.
    if (request.changes.size() >= k_large) live->database->exec(k_large_cache);
    job.transaction = std::make_unique<SQLite::Transaction>(*live->database,
                                                            SQLite::TransactionBehavior::IMMEDIATE);
    Revision& r = job.record = next_record("publish", request.author);
    r.session = request.session;
    r.session_name = request.session_name;
    r.changes = static_cast<uint32_t>(request.changes.size());
    json::object meta{{"description", request.description}};
    if (!request.origin.is_nil()) {
        meta["origin"] = request.origin.text();
        meta["author-uid"] = request.author_uid.text();
    }
    r.meta = json::canonical(meta);
    std::vector<std::string> problems;
    std::vector<Image> before = write_changes(request.changes, r.rev, &problems, &job.given_up);
    check_references(request.changes, problems);
    if (!problems.empty()) throw refused(std::move(problems));
    r.undo = encode(before);
    before.clear();
    std::vector<Image> after;
    after.reserve(request.changes.size());
    for (Change& c : job.request.changes) after.push_back({std::move(c), 0});
    job.request.changes.clear();
    r.payload = compress(encode(after), r.codec);
    append(r);
}

void PublicDb::write(Staged& staged, const std::function<PublishRequest()>& fill) {
    {
        std::lock_guard lock(staged.mutex);
        if (staged.given_up || staged.step != Staged::Step::waiting) return;
        staged.step = Staged::Step::writing;
    }
    try {
        staged.request = fill();
        staged.impl->write_publish(staged);
        if (staged.record.changes >= k_large) flush_log(*staged.impl->live->database);
    } catch (...) {
        staged.error = std::current_exception();
    }
    std::lock_guard lock(staged.mutex);
    staged.step = Staged::Step::done;
    staged.changed.notify_all();
}

void PublicDb::Impl::make_way() {
    end_reading(reader.get());
    if (!staged) return;
    std::shared_ptr<Staged> gone = std::move(staged);
    std::unique_lock lock(gone->mutex);
    gone->given_up = true;
    gone->changed.wait(lock, [&] { return gone->step != Staged::Step::writing; });
    gone->transaction.reset();
    shrink_writer(*live);
    digest = gone->digest_before;
    more.clear();
    gone->impl = nullptr;
}

Revision PublicDb::commit(Staged& staged, const std::function<void()>& fence) {
    Impl& db = *impl_;
    {
        std::unique_lock lock(staged.mutex);
        staged.changed.wait(lock,
                            [&] { return staged.step == Staged::Step::done || !staged.impl; });
    }
    if (!staged.impl) {
        throw Error(Code::publish_failed,
                    "The publish was interrupted by a change of role. Nothing was published.")
            .refusal("", "show-ha-state, then publish again on the Active server");
    }
    try {
        if (staged.error) std::rethrow_exception(staged.error);
        if (fence) fence();
        // What a large one has put into the log goes into the file later, on another thread.
        sqlite3* handle = db.live->database->getHandle();
        if (staged.record.changes >= k_large) sqlite3_wal_autocheckpoint(handle, 0);
        staged.transaction->commit();
        sqlite3_wal_autocheckpoint(handle, k_checkpoint_pages);
    } catch (const SQLite::Exception& e) {
        db.make_way();
        db.failed(e);
    } catch (...) {
        db.make_way();
        throw;
    }
    if (staged.record.changes >= k_large) shrink_writer(*db.live);
    end_reading(db.reader.get());
    db.staged.reset();
    staged.transaction.reset();
    db.keep_counts();
    const Revision& r = staged.record;
    db.position = {db.incarnation, r.term_id, r.term_no, r.rev, r.hash, r.digest};
    return std::move(staged.record);
}

Revision PublicDb::publish(PublishRequest request, const std::function<void()>& fence) {
    if (fence) fence();
    auto staged = stage();
    write(*staged, [&] { return std::move(request); });
    return commit(*staged, fence);
}

std::string PublicDb::file() const {
    return impl_->generations.live();
}

void PublicDb::checkpoint(const std::string& file) {
    SQLite::Database own(file, SQLite::OPEN_READWRITE, 5000);
    own.exec("PRAGMA wal_checkpoint(PASSIVE)");
}

}  // namespace mds::store
