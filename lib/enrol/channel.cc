#include "enrol/channel.hh"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/clock.hh"
#include "base/error.hh"
#include "crypto/openssl.hh"
#include "pki/issue.hh"

namespace mds::enrol {
using namespace crypto;
namespace {

using Context = Handle<SSL_CTX, SSL_CTX_free>;
constexpr std::string_view k_protocol = "\x0bmds-enrol/1";

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
    unsigned char* chosen = nullptr;
    int result = SSL_select_next_proto(&chosen, out_size, as_bytes(k_protocol),
                                       static_cast<unsigned>(k_protocol.size()), in, in_size);
    *out = chosen;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

Context new_context(const SSL_METHOD* method) {
    Context context(require_ptr(SSL_CTX_new(method), "TLS"));
    SSL_CTX* c = context.get();
    SSL_CTX_set_options(c, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    require(SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION) == 1 &&
                SSL_CTX_set_ciphersuites(c, k_tls13_suites) == 1 &&
                SSL_CTX_set1_groups_list(c, k_tls_groups) == 1 &&
                SSL_CTX_set_num_tickets(c, 0) == 1,
            "TLS settings");
    return context;
}

/// A socket that closes itself unless released.
struct Socket {
    int fd;
    ~Socket() {
        if (fd >= 0) close(fd);
    }
    int release() { return std::exchange(fd, -1); }
};

void poll_until(int socket, short events, int64_t deadline, const char* what) {
    for (;;) {
        int64_t left = deadline - mono_ms();
        if (left <= 0) throw Error(Code::timed_out, std::string("Timed out: ") + what);
        pollfd wanted{socket, events, 0};
        int n = poll(&wanted, 1, static_cast<int>(left));
        if (n > 0) return;
        if (n < 0 && errno != EINTR) throw Error(Code::internal, "poll failed");
    }
}

int connect_socket(const addrinfo& to, int64_t deadline) {
    Socket socket{::socket(to.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (socket.fd < 0) return -1;
    if (connect(socket.fd, to.ai_addr, to.ai_addrlen) != 0) {
        if (errno != EINPROGRESS) return -1;
        poll_until(socket.fd, POLLOUT, deadline, "no answer to the connection");
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(socket.fd, SOL_SOCKET, SO_ERROR, &error, &size);
        errno = error;
        if (error != 0) return -1;
    }
    return socket.release();
}

}  // namespace

struct Channel::Parts {
    int socket = -1;
    Context context;
    Handle<SSL, SSL_free> ssl;
    int64_t deadline = 0;

    ~Parts() {
        ssl.reset();
        if (socket >= 0) close(socket);
    }
};

Channel::Channel(int socket, ssl_ctx_st* context, int64_t timeout_ms)
    : parts_(std::make_unique<Parts>()) {
    parts_->socket = socket;
    parts_->context.reset(context);
    parts_->deadline = mono_ms() + timeout_ms;
    fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK);
    int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    parts_->ssl.reset(require_ptr(SSL_new(context), "TLS"));
    require(SSL_set_fd(parts_->ssl.get(), socket) == 1, "TLS");
}

Channel::~Channel() {
    if (parts_ && parts_->ssl && SSL_is_init_finished(parts_->ssl.get())) {
        SSL_shutdown(parts_->ssl.get());
        openssl_reason();
    }
}

Channel::Channel(Channel&&) noexcept = default;

Channel Channel::connect(const std::string& address, uint16_t port, int64_t timeout_ms) {
    int64_t deadline = mono_ms() + timeout_ms;
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* list = nullptr;
    int failed = getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &list);
    if (failed) throw Error(Code::unreachable, address + ": " + gai_strerror(failed));
    Handle<addrinfo, freeaddrinfo> owner(list);
    std::string why = "no address";
    for (const addrinfo* to = list; to; to = to->ai_next) {
        Socket socket{connect_socket(*to, deadline)};
        if (socket.fd < 0) {
            why = std::strerror(errno);
            continue;
        }
        Context context = new_context(TLS_client_method());
        SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
        require(SSL_CTX_set_alpn_protos(context.get(), as_bytes(k_protocol),
                                        static_cast<unsigned>(k_protocol.size())) == 0,
                "TLS settings");
        Channel channel(socket.release(), context.release(), deadline - mono_ms());
        channel.handshake(false);
        return channel;
    }
    throw Error(Code::unreachable,
                "Nothing answers at " + address + " port " + std::to_string(port) + " (" + why + ")")
        .refusal("", "Set an activation key there: its enrolment port is open only then");
}

Channel Channel::accept(int socket, int64_t timeout_ms) {
    Socket owner{socket};
    pki::Key key = pki::Key::generate();
    pki::Certificate certificate =
        pki::self_signed(key, pki::Kind::console, "mds-enrol", wall_ms(), 1);
    Context context = new_context(TLS_server_method());
    SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
    require(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1 &&
                SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1,
            "TLS certificate");
    Channel channel(owner.release(), context.release(), timeout_ms);
    channel.handshake(true);
    return channel;
}

void Channel::handshake(bool server) {
    SSL* ssl = parts_->ssl.get();
    for (;;) {
        openssl_reason();
        int result = server ? SSL_accept(ssl) : SSL_connect(ssl);
        if (result == 1) break;
        wait(result, "TLS handshake");
    }
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl, &chosen, &size);
    // A peer that names no protocol at all gets no callback, so it is judged here (K-5).
    if (!chosen || std::string_view(reinterpret_cast<const char*>(chosen), size) !=
                       k_protocol.substr(1)) {
        throw Error(Code::unreachable, "The other end does not speak mds-enrol/1");
    }
}

void Channel::wait(int result, const char* what) {
    int why = SSL_get_error(parts_->ssl.get(), result);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) {
        poll_until(parts_->socket, why == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, parts_->deadline,
                   what);
        return;
    }
    std::string reason = openssl_reason();
    throw Error(Code::unreachable, std::string("The connection broke: ") + what +
                                       (reason.empty() ? "" : ": " + reason));
}

void Channel::write(std::string_view bytes) {
    for (;;) {
        openssl_reason();
        int result =
            SSL_write(parts_->ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
        if (result > 0) return;
        wait(result, "sending");
    }
}

void Channel::read_exactly(char* to, size_t count) {
    while (count > 0) {
        // A peer that sends single bytes must not stretch the deadline.
        if (mono_ms() >= parts_->deadline) throw Error(Code::timed_out, "Timed out: receiving");
        openssl_reason();
        int result = SSL_read(parts_->ssl.get(), to, static_cast<int>(count));
        if (result > 0) {
            to += result;
            count -= static_cast<size_t>(result);
        } else {
            wait(result, "receiving");
        }
    }
}

std::string Channel::binding() const {
    constexpr std::string_view k_label = "EXPORTER-Channel-Binding";
    std::string out(32, '\0');
    require(SSL_export_keying_material(parts_->ssl.get(), as_bytes(out), out.size(),
                                       k_label.data(), k_label.size(), nullptr, 0, 1) == 1,
            "channel binding");
    return out;
}

void Channel::extend(int64_t timeout_ms) { parts_->deadline = mono_ms() + timeout_ms; }

}  // namespace mds::enrol
