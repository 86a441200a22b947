#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <list>
#include <map>
#include <string>

#include "archive.hh"

namespace mds::backup {

/// The state of this server at one moment. Services go on meanwhile: databases are kept as they were by
/// a read transaction each, other files are small and read at once.
class Snapshot {
  public:
    /// Keeps the present state.
    Snapshot();
    /// Copies it below `staging`. The audit trail becomes a text file of its own in logs/, or is left
    /// out (BK-6).
    std::map<std::string, Entry> copy(const std::string& staging, bool logs);

  private:
    struct Database {
        std::string path, source;
        SQLite::Database database;
    };
    void walk(const std::string& folder, const std::string& prefix);
    /// Keeps a database as it is now.
    void pin(const std::string& path, const std::string& source);
    void keep_text(const std::string& path, const std::string& source, Entry entry);
    /// The audit trail of a work.db that was copied; emptied there.
    void take_audit(const std::string& copied, const std::string& path, const std::string& staging,
                    bool logs, std::map<std::string, Entry>& entries);

    std::map<std::string, Entry> entries_;
    std::map<std::string, std::string> texts_;
    std::list<Database> databases_;
};

}  // namespace mds::backup
