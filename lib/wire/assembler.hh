#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "wire/frame.hh"
#include "wire/message.hh"

namespace mds::wire {

/// Puts the messages of one connection together again from frames of type message.
class Assembler {
  public:
    /// Most messages that may be incomplete at a time: one a channel.
    static constexpr size_t k_max_open = 4096;
    /// Most bytes of incomplete messages.
    static constexpr size_t k_max_bytes = 256u << 20;

    /// The message that this frame completes, if it does. Throws mds::Error(invalid_syntax) when
    /// the frame cannot follow those before it or breaks a limit.
    std::optional<Message> add(const Frame& frame);

  private:
    struct Open {
        Message message;
        size_t announced = 0;
    };
    std::unordered_map<uint64_t, Open> open_;
    size_t bytes_ = 0;
};

}  // namespace mds::wire
