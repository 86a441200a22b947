#include "link.hh"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include "base/clock.hh"
#include "base/error.hh"
#include "json/json.hh"
#include "log/log.hh"

namespace mds::sync {
namespace {

namespace asio = boost::asio;

/// Most bytes that are given to TLS at once.
constexpr size_t k_batch = 64 * 1024;
/// Bytes that may wait in the kernel: what a small message waits for behind bulk.
constexpr int k_not_sent = 64 * 1024;
/// Milliseconds without acknowledgement after which the kernel gives a connection up.
constexpr int k_user_timeout = 5000;
/// Most payload bytes of a frame before the other end said hello.
constexpr size_t k_hello_limit = 4096;

void tune(asio::ip::tcp::socket& socket) {
    boost::system::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    int fd = socket.native_handle();
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &k_user_timeout, sizeof k_user_timeout);
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &k_not_sent, sizeof k_not_sent);
}

std::string text_of(const boost::system::error_code& error) {
    bool ended = error == asio::error::eof || error == asio::ssl::error::stream_truncated;
    return ended ? "the other end closed the connection" : error.message();
}

}  // namespace

Link::Link(asio::ip::tcp::socket socket, std::shared_ptr<wire::Tls> tls, Counters& counters)
    : tls_(std::move(tls)),
      stream_(std::move(socket), tls_->context()),
      counters_(counters),
      started_ms_(mono_ms()),
      last_byte_ms_(started_ms_) {
    reader_.limit(k_hello_limit);
}

void Link::start(asio::ssl::stream_base::handshake_type side, Events events) {
    events_ = std::move(events);
    side_ = side;
    open_ = true;
    tune(stream_.next_layer());
    stream_.async_handshake(side, [self = shared_from_this()](boost::system::error_code error) {
        self->handshaken(error);
    });
}

void Link::handshaken(const boost::system::error_code& error) {
    if (!open_) return;
    if (error) {
        wire::Failure failure = wire::handshake_failure(stream_.native_handle(), error);
        return fail(failure.reason, failure.trust);
    }
    ready_ = true;
    last_byte_ms_ = mono_ms();
    try {
        wire::PeerIdentity peer = tls_->check(stream_.native_handle());
        events_.authenticated(peer);
    } catch (const Error& e) {
        if (side_ == asio::ssl::stream_base::client) return fail(e.message(), true);
        // The dialling side's administrator shall learn why, too.
        log::warning("Refused an incoming connection: " + e.message());
        refuse("it refused the certificate of this server: " + e.message(), true);
    }
    if (!open_) return;
    read();
    write();
}

void Link::read() {
    stream_.async_read_some(
        asio::buffer(chunk_),
        [self = shared_from_this()](boost::system::error_code error, size_t count) {
            if (!self->open_) return;
            if (!error) return self->received(count);
            // A client learns only here that the server refused its certificate (TLS 1.3).
            wire::Failure failure = wire::handshake_failure(self->stream_.native_handle(), error);
            self->fail(failure.trust ? failure.reason : text_of(error), failure.trust);
        });
}

void Link::received(size_t count) {
    counters_.received += count;
    last_byte_ms_ = mono_ms();
    if (!refusing_) {
        try {
            reader_.feed({chunk_.data(), count});
            while (auto frame = reader_.next()) {
                events_.frame(std::move(*frame));
                if (!open_) return;
                if (refusing_) break;
            }
        } catch (const Error& e) {
            return fail(e.message());
        }
    }
    read();
}

void Link::send(const wire::Frame& frame) {
    if (!open_) return;
    wire::append(control_, frame);
    write();
}

void Link::wake() {
    if (open_) write();
}

void Link::write() {
    if (busy_ || !ready_ || !open_) return;
    writing_ = std::move(control_);
    control_.clear();
    wire::Frame frame;
    while (writing_.size() < k_batch && !refusing_ && events_.next && events_.next(frame)) {
        wire::append(writing_, frame);
    }
    if (writing_.empty()) return;
    busy_ = true;
    asio::async_write(stream_, asio::buffer(writing_),
                      [self = shared_from_this()](boost::system::error_code error, size_t count) {
                          self->busy_ = false;
                          self->counters_.sent += count;
                          if (!self->open_) return;
                          // The reading side tells why; it reads until the end.
                          if (!error) self->write();
                      });
}

void Link::close() {
    if (!open_) return;
    open_ = false;
    boost::system::error_code ignored;
    stream_.next_layer().close(ignored);
    // One of the events may be running now: they are destroyed by a later turn of the loop.
    asio::post(stream_.get_executor(), [events = std::move(events_)] {});
    events_ = Events{};
}

void Link::fail(const std::string& reason, bool trust) {
    if (!open_) return;
    auto closed = events_.closed;
    close();
    if (closed) closed(reason, trust);
}

void Link::refuse(const std::string& reason, bool trust) {
    wire::Frame frame;
    frame.type = wire::Type::refused;
    frame.payload = json::text(json::object{{"reason", reason}, {"trust", trust}});
    refusing_ = true;
    send(frame);
}

void Link::recheck(const wire::Tls& tls) {
    if (ready_) tls.check(stream_.native_handle());
}

}  // namespace mds::sync
