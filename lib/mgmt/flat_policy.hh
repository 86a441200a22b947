#pragma once
#include "mgmt/call.hh"

namespace mds::mgmt {

/// Type of the objects that hold what was installed on a gateway last; for no eyes but the gateway's.
inline constexpr char k_installed_policy[] = "installed-policy";

/// The uid of the installed policy of a gateway.
Uid installed_uid(const Uid& gateway);

/// A package as a gateway needs it, whole and without a question left (LS-7): {"package","layers":[{"name",
/// "rules":[{"rule-number", ..., "inline-layer": position in "layers"}]}],"nat-rules":[...],"objects":{uid: object}}.
/// Rules in the order in which the first match counts: the global ones around the Domain's own (GA-1), disabled
/// ones and those that are not installed on `gateway` left out. Objects are what rules name, and what these name.
json::object flat_policy(Call& published, const View& package, const View& gateway);

}  // namespace mds::mgmt
