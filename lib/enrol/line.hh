#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "json/json.hh"

namespace mds::enrol {

/// Kinds of frames of `mds-enrol/1`. A frame is: 4 bytes length of what follows (big endian), 1 byte
/// kind, content. HELLO, CSR, CERT, DONE, REFUSED: JSON objects; SHARE and CONFIRM: raw bytes.
enum class Frame : uint8_t { hello = 1, share = 2, confirm = 3, csr = 4, cert = 5, done = 6,
                             refused = 7 };

/// Largest content of a frame, in bytes: small until the peer has proved that it knows the key.
inline constexpr size_t k_small_frame = 4096;
inline constexpr size_t k_large_frame = 512 * 1024;

/// What a REFUSED frame says: JSON {"code", "message", "refusal", "next", "tries-left"}; the last one
/// only after a wrong key (-1 = not said).
struct Refusal {
    std::string code, message, id, next;
    int tries_left = -1;
    json::object to_json() const;
};

/// Frames over something that carries bytes between two ends: TLS (Channel), or a test that plays the
/// other end. A broken line or a peer that does not keep to the protocol gives mds::Error(unreachable).
class Line {
  public:
    virtual ~Line() = default;

    void send(Frame kind, std::string_view content);
    void send(Frame kind, const json::object& content) { send(kind, json::text(content)); }
    /// The next frame, which must be of this kind. A REFUSED frame instead is thrown as the
    /// mds::Error that the peer sent.
    std::string receive(Frame kind, size_t limit);
    /// Sends an error of ours as REFUSED and ignores a broken line.
    void refuse(const Refusal& refusal) noexcept;
    /// What is the same at both ends of this connection and nowhere else: 32 bytes.
    virtual std::string binding() const = 0;
    /// Moves the deadline of every operation to `timeout_ms` from now.
    virtual void extend(int64_t timeout_ms) = 0;

  protected:
    virtual void write(std::string_view bytes) = 0;
    virtual void read_exactly(char* to, size_t count) = 0;
};

}  // namespace mds::enrol
