#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bus/compat.hh"

namespace mds::bus {

/// Bytes on the bus: small ones travel in the message, larger ones and those that may hold a secret as one
/// sealed memory file (design.md 2, rule 1). On the wire a pair of arguments `ay` and `ah`; exactly one is
/// filled. What is in a message stays in the memory of the bus daemon, which is not ours; of a file it has
/// the descriptor only, and the pages are gone when the last one closes it.
struct Blob {
    std::vector<uint8_t> bytes;
    std::vector<sdbus::UnixFd> fds;
};

/// The limit in bytes above which a memory file is used.
constexpr size_t k_inline_limit = 48 * 1024;

Blob pack(std::string_view content);
/// A memory file in any case.
Blob pack_secret(std::string_view content);
/// The JSON of a request: as a secret when it may hold one.
Blob pack_body(std::string_view json);
/// Whether a JSON text may have a member whose value is a secret. Says yes too often, never too rarely.
bool may_hold_secret(std::string_view json);
/// Throws mds::Error(internal) when the descriptor cannot be read. Descriptors that are not sealed
/// against change are copied all the same: what was checked is what is used.
std::string unpack(const std::vector<uint8_t>& bytes, const std::vector<sdbus::UnixFd>& fds);

}  // namespace mds::bus
