#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bus/compat.hh"

namespace mds::bus {

/// Bytes on the bus: small ones travel in the message, larger ones as one sealed memory file
/// (design.md 2, rule 1). On the wire a pair of arguments `ay` and `ah`; exactly one is filled.
struct Blob {
    std::vector<uint8_t> bytes;
    std::vector<sdbus::UnixFd> fds;
};

/// The limit in bytes above which a memory file is used.
constexpr size_t k_inline_limit = 48 * 1024;

Blob pack(std::string_view content);
/// Throws mds::Error(internal) when the descriptor cannot be read. Descriptors that are not sealed
/// against change are copied all the same: what was checked is what is used.
std::string unpack(const std::vector<uint8_t>& bytes, const std::vector<sdbus::UnixFd>& fds);

}  // namespace mds::bus
