// Bytes of a client behind TLS: the server answers each request with JSON or closes; the next client
// is served whatever came before.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "http/server.hh"
#include "json/json.hh"

namespace {

using namespace mds;

class Door {
  public:
    Door() {
        signal(SIGPIPE, SIG_IGN);
        char name[] = "/dev/shm/openmds_fuzz_XXXXXX";
        folder_ = mkdtemp(name);
        http::ensure_certificate(folder_ + "/c.pem", folder_ + "/k.pem", "fuzz");
        int fd = http::listen_on("127.0.0.1", 0);
        sockaddr_in a{};
        socklen_t size = sizeof a;
        getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size);
        address_ = a;
        http::Limits limits;
        limits.body_bytes = 4096;
        limits.header_bytes = 2048;
        limits.threads = 1;
        server_ = std::make_unique<http::Server>(
            io_, fd, folder_ + "/c.pem", folder_ + "/k.pem", limits,
            [](http::Request request, std::function<void(http::Response)> then) {
                json::object answer{{"method", request.method},
                                    {"size", static_cast<int64_t>(request.body.size())}};
                then({200, json::text(answer)});
            });
        server_->start();
        std::filesystem::remove_all(folder_);
        context_ = SSL_CTX_new(TLS_client_method());
        loop_ = std::thread([this] { io_.run(); });
        loop_.detach();
    }

    void visit(std::string_view bytes) {
        auto [fd, ssl] = connected();
        if (!bytes.empty()) SSL_write(ssl, bytes.data(), static_cast<int>(bytes.size()));
        // A request of our own after it: it is answered, or the connection is closed. A server that
        // waits for more of a body gets the end of the connection.
        SSL_shutdown(ssl);
        std::string answers;
        char buffer[4096];
        pollfd waiting{fd, POLLIN, 0};
        while (SSL_pending(ssl) > 0 || poll(&waiting, 1, 500) > 0) {
            int n = SSL_read(ssl, buffer, sizeof buffer);
            if (n <= 0) break;
            answers.append(buffer, static_cast<size_t>(n));
        }
        check(answers);
        if (SSL_SESSION* fresh = SSL_get1_session(ssl)) {
            if (session_) SSL_SESSION_free(session_);
            session_ = fresh;
        }
        SSL_free(ssl);
        close(fd);
    }

  private:
    /// A connection after its handshake. On a machine that lets us wait for longer than the server
    /// waits for a handshake it is tried again.
    std::pair<int, SSL*> connected() {
        std::string why;
        for (int attempt = 0; attempt < 5; ++attempt) {
            int fd = socket(AF_INET, SOCK_STREAM, 0);
            int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            // Without TIME_WAIT the ports last for millions of visits.
            linger hard{1, 0};
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            if (connect(fd, reinterpret_cast<sockaddr*>(&address_), sizeof address_) != 0) {
                fail(std::string("connect: ") + strerror(errno));
            }
            SSL* ssl = SSL_new(context_);
            SSL_set_fd(ssl, fd);
            if (session_) SSL_set_session(ssl, session_);
            errno = 0;
            int rc = SSL_connect(ssl);
            if (rc == 1) return {fd, ssl};
            char text[256];
            ERR_error_string_n(ERR_get_error(), text, sizeof text);
            why += "\nSSL error " + std::to_string(SSL_get_error(ssl, rc)) + ", " + strerror(errno) +
                   ", " + text;
            SSL_free(ssl);
            close(fd);
        }
        fail("no handshake in five attempts:" + why);
    }
    [[noreturn]] static void fail(const std::string& why) {
        std::fprintf(stderr, "the visit failed: %s\n", why.c_str());
        abort();
    }
    /// Whole answers with JSON bodies, nothing else.
    static void check(std::string_view answers) {
        while (!answers.empty()) {
            size_t head = answers.find("\r\n\r\n");
            if (head == std::string_view::npos || !answers.starts_with("HTTP/1.1 ")) return;
            size_t at = answers.find("Content-Length: ");
            if (at == std::string_view::npos || at > head) {
                fail("an answer without a length: " + std::string(answers.substr(0, head)));
            }
            size_t length = std::strtoull(answers.data() + at + 16, nullptr, 10);
            std::string_view body = answers.substr(head + 4, length);
            if (body.size() < length) return;
            json::parse_object(body);
            answers.remove_prefix(head + 4 + length);
        }
    }

    std::string folder_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> busy_{
        io_.get_executor()};
    std::unique_ptr<http::Server> server_;
    std::thread loop_;
    sockaddr_in address_{};
    SSL_CTX* context_ = nullptr;
    SSL_SESSION* session_ = nullptr;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static Door* door = new Door;  // its threads run until the end
    door->visit({reinterpret_cast<const char*>(data), size});
    return 0;
}
