#pragma once
#include "mgmt/workspace.hh"
#include "server/server.hh"

namespace mds::server {

/// Registers the High Availability commands of a Domain (management-api.md 9): show-ha-state,
/// show-ha-status, set-ha-state, ha-full-sync, make-server-active.
void register_ha_commands(Server& server);
/// Reply of show-ha-status, also for the system data.
json::object show_ha_status(Server& server);

}  // namespace mds::server
