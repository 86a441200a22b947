#pragma once
#include <string>
#include <vector>

#include "json/json.hh"

namespace mds::core {

/// Whether administrators may log in from this address (as mds-api says it; empty: on this host):
/// one of the trusted-client objects covers it, or there is none. Loopback always may.
bool is_trusted(const std::vector<json::object>& clients, const std::string& from);

}  // namespace mds::core
