#pragma once
#include "json/json.hh"

namespace mds::mgmt {

/// What a gateway would get with another policy, both as flat_policy makes them: [{"layer","type","uid","name",
/// "rule-number","change","fields"}]. `change` is "added", "removed", "changed", or "moved" for a rule whose place
/// among those that stay is another one; of a removed rule the number is the one it had. Rules come in their order,
/// layer by layer, then NAT rules (layer ""), then objects that rules name before and after.
json::array policy_changes(const json::object& before, const json::object& after);

}  // namespace mds::mgmt
