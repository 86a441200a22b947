#pragma once
#include "mgmt/workspace.hh"
#include "server/server.hh"

namespace mds::server {

/// Registers the High Availability commands of a Domain (management-api.md 9): show-ha-state,
/// show-ha-status, set-ha-state, ha-full-sync, make-server-active.
void register_ha_commands(Server& server);

}  // namespace mds::server
