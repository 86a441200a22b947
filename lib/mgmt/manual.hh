#pragma once
#include <string>
#include <string_view>

#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

/// The parameters of a command as show-commands tells them at details-level full and the manual
/// prints them: [{"name","type","required","default","values","parameters","meaning"}]. From the
/// definition of the type for add-<type> and set-<type>; for every other command what it accepts.
/// Nothing when a command does not say what it accepts.
std::optional<json::array> parameters_of(WorkspaceImpl& impl, const std::string& command);

}  // namespace mds::mgmt
