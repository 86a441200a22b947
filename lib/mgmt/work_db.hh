#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.hh"

namespace mds::mgmt {

/// work.db (replication.md 2): private sessions with their changes, locks, tasks, parked publishes.
/// Never replicated. WAL with synchronous=NORMAL: a power cut may lose the last keystrokes of a
/// private session, never a published revision.
///   session(uid BLOB PRIMARY KEY, sid_hash BLOB, user TEXT, state TEXT, ... )
///   overlay(session BLOB, uid BLOB, op, type, scope, name, doc, base_rev, ..., base_doc): base_doc
///     only in recovered sessions, the document before the parked publish ("" = there was none)
///   overlay_member(session, uid, seq, adds, member, ...): memberships edited one by one
///   lock(uid BLOB PRIMARY KEY, session BLOB, since_ms, by_hand)
///   task(id BLOB PRIMARY KEY, ...)
///   audit(id INTEGER PRIMARY KEY, time_ms, user, ip, application, operation, subject, status,
///   ...):
///          what administrators did, in order
///   parked(term_id BLOB, rev INTEGER, record BLOB, undo BLOB, author TEXT, session_name TEXT,
///          time_ms INTEGER, handed_over INTEGER, origin TEXT, PRIMARY KEY(term_id, rev)):
///          parked.hh
class WorkDb {
  public:
    /// Opens or makes the file.
    explicit WorkDb(const std::string& path);

    SQLite::Database& db() { return *database_; }
    /// The prepared form of a fixed SQL text (a string literal), made at first use, reset.
    SQLite::Statement& sql(const char* text);

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
};

}  // namespace mds::mgmt
