// The only file that sees Beast.
#include "http/server.hh"

#include <arpa/inet.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <csignal>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/rate.hh"
#include "log/log.hh"

namespace mds::http {
namespace asio = boost::asio;
namespace beast = boost::beast;
namespace bhttp = boost::beast::http;
using tcp = asio::ip::tcp;

namespace {

// The reason phrase matters: some clients take only the exact text "200 OK" for success.
const char* reason(int status) {
    switch (status) {
        case 200: return "OK";
        case 304: return "Not Modified";
        case 400: return "Bad Request";
        case 401: return "Unauthorized";
        case 403: return "Forbidden";
        case 404: return "Not Found";
        case 405: return "Method Not Allowed";
        case 408: return "Request Timeout";
        case 409: return "Conflict";
        case 413: return "Payload Too Large";
        case 429: return "Too Many Requests";
        case 431: return "Request Header Fields Too Large";
        case 501: return "Not Implemented";
        case 503: return "Service Unavailable";
        default: return "Internal Server Error";
    }
}

constexpr long k_resumable_sessions = 1000, k_resumable_s = 600;
/// Bytes; no certificate of ours comes near.
constexpr int k_max_certificate = 16'384;

Response refusal(int status, const char* code, const char* message) {
    return {status, std::string("{\"code\":\"") + code + "\",\"message\":\"" + message + "\"}"};
}

}  // namespace

void Pieces::tell(std::unique_lock<std::mutex> lock) {
    auto news = std::exchange(news_, nullptr);
    lock.unlock();
    if (news) news();
}

void Pieces::write(std::string_view text) {
    std::unique_lock lock(lock_);
    waiting_ += text;
    tell(std::move(lock));
}

void Pieces::end() {
    std::unique_lock lock(lock_);
    ended_ = true;
    tell(std::move(lock));
}

void Pieces::listen(std::function<void()> news) {
    std::unique_lock lock(lock_);
    news_ = std::move(news);
    if (!waiting_.empty() || ended_) tell(std::move(lock));
}

std::string Pieces::take(bool& ended) {
    std::lock_guard lock(lock_);
    ended = ended_;
    return std::exchange(waiting_, "");
}

/// A thread that does the TLS of its connections: handshakes and records cost the loop of the
/// daemon, where requests are answered, nothing.
struct Worker {
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> busy{io.get_executor()};
    std::thread thread;

    void start() {
        // Signals are for the daemon's own thread.
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &before);
        thread = std::thread([this] { io.run(); });
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    void stop() {
        io.stop();
        if (thread.joinable()) thread.join();
    }
};

struct Server::Impl : std::enable_shared_from_this<Server::Impl> {
    Impl(asio::io_context& io_context, int fd, const Limits& l, Handler h)
        : io(io_context), acceptor(io_context), limits(l), handler(std::move(h)) {
        if (l.handshakes_per_second > 0) pace.emplace(l.handshakes_per_second, l.handshakes_per_second);
        for (int i = 0; i < std::max(1, l.threads); ++i) workers.push_back(std::make_unique<Worker>());
        sockaddr_storage address{};
        socklen_t size = sizeof address;
        getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
        acceptor.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), fd);
    }
    void accept();
    /// Counts a connection; false: it is one too many.
    /// `here`: it comes from this machine, which has no pace to keep.
    bool enter(const std::string& address, bool here);
    void leave(const std::string& address);

    asio::io_context& io;
    tcp::acceptor acceptor;
    /// Of connections that begin now; null: without TLS.
    std::shared_ptr<asio::ssl::context> tls;
    std::string certificate, key;
    Limits limits;
    Handler handler;
    std::vector<std::unique_ptr<Worker>> workers;
    size_t next_worker = 0;
    std::atomic<size_t> open = 0;
    std::mutex addresses_lock;
    std::map<std::string, size_t> addresses;
    /// Only of accept(), on the loop.
    std::optional<Rate> pace;
    std::atomic<uint64_t> served = 0;
    bool stopped = false;
};

