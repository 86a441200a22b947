#pragma once
#include <vector>

#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

/// The newest published sessions, from the log of revisions.
std::vector<Session> published_sessions(WorkspaceImpl& impl);
json::object show_last_published(WorkspaceImpl& impl, Call& call);
json::object show_changes(WorkspaceImpl& impl, Call& call);

}  // namespace mds::mgmt
