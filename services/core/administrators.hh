#pragma once
#include <optional>
#include <string>

#include "mgmt/call.hh"

namespace mds::core {

/// The authentication-method of those who log in with a certificate of the deployment's authority (IC-2).
inline constexpr char k_by_certificate[] = "certificate";

/// Whether an administrator logs in so.
bool by_certificate(const mgmt::View& administrator);
/// Throws Error(invalid_parameter) naming the parameter when this is no request (PEM) that can be signed.
void check_certificate_request(const std::string& parameter, const std::string& pem);
/// The administrator of the parameters `admin-uid` or `admin-name`; throws when it is missing, unknown or has
/// more rights than the session.
mgmt::View named_administrator(mgmt::Call& call);

/// The administrator that has this API key; nothing when nobody has.
std::optional<mgmt::View> owner_of_key(mgmt::Call& call, const std::string& key);
/// Throws Error(invalid_parameter) naming the parameter when the password is too short.
void check_password(const std::string& parameter, const std::string& password);
/// Puts an administrator with one of the credentials replaced.
void put_credential(mgmt::Call& call, const mgmt::View& administrator, const char* what, json::value value);
/// The credentials of an administrator's document with one of them ("password-hash", "api-keys")
/// replaced; the others stay.
json::object credentials_with(const json::object& administrator, const char* what,
                              json::value value);

}  // namespace mds::core