namespace {

using Plain = beast::tcp_stream;
using Tls = beast::ssl_stream<beast::tcp_stream>;

std::string text_of(const asio::ip::address& a) {
    if (a.is_v6() && a.to_v6().is_v4_mapped()) {
        return asio::ip::make_address_v4(asio::ip::v4_mapped, a.to_v6()).to_string();
    }
    return a.to_string();
}

template <class Stream>
class Connection : public std::enable_shared_from_this<Connection<Stream>> {
  public:
    static constexpr bool k_tls = std::is_same_v<Stream, Tls>;

    /// Already counted by Impl::enter().
    Connection(std::shared_ptr<Server::Impl> owner, tcp::socket socket, std::string remote)
        : owner_(std::move(owner)),
          stream_(stream_of(*owner_, std::move(socket))),
          remote_(std::move(remote)) {
        boost::system::error_code ignored;
        auto& lowest = beast::get_lowest_layer(stream_).socket();
        lowest.set_option(tcp::no_delay(true), ignored);
        auto local = lowest.local_endpoint(ignored);
        local_ = text_of(local.address());
        port_ = local.port();
    }
    ~Connection() { owner_->leave(remote_); }

    void start() {
        asio::post(stream_.get_executor(), [self = this->shared_from_this()] { self->begin(); });
    }

  private:
    static Stream stream_of(Server::Impl& owner, tcp::socket socket) {
        if constexpr (k_tls) {
            return Stream(std::move(socket), *owner.tls);
        } else {
            return Stream(std::move(socket));
        }
    }

    void begin() {
        if constexpr (k_tls) {
            expire(owner_->limits.header_s);
            stream_.async_handshake(
                asio::ssl::stream_base::server,
                [self = this->shared_from_this()](boost::system::error_code error) {
                    // Some clients only come to look at the certificate.
                    if (error) return;
                    self->keep_certificate();
                    self->read();
                });
        } else {
            read();
        }
    }

    void keep_certificate() {
        if constexpr (k_tls) {
            const X509* shown = SSL_get0_peer_certificate(stream_.native_handle());
            int size = shown ? i2d_X509(shown, nullptr) : 0;
            if (size <= 0 || size > k_max_certificate) return;
            client_certificate_.resize(static_cast<size_t>(size));
            auto* at = reinterpret_cast<unsigned char*>(client_certificate_.data());
            i2d_X509(shown, &at);
        }
    }

    void expire(int seconds) {
        beast::get_lowest_layer(stream_).expires_after(std::chrono::seconds(seconds));
    }

    void read() {
        parser_.emplace();
        parser_->body_limit(owner_->limits.body_bytes);
        parser_->header_limit(static_cast<uint32_t>(owner_->limits.header_bytes));
        expire(buffer_.size() ? owner_->limits.header_s : owner_->limits.idle_s);
        bhttp::async_read_header(stream_, buffer_, *parser_,
                                 [self = this->shared_from_this()](boost::system::error_code error,
                                                                   size_t) { self->on_header(error); });
    }

    void on_header(boost::system::error_code error) {
        if (error == bhttp::error::header_limit) {
            return finish(refusal(431, "err_bad_url", "The request header is too large"), false);
        }
        if (error == bhttp::error::body_limit) return too_large();
        if (error == bhttp::error::end_of_stream || error == asio::error::eof ||
            error == beast::error::timeout || error == asio::ssl::error::stream_truncated ||
            error == asio::error::connection_reset) {
            return close();
        }
        if (error) return finish(refusal(400, "err_bad_url", "The request is not HTTP/1.1"), false);
        if (parser_->get()[bhttp::field::expect] == "100-continue") {
            return finish(refusal(400, "err_bad_url", "Expect is not supported"), false);
        }
        expire(owner_->limits.body_s);
        bhttp::async_read(stream_, buffer_, *parser_,
                          [self = this->shared_from_this()](boost::system::error_code e, size_t) {
                              self->on_request(e);
                          });
    }

    void too_large() {
        finish(refusal(413, "generic_err_invalid_parameter", "The request body is too large"), false);
    }

