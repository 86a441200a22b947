#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "mgmt/call.hh"
#include "mgmt/work_db.hh"

namespace mds::core {

/// The one-time codes and recovery codes that an administrator has beside the password (S-3):
/// credentials.totp of his document, {"secret", "recovery": [SHA-256 of a code]}.
struct SecondFactor {
    std::string secret;
    json::array recovery;

    /// Nothing for who logs in with a password alone.
    static std::optional<SecondFactor> of(const json::object& administrator);
    json::object to_json() const { return {{"secret", secret}, {"recovery", recovery}}; }
    /// Takes a recovery code out; false when it is none of these. Letters may be small, dashes left out.
    bool take_recovery(const std::string& code);
};

/// What a client gave: the code by itself, or behind the password, as clients do that have no field for it.
struct GivenCode {
    std::string password, code;
    /// `code`: of the parameter one-time-code; empty = the last 6 digits of the password.
    static GivenCode split(const std::string& password, const std::string& code);
};

/// The newest step whose code each administrator has used, on this server or, as far as it was told, on
/// another one: no code is good twice.
class UsedCodes {
  public:
    explicit UsedCodes(mgmt::WorkDb& work) : work_(work) {}
    int64_t last(const Uid& administrator) const;
    /// Never goes back.
    void use(const Uid& administrator, int64_t step);

  private:
    mgmt::WorkDb& work_;
};

}  // namespace mds::core
