#pragma once
#include <string>
#include <vector>

#include "mgmt/workspace.hh"
#include "repl/replica.hh"
#include "server/config.hh"

namespace mds::server {

/// install-database to servers of the Domain (PR-7): what is published reaches them by synchronization, so a
/// target is done when it has the newest revision; a task for each says so, or why it does not.
class DatabaseInstalls {
  public:
    DatabaseInstalls(mgmt::Workspace& workspace, repl::Replica& replica, const Config& config);

    /// The command; targets that are no servers of this Domain are gateways and left to the workspace.
    json::object start(mgmt::Call& call);
    void tick();
    bool waiting() const { return !waiting_.empty(); }

  private:
    struct Waiting {
        Uid task, mds;
        std::string name;
        uint64_t revision = 0;
        int64_t until_ms = 0;
    };
    /// Nil: no server of this Domain.
    Uid server_named(const std::string& name) const;
    void done(const Waiting& w, uint64_t revision);

    mgmt::Workspace& workspace_;
    repl::Replica& replica_;
    const Config& config_;
    std::vector<Waiting> waiting_;
};

}  // namespace mds::server