    void on_request(boost::system::error_code error) {
        if (error == bhttp::error::body_limit) return too_large();
        if (error) return close();
        auto message = parser_->release();
        Request request;
        request.method = std::string(message.method_string());
        request.target = std::string(message.target());
        request.sid = std::string(message["X-chkp-sid"]);
        request.user_agent = std::string(message[bhttp::field::user_agent]);
        request.if_none_match = std::string(message[bhttp::field::if_none_match]);
        request.host = std::string(message[bhttp::field::host]);
        request.origin = std::string(message[bhttp::field::origin]);
        request.fetch_site = std::string(message["Sec-Fetch-Site"]);
        request.content_type = std::string(message[bhttp::field::content_type]);
        request.cookie = std::string(message[bhttp::field::cookie]);
        head_ = message.method() == bhttp::verb::head;
        request.body = std::move(message.body());
        request.remote_address = remote_;
        request.local_address = local_;
        request.local_port = port_;
        request.client_certificate = client_certificate_;
        wipe_read();
        bool keep = message.keep_alive();
        // While the answer is made nobody waits for the client.
        beast::get_lowest_layer(stream_).expires_never();
        ++owner_->served;
        // The handler lives on the daemon's loop, this connection on its worker's.
        asio::post(owner_->io, [self = this->shared_from_this(), keep,
                                request = std::move(request)]() mutable {
            if (self->owner_->stopped) return;
            self->owner_->handler(std::move(request), [self, keep](Response response) {
                asio::post(self->stream_.get_executor(),
                           [self, keep, response = std::move(response)]() mutable {
                               self->finish(std::move(response), keep);
                           });
            });
        });
    }

    /// The connection may stay open for long, and the body with it in what was read last.
    void wipe_read() {
        auto rest = buffer_.prepare(buffer_.capacity() - buffer_.size());
        ::explicit_bzero(rest.data(), rest.size());
    }

    void finish(Response response, bool keep) {
        if (response.pieces) return begin_pieces(std::move(response));
        auto message = std::make_shared<bhttp::response<bhttp::string_body>>();
        set_head(*message, response);
        message->keep_alive(keep);
        message->body() = std::move(response.body);
        message->prepare_payload();
        // The length stays that of the body which is not sent.
        if (head_) message->body().clear();
        expire(owner_->limits.body_s);
        bhttp::async_write(stream_, *message,
                           [self = this->shared_from_this(), message, keep](
                               boost::system::error_code error, size_t) {
                               if (error || !keep) return self->close();
                               self->read();
                           });
    }

    template <class Message>
    static void set_head(Message& message, const Response& response) {
        message.version(11);
        message.result(static_cast<unsigned>(response.status));
        message.reason(reason(response.status));
        message.set(bhttp::field::content_type, response.content_type);
        message.set(bhttp::field::cache_control, "no-store");
        if (k_tls) message.set("Strict-Transport-Security", "max-age=63072000");
        message.set("X-Content-Type-Options", "nosniff");
        message.set("Referrer-Policy", "no-referrer");
        message.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
        message.set("Cross-Origin-Opener-Policy", "same-origin");
        message.set("Cross-Origin-Resource-Policy", "same-origin");
        for (const auto& [name, value] : response.headers) message.set(name, value);
    }

    void begin_pieces(Response response) {
        auto message = std::make_shared<bhttp::response<bhttp::empty_body>>();
        set_head(*message, response);
        message->keep_alive(false);
        message->chunked(true);
        auto writer = std::make_shared<bhttp::response_serializer<bhttp::empty_body>>(*message);
        expire(owner_->limits.body_s);
        bhttp::async_write_header(
            stream_, *writer,
            [self = this->shared_from_this(), message, writer, first = std::move(response.body),
             pieces = std::move(response.pieces)](boost::system::error_code error, size_t) mutable {
                if (!error) self->write_piece(std::move(first), false, pieces);
            });
    }

