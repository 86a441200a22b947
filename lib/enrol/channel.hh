#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "json/json.hh"

struct ssl_st;
struct ssl_ctx_st;

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

/// One TLS 1.3 connection of `mds-enrol/1` on a socket (K-12). Blocks the calling thread; every
/// operation ends at the deadline given at the beginning, with mds::Error(timed_out). A broken line
/// or a peer that does not keep to the protocol gives mds::Error(unreachable). The process must ignore
/// SIGPIPE, as every daemon does.
class Channel {
  public:
    /// Connects to `address` (a name or a number) within `timeout_ms`, which is also the deadline of
    /// the whole connection. The peer's certificate is not checked: SPAKE2 authenticates.
    static Channel connect(const std::string& address, uint16_t port, int64_t timeout_ms);
    /// The responder's side on an accepted socket, which it takes over; with a certificate that is
    /// made for this connection and proves nothing.
    static Channel accept(int socket, int64_t timeout_ms);
    ~Channel();
    Channel(Channel&&) noexcept;
    Channel& operator=(Channel&&) = delete;

    void send(Frame kind, std::string_view content);
    void send(Frame kind, const json::object& content) { send(kind, json::text(content)); }
    /// The next frame, which must be of this kind. A REFUSED frame instead is thrown as the
    /// mds::Error that the peer sent.
    std::string receive(Frame kind, size_t limit);
    /// Sends an error of ours as REFUSED and ignores a broken line.
    void refuse(const Refusal& refusal) noexcept;
    /// The channel binding `tls-exporter` (RFC 9266): 32 bytes.
    std::string binding() const;
    /// Moves the deadline to `timeout_ms` from now.
    void extend(int64_t timeout_ms);

  private:
    Channel(int socket, ssl_ctx_st* context, int64_t timeout_ms);
    void handshake(bool server);
    void wait(int result, const char* what);
    void read_exactly(char* to, size_t count);

    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace mds::enrol
