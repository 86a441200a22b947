#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "enrol/line.hh"

struct ssl_st;
struct ssl_ctx_st;

namespace mds::enrol {

/// One TLS 1.3 connection of `mds-enrol/1` on a socket (K-12). Blocks the calling thread; every
/// operation ends at the deadline given at the beginning, with mds::Error(timed_out). The process must
/// ignore SIGPIPE, as every daemon does.
class Channel : public Line {
  public:
    /// Connects to `address` (a name or a number) within `timeout_ms`, which is also the deadline of
    /// the whole connection. The peer's certificate is not checked: SPAKE2 authenticates.
    static Channel connect(const std::string& address, uint16_t port, int64_t timeout_ms);
    /// The responder's side on an accepted socket, which it takes over; with a certificate that is
    /// made for this connection and proves nothing.
    static Channel accept(int socket, int64_t timeout_ms);
    ~Channel() override;
    Channel(Channel&&) noexcept;
    Channel& operator=(Channel&&) = delete;

    /// The channel binding `tls-exporter` (RFC 9266): 32 bytes.
    std::string binding() const override;
    void extend(int64_t timeout_ms) override;

  protected:
    void write(std::string_view bytes) override;
    void read_exactly(char* to, size_t count) override;

  private:
    Channel(int socket, ssl_ctx_st* context, int64_t timeout_ms);
    void handshake(bool server);
    void wait(int result, const char* what);

    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace mds::enrol
