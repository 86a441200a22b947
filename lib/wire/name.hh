#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hh"

namespace mds::wire {

/// The one URI name of a server certificate:
/// mds://<name>.servers.<deployment>.mds.internal/server/<uuid> (K-9).
struct ServerUri {
    std::string name, deployment;
    Uid uid;
};

/// Nothing for any other text, one with a NUL byte or a wildcard too.
std::optional<ServerUri> parse_server_uri(std::string_view text);

}  // namespace mds::wire
