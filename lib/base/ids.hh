#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mds {

/// A 128-bit object identifier, in text the lower-case RFC 4122 form.
struct Uid {
    std::array<uint8_t, 16> bytes{};

    /// A new time-ordered identifier (RFC 9562 version 7): rows inserted later sort later, which
    /// halves the cost of bulk publishes (docs/architecture.md).
    static Uid make();
    /// Parses the 36-character form, any case; nothing for other text.
    static std::optional<Uid> parse(std::string_view text);
    /// From exactly 16 raw bytes; nothing for another length.
    static std::optional<Uid> from_bytes(std::string_view raw);

    std::string text() const;
    std::string_view raw() const {
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
    bool is_nil() const { return *this == Uid{}; }

    auto operator<=>(const Uid&) const = default;
};

/// `count` bytes of the kernel's random source.
std::string random_bytes(size_t count);
/// RFC 4648 URL-safe base 64 without padding.
std::string base64url(std::string_view raw);
/// Lower-case hexadecimal.
std::string hex(std::string_view raw);
/// The bytes of a hexadecimal text of even length; nothing for other text.
std::optional<std::string> unhex(std::string_view text);

}  // namespace mds

template <>
struct std::hash<mds::Uid> {
    size_t operator()(const mds::Uid& uid) const noexcept {
        return std::hash<std::string_view>{}(uid.raw());
    }
};
