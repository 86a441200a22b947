#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mds::wire {

/// What a frame is. Numbers of the protocol "mds-sync/1"; never reused.
enum class Type : uint8_t {
    hello = 1,    ///< dialling side, first frame: JSON {"protocol","instance","version"}
    welcome = 2,  ///< listening side's answer to hello: JSON, the same members
    refused = 3,  ///< listening side, last frame: JSON {"reason","trust"}
    ping = 4,     ///< dialling side; `request` is answered unchanged
    pong = 5,     ///< listening side
    message = 6,  ///< a message or a piece of one; `request` numbers messages of the connection
};

/// `codec` of a frame: how its payload is stored.
enum class Codec : uint8_t { plain = 0, zlib = 1 };

/// The first piece of a message: begins with the message's head.
constexpr uint8_t k_flag_first = 1;
/// Not the last piece of a message.
constexpr uint8_t k_flag_more = 2;

constexpr size_t k_header_size = 16;
/// Most payload bytes of one frame.
constexpr size_t k_max_payload = 1u << 20;

/// The unit of the connection between two servers. On the wire, little endian:
/// length u32 (of the payload) | type u8 | flags u8 | codec u8 | 0 u8 | request u64 | payload.
struct Frame {
    Type type = Type::message;
    uint8_t flags = 0;
    Codec codec = Codec::plain;
    uint64_t request = 0;
    std::string payload;
};

/// Appends the frame's bytes to `out`. The payload is at most k_max_payload.
void append(std::string& out, const Frame& frame);

/// Cuts a stream of bytes into frames.
class FrameReader {
  public:
    /// Most payload bytes that are accepted from now on; at most k_max_payload (a peer that has not
    /// said hello gets little).
    void limit(size_t bytes) { limit_ = bytes; }
    void feed(std::string_view bytes);
    /// The next complete frame. Throws mds::Error(invalid_syntax) for bytes that are no frame of
    /// this protocol; the connection is of no use afterwards.
    std::optional<Frame> next();

  private:
    std::string buffer_;
    size_t start_ = 0;
    size_t limit_ = k_max_payload;
};

}  // namespace mds::wire
