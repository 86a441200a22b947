#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hh"

namespace mds::mgmt {

/// work.db (replication.md 2): private sessions with their changes, locks, tasks, parked publishes.
/// Never replicated. WAL with synchronous=NORMAL and a flush about once a second: a power cut may
/// lose the last keystrokes of a private session, never a published revision.
///   session(uid BLOB PRIMARY KEY, sid_hash BLOB, user TEXT, state TEXT, ... )
///   overlay(session BLOB, uid BLOB, op, type, scope, name, doc, base_rev, ..., base_doc): base_doc
///     only in recovered sessions, the document before the parked publish ("" = there was none)
///   overlay_member(session, uid, seq, adds, member, ...): memberships edited one by one
///   lock(uid BLOB PRIMARY KEY, session BLOB, since_ms, by_hand)
///   task(id BLOB PRIMARY KEY, ...)
///   audit(id INTEGER PRIMARY KEY, time_ms, user, ip, application, operation, subject, status,
///   ...):
///          what administrators did, in order; with audit_chain: audit_chain.hh
///   witness(mds, log, chain, id, ...): heads of the trails of other servers (witness.hh)
///   parked(term_id BLOB, rev INTEGER, record BLOB, undo BLOB, author TEXT, session_name TEXT,
///          time_ms INTEGER, handed_over INTEGER, origin TEXT, PRIMARY KEY(term_id, rev)):
///          parked.hh
class WorkDb {
  public:
    /// Opens or makes the file.
    explicit WorkDb(const std::string& path);

    /// A prepared statement while somebody uses it. One that was left in the middle of its rows would
    /// hold a read transaction open, and no checkpoint would ever give the log's space back.
    class Use {
      public:
        explicit Use(SQLite::Statement& statement) : statement_(statement) {}
        ~Use() {
            statement_.tryReset();
            statement_.clearBindings();
        }
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        operator SQLite::Statement&() { return statement_; }
        template <class... Arguments>
        void bind(Arguments&&... arguments) {
            statement_.bind(std::forward<Arguments>(arguments)...);
        }
        template <class... Arguments>
        void bindNoCopy(Arguments&&... arguments) {
            statement_.bindNoCopy(std::forward<Arguments>(arguments)...);
        }
        int exec() { return statement_.exec(); }
        bool executeStep() { return statement_.executeStep(); }
        SQLite::Column getColumn(int index) { return statement_.getColumn(index); }

      private:
        SQLite::Statement& statement_;
    };

    SQLite::Database& db() { return *database_; }
    /// The prepared form of a fixed SQL text (a string literal), made at first use.
    Use sql(const char* text);
    /// Puts what was written since the last one on the disk; for another thread, because a flush may
    /// take long. Empty: nothing was written.
    std::function<void()> flush();

    /// Writes what it holds now into a file of its own: nobody else can read the database while it is
    /// open. Not inside a transaction.
    void copy_to(const std::string& path);

    /// One transaction per command; nested use joins the outer one. Rolled back unless commit().
    class Transaction {
      public:
        explicit Transaction(WorkDb& work);
        ~Transaction();
        Transaction(const Transaction&) = delete;
        Transaction& operator=(const Transaction&) = delete;
        void commit();

      private:
        WorkDb& work_;
        bool outer_ = false, done_ = false;
    };

  private:
    std::unique_ptr<SQLite::Database> database_;
    std::map<const char*, std::unique_ptr<SQLite::Statement>> statements_;
    bool in_transaction_ = false;
    /// The file of the log, for flush(); rows written when it was last asked for.
    std::shared_ptr<int> log_;
    int64_t flushed_ = 0;
};

}  // namespace mds::mgmt
