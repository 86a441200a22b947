#pragma once
#include <vector>

#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

/// The newest published sessions, from the log of revisions.
std::vector<Session> published_sessions(WorkspaceImpl& impl);
/// A date parameter ("2017-02-01T08:20:50", "2017-02-01T08:20" or "2017-02-01", UTC) in ms;
/// `otherwise` when it is absent. Throws Error(invalid_parameter).
int64_t date_from(Call& call, const char* name, int64_t otherwise);
/// The same of a value, or of {"posix": ms} or {"iso-8601": text}; nothing when it is none.
std::optional<int64_t> date_of(const json::value& value);
json::object show_last_published(WorkspaceImpl& impl, Call& call);
json::object show_changes(WorkspaceImpl& impl, Call& call);

}  // namespace mds::mgmt
