#include "mgmt/work_db.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <sqlite3.h>
#include <unistd.h>

namespace mds::mgmt {
namespace {

constexpr const char* k_schema = R"(
CREATE TABLE IF NOT EXISTS session(uid BLOB PRIMARY KEY, sid_hash BLOB, user TEXT NOT NULL,
  user_uid BLOB, state TEXT NOT NULL, connected INTEGER NOT NULL, read_only INTEGER NOT NULL,
  info TEXT NOT NULL, permissions TEXT NOT NULL, timeout_s INTEGER NOT NULL,
  created_ms INTEGER, login_ms INTEGER, logout_ms INTEGER, last_use_ms INTEGER,
  publish_ms INTEGER, changes INTEGER, expired INTEGER);
CREATE INDEX IF NOT EXISTS session_state ON session(state, publish_ms);
CREATE TABLE IF NOT EXISTS overlay(session BLOB NOT NULL, uid BLOB NOT NULL, op INTEGER NOT NULL,
  type TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, doc TEXT NOT NULL,
  base_rev INTEGER NOT NULL, base_type TEXT NOT NULL, base_name TEXT NOT NULL, base_doc TEXT,
  PRIMARY KEY(session, uid)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS overlay_member(session BLOB NOT NULL, uid BLOB NOT NULL,
  seq INTEGER NOT NULL, adds INTEGER NOT NULL, member BLOB NOT NULL, time_ms INTEGER NOT NULL,
  user TEXT NOT NULL, PRIMARY KEY(session, uid, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lock(uid BLOB PRIMARY KEY, session BLOB NOT NULL,
  since_ms INTEGER NOT NULL, by_hand INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS task(id BLOB PRIMARY KEY, name TEXT NOT NULL, target TEXT NOT NULL,
  initiator TEXT NOT NULL, status TEXT NOT NULL, percent INTEGER NOT NULL,
  description TEXT NOT NULL, comments TEXT NOT NULL, start_ms INTEGER NOT NULL,
  update_ms INTEGER NOT NULL, details TEXT NOT NULL, resumable INTEGER NOT NULL, session BLOB);
CREATE INDEX IF NOT EXISTS task_start ON task(start_ms);
CREATE TABLE IF NOT EXISTS audit(id INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL,
  user TEXT NOT NULL, ip TEXT NOT NULL, application TEXT NOT NULL, operation TEXT NOT NULL,
  subject TEXT NOT NULL, status TEXT NOT NULL, message TEXT NOT NULL, session BLOB,
  session_name TEXT NOT NULL, domain TEXT NOT NULL, hash BLOB);
CREATE TABLE IF NOT EXISTS audit_chain(one INTEGER PRIMARY KEY CHECK(one=1), chain BLOB NOT NULL,
  base_id INTEGER NOT NULL, base_hash BLOB NOT NULL, probe INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS witness(mds TEXT NOT NULL, log TEXT NOT NULL, chain TEXT NOT NULL,
  id INTEGER NOT NULL, hash TEXT NOT NULL, time_ms INTEGER NOT NULL, heard_ms INTEGER NOT NULL,
  key BLOB NOT NULL, signature BLOB NOT NULL, PRIMARY KEY(mds, log, chain, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used_code(administrator TEXT PRIMARY KEY, step INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS audit_time ON audit(time_ms);
CREATE INDEX IF NOT EXISTS task_running ON task(start_ms) WHERE status='in progress';
CREATE TABLE IF NOT EXISTS parked(term_id BLOB, rev INTEGER, record BLOB, undo BLOB, author TEXT,
  session_name TEXT, time_ms INTEGER, handed_over INTEGER, origin TEXT, PRIMARY KEY(term_id, rev));
)";

/// A column that a file made by an older version does not have.
void add_column(SQLite::Database& db, const std::string& table, const std::string& column) {
    SQLite::Statement s(db, "SELECT 1 FROM pragma_table_info(?) WHERE name=?");
    s.bind(1, table);
    s.bind(2, column);
    if (!s.executeStep()) db.exec("ALTER TABLE " + table + " ADD COLUMN " + column + " TEXT");
}

}  // namespace

WorkDb::WorkDb(const std::string& path)
    : database_(std::make_unique<SQLite::Database>(
          path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX)) {
    database_->setBusyTimeout(5000);
    // One process, one connection, one thread: no locks per command.
    database_->exec("PRAGMA locking_mode=EXCLUSIVE");
    database_->exec("PRAGMA journal_mode=WAL");
    // NORMAL: no flush per keystroke (replication.md 4); what matters is in public.db.
    database_->exec("PRAGMA synchronous=NORMAL");
    database_->exec("PRAGMA temp_store=MEMORY");
    database_->exec("PRAGMA secure_delete=FAST");
    database_->exec("PRAGMA wal_autocheckpoint=4000");
    // What a process that was killed had written and not flushed is read as if it were on the disk: it has
    // to be, before anything is done because of it (a parked publish is taken back then).
    try {
        database_->exec("PRAGMA wal_checkpoint(PASSIVE)");
    } catch (const SQLite::Exception& e) {
        // A full disk stops the copying of pages, not the flush before it.
        if (e.getErrorCode() != SQLITE_FULL) throw;
    }
    database_->exec(k_schema);
    add_column(*database_, "overlay", "base_doc");
    add_column(*database_, "parked", "origin");
    add_column(*database_, "audit", "hash");
}

WorkDb::Use WorkDb::sql(const char* text) {
    auto& slot = statements_[text];
    if (!slot) slot = std::make_unique<SQLite::Statement>(*database_, text);
    return Use(*slot);
}

std::function<void()> WorkDb::flush() {
    int64_t written = sqlite3_total_changes64(database_->getHandle());
    if (written == flushed_) return {};
    // The file that the name means now: flushing one that was replaced would keep nothing.
    struct stat open_one {}, named {};
    std::string path = database_->getFilename() + "-wal";
    if (log_ && (fstat(*log_, &open_one) != 0 || stat(path.c_str(), &named) != 0 ||
                 open_one.st_ino != named.st_ino)) {
        log_.reset();
    }
    if (!log_) {
        // SQLite holds no lock on this file that closing another descriptor of it would give up.
        int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
        if (fd < 0) return {};
        log_ = std::shared_ptr<int>(new int(fd), [](int* f) {
            close(*f);
            delete f;
        });
    }
    flushed_ = written;
    return [log = log_] {
        // Nothing can be done about a failure here: a checkpoint will meet it too and stop.
        if (fdatasync(*log) != 0) return;
    };
}

void WorkDb::copy_to(const std::string& path) {
    SQLite::Statement s(*database_, "VACUUM INTO ?");
    s.bind(1, path);
    s.exec();
}

WorkDb::Transaction::Transaction(WorkDb& work) : work_(work), outer_(!work.in_transaction_) {
    if (!outer_) return;
    work_.sql("BEGIN IMMEDIATE").exec();
    work_.in_transaction_ = true;
}

WorkDb::Transaction::~Transaction() {
    if (!outer_ || done_) return;
    work_.in_transaction_ = false;
    try {
        work_.sql("ROLLBACK").exec();
    } catch (const SQLite::Exception&) {
        // SQLite has rolled back by itself.
    }
}

void WorkDb::Transaction::commit() {
    if (!outer_ || done_) return;
    work_.sql("COMMIT").exec();
    done_ = true;
    work_.in_transaction_ = false;
}

}  // namespace mds::mgmt
