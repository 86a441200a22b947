#pragma once
#include <optional>
#include <string>

#include "mgmt/call.hh"

namespace mds::core {

/// The administrator that has this API key; nothing when nobody has.
std::optional<mgmt::View> owner_of_key(mgmt::Call& call, const std::string& key);
/// Throws Error(invalid_parameter) naming the parameter when the password is too short.
void check_password(const std::string& parameter, const std::string& password);
/// The credentials of an administrator's document with one of them ("password-hash", "api-keys")
/// replaced; the others stay.
json::object credentials_with(const json::object& administrator, const char* what,
                              json::value value);

}  // namespace mds::core
