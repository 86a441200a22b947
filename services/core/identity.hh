#pragma once
#include <optional>
#include <string>

#include "base/ids.hh"
#include "json/json.hh"

namespace mds::core {

/// Who this machine is (identity.json): written by setup, completed when trust is established.
struct Identity {
    /// "primary", "secondary", "log-server".
    std::string role, name, address, interface;
    /// Known from setup on (primary) or from enrolment on.
    std::string deployment_name, deployment_id;
    Uid uid;
    /// The members that enrolment told: [{"uid","name","address","role"}].
    json::array members;

    bool joined() const { return !uid.is_nil() && !deployment_id.empty(); }
    bool log_server() const { return role == "log-server"; }

    static std::optional<Identity> load(const std::string& folder);
    void save(const std::string& folder) const;
};

}  // namespace mds::core
