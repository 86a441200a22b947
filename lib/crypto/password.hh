#pragma once
#include <string>
#include <string_view>

namespace mds::crypto {

/// A yescrypt hash of an administrator's password with a fresh salt, in crypt(5) form ("$y$...").
/// `cost` 7 takes about 0.1 s and 64 MiB: call it on a worker thread, few at a time (T-22).
/// Throws mds::Error(invalid_parameter) for a password with a NUL byte or above 512 bytes.
std::string hash_password(std::string_view password, unsigned cost = 7);

/// Whether `password` gives `hash`. Any crypt(5) method of this system is understood, because setup
/// accepts hashes that were made elsewhere. False for a hash that is not understood. As slow as
/// the hash says.
bool verify_password(std::string_view password, std::string_view hash);

/// Whether `hash` looks like a crypt(5) hash of an accepted method: yescrypt, scrypt, bcrypt or
/// SHA-512 ("$y$", "$gy$", "$7$", "$2b$", "$6$").
bool is_password_hash(std::string_view hash);

}  // namespace mds::crypto
