#pragma once
#include <cstddef>
#include <cstdint>
#include <string>

namespace mds::wire {

/// What the owner of a channel sends to the owner of the same channel on another server.
struct Message {
    /// "system" or "domain/<uid>"; at most k_max_channel bytes.
    std::string channel;
    /// Meaning belongs to the owners (repl::Kind).
    uint16_t kind = 0;
    /// At most k_max_message bytes.
    std::string payload;
};

/// The kind of a message from one mds-sync to another: nobody owns the channel there. The kinds of
/// owners begin at 1.
constexpr uint16_t k_no_owner = 0;

constexpr size_t k_max_channel = 255;
constexpr size_t k_max_message = 64u << 20;

}  // namespace mds::wire