    /// Waits for the next piece. The connection belongs to whoever keeps the pieces, until they have ended.
    void await_piece(const std::weak_ptr<Pieces>& rest) {
        auto pieces = rest.lock();
        if (!pieces) return;
        pieces->listen([self = this->shared_from_this(), rest] {
            asio::post(self->stream_.get_executor(), [self, rest] {
                auto waiting = rest.lock();
                if (!waiting) return;
                bool ended = false;
                std::string text = waiting->take(ended);
                self->write_piece(std::move(text), ended, rest);
            });
        });
    }

    void write_piece(std::string text, bool last, const std::weak_ptr<Pieces>& rest) {
        expire(owner_->limits.body_s);
        if (text.empty()) return last ? end_pieces() : await_piece(rest);
        piece_ = std::move(text);
        asio::async_write(stream_, bhttp::make_chunk(asio::buffer(piece_)),
                          [self = this->shared_from_this(), last, rest](boost::system::error_code error,
                                                                        size_t) {
                              if (error) return;
                              if (last) return self->end_pieces();
                              // Nobody reads in time what has not come yet.
                              beast::get_lowest_layer(self->stream_).expires_never();
                              self->await_piece(rest);
                          });
    }

    void end_pieces() {
        asio::async_write(stream_, bhttp::make_chunk_last(),
                          [self = this->shared_from_this()](boost::system::error_code error, size_t) {
                              if (!error) self->close();
                          });
    }

    void close() {
        if constexpr (k_tls) {
            expire(2);
            stream_.async_shutdown([self = this->shared_from_this()](boost::system::error_code) {});
        } else {
            boost::system::error_code ignored;
            stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
            expire(2);
            drain();
        }
    }

    /// What the client still sends is read: else its kernel drops the answer it was given.
    void drain() {
        buffer_.clear();
        stream_.async_read_some(buffer_.prepare(4096), [self = this->shared_from_this()](
                                                           boost::system::error_code error, size_t) {
            if (!error) self->drain();
        });
    }

    std::shared_ptr<Server::Impl> owner_;
    Stream stream_;
    beast::flat_buffer buffer_;
    std::optional<bhttp::request_parser<bhttp::string_body>> parser_;
    std::string remote_, local_, client_certificate_;
    /// Of a body in pieces, while it is written.
    std::string piece_;
    uint16_t port_ = 0;
    /// The request that is answered is HEAD.
    bool head_ = false;
};

void configure(asio::ssl::context& tls, const std::string& certificate, const std::string& key,
               bool tls_1_2) {
    boost::system::error_code error;
    tls.set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_sslv2 |
                    asio::ssl::context::no_sslv3 | asio::ssl::context::no_tlsv1 |
                    asio::ssl::context::no_tlsv1_1 | asio::ssl::context::single_dh_use);
    SSL_CTX* context = tls.native_handle();
    SSL_CTX_set_min_proto_version(context, tls_1_2 ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");
    SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384");
    // Sessions are resumed from the memory of this process alone: a ticket that the client carries
    // would be sealed by one key for as long as the process lives. No early data: it can be
    // replayed.
    // What was read is not kept by OpenSSL until the next record comes.
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET | SSL_OP_CLEANSE_PLAINTEXT);
    static const unsigned char k_context[] = "mds-api";
    SSL_CTX_set_session_id_context(context, k_context, sizeof k_context - 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(context, k_resumable_sessions);
    SSL_CTX_set_timeout(context, k_resumable_s);
    SSL_CTX_set_num_tickets(context, 1);
    tls.use_certificate_chain_file(certificate, error);
    if (!error) tls.use_private_key_file(key, asio::ssl::context::pem, error);
    if (error) throw Error(Code::internal, "server certificate " + certificate + ": " + error.message());
}

/// Clients are asked for a certificate of these authorities; they show one or none. Which they may show at all
/// is decided where the authorities, their lists and the administrators are known: here only the possession
/// of the key is proved, by the handshake itself.
void ask(asio::ssl::context& tls, const std::string& authorities_pem) {
    SSL_CTX* context = tls.native_handle();
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context, [](X509_STORE_CTX*, void*) { return 1; }, nullptr);
    std::unique_ptr<BIO, decltype(&BIO_free_all)> text(
        BIO_new_mem_buf(authorities_pem.data(), static_cast<int>(authorities_pem.size())), BIO_free_all);
    while (X509* authority = PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr)) {
        SSL_CTX_add_client_CA(context, authority);
        X509_free(authority);
    }
    ERR_clear_error();
}

}  // namespace

