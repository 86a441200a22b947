#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mds::model {

/// An IPv4 or IPv6 address; bytes 0 to 3 resp. 0 to 15 count.
struct Address {
    bool v6 = false;
    std::array<uint8_t, 16> bytes{};

    /// Strict: no leading zeros, no names, no scope; nothing for other text.
    static std::optional<Address> parse(std::string_view text);
    /// Dotted decimal, or RFC 5952.
    std::string text() const;
    int bits() const { return v6 ? 128 : 32; }
    /// With the bits behind `length` cleared.
    Address masked(int length) const;
    auto operator<=>(const Address&) const = default;
};

/// 24 for "255.255.255.0"; nothing when the bits are not contiguous.
std::optional<int> length_of_mask(std::string_view mask);
/// "255.255.255.0" for 24.
std::string mask_of_length(int length);

}  // namespace mds::model
