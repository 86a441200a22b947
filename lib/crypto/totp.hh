#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mds::crypto {

/// A random secret of 160 bits for one-time codes, in base32 without padding (RFC 4226, RFC 4648 section 6).
std::string new_totp_secret();

/// The step (30 s since 1970) whose code of 6 digits this is, of those at most one step from `now_ms` and later
/// than `after` (RFC 6238 sections 5.2 and 4; S-3); nothing for any other code. Throws mds::Error(internal) for a
/// secret that is none.
std::optional<int64_t> totp_step(std::string_view secret, std::string_view code, int64_t now_ms, int64_t after);

}  // namespace mds::crypto
