#pragma once
#include <string>
#include <vector>

namespace mds {

/// "Primary Multi-Domain Server" of "primary", "secondary", "log-server"; another word as it is.
std::string role_title(const std::string& role);
/// What RF-03 says to somebody who gave these roles for a machine: none, or more than one, or another word.
std::string one_role_needed(const std::vector<std::string>& given);
/// What RF-04 says: a server of this role joins a deployment and needs the key for that.
std::string key_needed(const std::string& role);

}  // namespace mds
