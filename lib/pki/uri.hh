#pragma once
#include <string>
#include <string_view>

namespace mds::pki {

/// The one URI name of every certificate (K-9):
/// `mds://<name>.<scope>.<deployment>.mds.internal/<kind>/<uuid>`.
struct Uri {
    /// Short name as a host label: for people; never compared.
    std::string name;
    /// "servers" or the uuid of a Domain; "deployment" for the root itself.
    std::string scope;
    /// Id of the deployment.
    std::string deployment;
    /// "server", "sealing", "console", "domain-server", "gateway", "administrator", "authority".
    std::string kind;
    std::string uuid;

    std::string text() const;
    /// Throws mds::Error(forbidden) for any other form: wildcards, upper case, NUL, user names,
    /// ports, further path, queries.
    static Uri parse(std::string_view text);
    bool operator==(const Uri&) const = default;
};

/// A name as a host label: lower case, other characters than letters, digits and dash become dashes,
/// 63 at most; "x" when nothing is left.
std::string label(std::string_view name);

}  // namespace mds::pki
