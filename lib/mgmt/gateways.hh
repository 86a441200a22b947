#pragma once
#include <string>
#include <vector>

#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

/// A gateway or server by uid or name: simple-gateway or checkpoint-host. Throws object_not_found,
/// or type_wrong for an object of another type.
View gateway_named(Call& call, const std::string& uid_or_name);
/// The list `targets` of the parameters, each once; throws when it is missing or empty.
std::vector<View> targets_of(Call& call);
/// "uninitialized", "communicating", "not-communicating", "unknown" (trusted, and not here lately).
std::string sic_status(WorkspaceImpl& impl, const View& gateway);
bool has_trust(const View& gateway);
/// Why nothing can be run on the gateway from here, and what to do.
std::string gateway_problem(const View& gateway);
/// Item of task-details for a target that failed.
json::object failed_target(const View& gateway, const std::string& why);
/// A task that has failed on the gateway before it began.
Uid failed_gateway_task(WorkspaceImpl& impl, Call& call, const std::string& name,
                        const View& gateway, const std::string& why);

}  // namespace mds::mgmt
