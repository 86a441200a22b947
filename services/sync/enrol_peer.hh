#pragma once
#include <string>

#include "json/json.hh"

namespace mds::sync {

/// Sync1.Enrol: enrols the machine that the request names and has its certificates signed by mds-ca.
/// Blocks (worker thread), with a bus connection of its own. `own_deployment` is this server's
/// deployment.json. Returns the answer's JSON; throws mds::Error with the refusal.
std::string enrol_peer(const json::object& request, const std::string& own_deployment);

}  // namespace mds::sync