void Server::Impl::accept() {
    Worker& worker = *workers[next_worker++ % workers.size()];
    acceptor.async_accept(worker.io, [self = shared_from_this()](boost::system::error_code error,
                                                                 tcp::socket socket) {
        if (self->stopped || !self->acceptor.is_open()) return;
        if (!error) {
            boost::system::error_code gone, unknown;
            asio::ip::address from = socket.remote_endpoint(gone).address();
            std::string remote = text_of(from);
            bool here = from == socket.local_endpoint(unknown).address();
            if (!gone && self->enter(remote, here)) {
                if (self->tls) {
                    std::make_shared<Connection<Tls>>(self, std::move(socket), remote)->start();
                } else {
                    std::make_shared<Connection<Plain>>(self, std::move(socket), remote)->start();
                }
            }
        }
        self->accept();
    });
}

bool Server::Impl::enter(const std::string& address, bool here) {
    if (open >= limits.connections) return false;
    if (pace && !here && !pace->allow(address, mono_ms())) return false;
    if (limits.connections_per_address != 0) {
        std::lock_guard lock(addresses_lock);
        size_t& count = addresses[address];
        if (count >= limits.connections_per_address) return false;
        ++count;
    }
    ++open;
    return true;
}

void Server::Impl::leave(const std::string& address) {
    --open;
    if (limits.connections_per_address == 0) return;
    std::lock_guard lock(addresses_lock);
    auto it = addresses.find(address);
    if (--it->second == 0) addresses.erase(it);
}

Server::Server(asio::io_context& io, int listen_fd, const std::string& certificate_file,
               const std::string& key_file, Limits limits, Handler handler)
    : impl_(std::make_shared<Impl>(io, listen_fd, limits, std::move(handler))) {
    impl_->certificate = certificate_file;
    impl_->key = key_file;
    ask_for_certificates("");
}

Server::Server(asio::io_context& io, int listen_fd, Limits limits, Handler handler)
    : impl_(std::make_shared<Impl>(io, listen_fd, limits, std::move(handler))) {}

Server::~Server() { stop(); }

void Server::start() {
    for (auto& worker : impl_->workers) worker->start();
    impl_->accept();
}

void Server::ask_for_certificates(const std::string& authorities_pem) {
    // Another context and with it another memory of sessions: one that began before could be resumed without
    // the question.
    auto fresh = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
    configure(*fresh, impl_->certificate, impl_->key, impl_->limits.tls_1_2);
    if (!authorities_pem.empty()) ask(*fresh, authorities_pem);
    impl_->tls = std::move(fresh);
}

void Server::close_door() {
    boost::system::error_code ignored;
    impl_->acceptor.close(ignored);
}

void Server::stop() {
    impl_->stopped = true;
    boost::system::error_code ignored;
    impl_->acceptor.close(ignored);
    for (auto& worker : impl_->workers) worker->stop();
}

size_t Server::connections() const { return impl_->open; }
uint64_t Server::requests() const { return impl_->served; }

int listen_on(const std::string& address, uint16_t port) {
    bool six = address.find(':') != std::string::npos;
    int fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw Error(Code::internal, "no socket");
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int rc;
    if (six) {
        sockaddr_in6 a{};
        a.sin6_family = AF_INET6;
        a.sin6_port = htons(port);
        inet_pton(AF_INET6, address.c_str(), &a.sin6_addr);
        rc = bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a);
    } else {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_port = htons(port);
        inet_pton(AF_INET, address.c_str(), &a.sin_addr);
        rc = bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a);
    }
    if (rc != 0 || listen(fd, 1024) != 0) {
        std::string why = std::strerror(errno);
        ::close(fd);
        throw Error(Code::internal, "cannot listen on " + address + " port " + std::to_string(port) +
                                        ": " + why);
    }
    return fd;
}

}  // namespace mds::http
