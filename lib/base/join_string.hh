#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace mds {

/// A join string (K-3): the activation key of one server and where that server is, as one word that can
/// be pasted. Made on the new server and pasted at the Primary, or the other way round; the protocol
/// is the one of typed keys.
struct JoinString {
    /// Where the new server waits: its address and the SIC port.
    std::string address;
    uint16_t port = 18211;
    /// Its short host name; a key works for this server only (K-4).
    std::string name;
    /// The activation key as it is set and typed: 32 hexadecimal digits.
    std::string key;
    /// Milliseconds since 1970.
    int64_t expires_ms = 0;

    /// With a new key of 128 bits, valid for `valid_ms` from now.
    static JoinString make(const std::string& name, const std::string& address, int64_t valid_ms);
    /// "mds1:" and base 64. Throws mds::Error(invalid_parameter) for an address that is none.
    std::string text() const;
    /// Throws mds::Error(invalid_parameter) for what is none, was cut off or mistyped, or is over.
    static JoinString parse(std::string_view text);
    /// Whether somebody means a join string, and not a key.
    static bool looks_like(std::string_view text);
};

}  // namespace mds
