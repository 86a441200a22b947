#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace mds::wire {

/// Appends `value` in little endian order.
template <class Unsigned>
void put(std::string& out, Unsigned value) {
    for (size_t i = 0; i < sizeof value; ++i) {
        out.push_back(static_cast<char>((static_cast<uint64_t>(value) >> (8 * i)) & 0xff));
    }
}

/// The little endian number at `at`; the caller has checked that the bytes are there.
template <class Unsigned>
Unsigned get(std::string_view bytes, size_t at) {
    uint64_t value = 0;
    for (size_t i = 0; i < sizeof(Unsigned); ++i) {
        value |= static_cast<uint64_t>(static_cast<uint8_t>(bytes[at + i])) << (8 * i);
    }
    return static_cast<Unsigned>(value);
}

}  // namespace mds::wire
