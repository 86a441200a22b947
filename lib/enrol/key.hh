#pragma once
#include <string>
#include <string_view>

namespace mds::enrol {

/// The form of an activation key that both ends use: a generated key (16 Crockford base 32 digits)
/// in upper case without dashes and spaces, I and L read as 1, O as 0; any other key as typed.
std::string normal_key(std::string_view key);
/// Throws mds::Error(invalid_parameter) when the key breaks K-1: 8 to 128 printable ASCII
/// characters, not one that is tried first.
void check_key(std::string_view key);
/// A new key: 4 groups of 4, 80 random bits.
std::string generate_key();
/// The scalar that SPAKE2 wants: scrypt of the normal form (section 1.2, step 1). Takes about 0.15 s
/// and 33 MiB.
std::string key_scalar(std::string_view key, std::string_view salt);

/// Names of the two ends in SPAKE2.
inline constexpr char k_initiator[] = "mds-enrol/1 initiator";
inline constexpr char k_responder[] = "mds-enrol/1 responder";

}  // namespace mds::enrol
