#pragma once
#include <string>

#include "app/daemon.hh"
#include "json/json.hh"
#include "mgmt/workspace.hh"
#include "server/config.hh"
#include "store/public_db.hh"

namespace mds::server {

/// {"incarnation","term-id","term","revision","hash","digest"} and back. from throws
/// mds::Error(validation_failed) for anything that is no position.
json::object position_to_json(const store::Position& position);
store::Position position_from_json(const json::object& o);

/// Where the copy of this name is made, in the folder of a Domain Server; mds-core takes it from there.
std::string content_copy_path(const std::string& folder, const Uid& name);
bool is_content_copy(const std::string& path);

/// Copies of what is published here, for the backup of one Domain (backup-domain). Publishing goes on: a copy
/// is one moment of the database.
class ContentCopies {
  public:
    ContentCopies(app::Daemon& daemon, mgmt::Workspace& workspace, store::PublicDb& db, const Config& config,
                  std::string folder);

    /// {"name": a uid, "user"} -> {"task-id"}. The details of the task that succeeded: one object, the
    /// position of the copy and its "schema". Whoever asked deletes the file; at the next start of this
    /// server it is gone anyway.
    json::object start(const json::object& request);

  private:
    app::Daemon& daemon_;
    mgmt::Workspace& workspace_;
    store::PublicDb& db_;
    const Config& config_;
    std::string folder_;
};

}  // namespace mds::server
