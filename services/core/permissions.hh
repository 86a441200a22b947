#pragma once
#include <optional>
#include <string>

#include "mgmt/call.hh"

namespace mds::core {

/// What an administrator may do in one management database (management-api.md 9; security.md 7), in
/// the form that Workspace::open_session takes and the service that owns the data enforces:
/// {"read-write": bool, "areas": {"objects": "read", ...}, and one boolean per right:
/// "manage-sessions", "high-availability-operations", "mds-provisioning", "manage-admins",
/// "manage-global-assignments", "approve-or-reject-sessions", "publish-sessions",
/// "install-policy", "run-scripts"}.
struct Permissions {
    json::object rights;
    /// The last word on the API's door, of the multi-domain profile and of the Domain's.
    bool api_login = true;
};

/// Everything, everywhere: the Multi-Domain Super User.
json::object all_rights();
/// The same for root on the host, who is no administrator; such a session has the right
/// k_root_right, which no profile gives.
inline constexpr char k_root_right[] = "root";
json::object root_rights();

/// `administrator` as seen by `call` on the system data. `domain` is nil for System Data.
/// Nothing when the administrator has no permission there at all.
std::optional<Permissions> permissions_in(mgmt::Call& call, const mgmt::View& administrator,
                                          const Uid& domain, bool global_domain);

/// Refuses that an administrator gives away, or takes over through an account, more than the
/// session's own rights: throws Error(no_permissions) when `profile`, the document of an
/// md-permissions-profile, has a right that the session has not.
void require_no_more(const mgmt::Call& call, const json::object& profile);
/// The same for the profile of an administrator's document; none = nothing to refuse.
void require_no_more_than_own(mgmt::Call& call, const json::object& administrator);

/// What decides on the rights and the login of an administrator, as one text: it changes when they may have.
std::string rights_mark(mgmt::Call& call, const mgmt::View& administrator);

}  // namespace mds::core
