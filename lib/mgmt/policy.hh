#pragma once
#include "mgmt/call.hh"

namespace mds::mgmt {

/// What every Domain starts with (management-api.md 15): package "Standard" with the layer
/// "Network", which has one Cleanup rule.
void add_standard_policy(Call& call);

}  // namespace mds::mgmt
