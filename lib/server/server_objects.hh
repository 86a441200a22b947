#pragma once
#include <optional>
#include <string>
#include <vector>

#include "mgmt/servers.hh"
#include "mgmt/workspace.hh"
#include "repl/replica.hh"
#include "server/config.hh"

namespace mds::server {

/// The objects that stand for the Domain's servers in its own database (mgmt/servers.hh): the Active
/// keeps them, says what uses them, and lets nobody delete one whose server works.
class ServerObjects {
  public:
    ServerObjects(mgmt::Workspace& workspace, repl::Replica& replica, const Config& config);
    /// Looks whether anything is to be done; cheap when neither content nor servers have changed.
    void tick();
    /// mgmt::server_objects_state() of the Active; empty elsewhere.
    json::object state() const;
    /// Refuses changes of these objects that are not the administrators' to make (RF-16, RF-17).
    void check(const std::vector<store::Change>& changes) const;
    /// The command show-gateway-managers (RD-8).
    json::object gateway_managers(mgmt::Call& call) const;

  private:
    std::vector<mgmt::ServerFacts> servers() const;
    bool active() const;
    /// The peer with this uid answers.
    bool answers(const Uid& server) const;
    void check_removal(const Uid& server) const;

    mgmt::Workspace& workspace_;
    repl::Replica& replica_;
    const Config& config_;
    /// What was looked at last: position, servers.
    std::string seen_;
    std::string told_;
    bool keeping_ = false;
    /// state() as it was for `state_of_`.
    mutable std::string state_of_;
    mutable json::object state_;
};

}  // namespace mds::server
