#pragma once
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "wire/frame.hh"
#include "wire/tls.hh"

namespace mds::sync {

/// Bytes of all connections since the service started.
struct Counters {
    uint64_t sent = 0, received = 0;
};

/// One TLS connection to another server that carries frames. Who dials sends messages; who listens
/// only answers. Lives on the loop thread; keeps itself alive while it is open.
class Link : public std::enable_shared_from_this<Link> {
  public:
    struct Events {
        /// The handshake is done and the certificate is one of a server of this deployment.
        std::function<void(const wire::PeerIdentity&)> authenticated;
        /// May throw mds::Error: the connection is closed with its message as the reason.
        std::function<void(wire::Frame&&)> frame;
        /// Gives the next frame of the messages that wait; false when none does. May be empty.
        std::function<bool(wire::Frame&)> next;
        /// The connection ended; called once, never after close(). `trust`: a certificate was
        /// refused by either side.
        std::function<void(const std::string& reason, bool trust)> closed;
    };

    Link(boost::asio::ip::tcp::socket socket, std::shared_ptr<wire::Tls> tls, Counters& counters);

    void start(boost::asio::ssl::stream_base::handshake_type side, Events events);
    /// Queues a frame before every message.
    void send(const wire::Frame& frame);
    /// Says that `next` has something.
    void wake();
    /// Ends the connection without a call of `closed`.
    void close();
    /// Says why in a frame `refused`, then waits for the other end to close; for listening ends.
    void refuse(const std::string& reason, bool trust);
    /// Closes with `reason`, calling `closed`.
    void fail(const std::string& reason, bool trust = false);
    /// Takes larger frames than the few bytes of a hello from now on.
    void trust_size() { reader_.limit(wire::k_max_payload); }

    bool open() const { return open_; }
    /// Monotonic milliseconds of the last byte that came; of the start before any.
    int64_t last_byte_ms() const { return last_byte_ms_; }
    int64_t started_ms() const { return started_ms_; }
    boost::asio::ip::address remote(boost::system::error_code& error) {
        return stream_.next_layer().remote_endpoint(error).address();
    }
    /// Checks the other end's certificate once more, after the trust changed. Throws mds::Error.
    void recheck(const wire::Tls& tls);

  private:
    void handshaken(const boost::system::error_code& error);
    void read();
    void received(size_t count);
    void write();

    std::shared_ptr<wire::Tls> tls_;
    boost::asio::ssl::stream<boost::asio::ip::tcp::socket> stream_;
    Counters& counters_;
    Events events_;
    boost::asio::ssl::stream_base::handshake_type side_ = boost::asio::ssl::stream_base::client;
    wire::FrameReader reader_;
    std::array<char, 64 * 1024> chunk_;
    std::string control_, writing_;
    bool open_ = false, ready_ = false, busy_ = false, refusing_ = false;
    int64_t started_ms_ = 0, last_byte_ms_ = 0;
};

}  // namespace mds::sync
