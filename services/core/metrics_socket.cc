#include "metrics_socket.hh"

#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>

#include "log/log.hh"

namespace mds::core {
namespace asio = boost::asio;
namespace {

constexpr size_t k_request_bytes = 4096;
constexpr long k_clients = 8;
/// For the request and for the answer together.
constexpr std::chrono::seconds k_patience{10};

std::string answer(const char* status, const std::string& body, const char* more = "") {
    return fmt::format("HTTP/1.1 {}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                       "Content-Length: {}\r\nConnection: close\r\n{}\r\n{}",
                       status, body.size(), more, body);
}

}  // namespace

class MetricsSocket::Client : public std::enable_shared_from_this<Client> {
  public:
    Client(asio::local::stream_protocol::socket socket, std::shared_ptr<char> counted,
           std::function<std::string()> render)
        : socket_(std::move(socket)), timer_(socket_.get_executor()), counted_(std::move(counted)),
          render_(std::move(render)) {}

    void start() {
        timer_.expires_after(k_patience);
        timer_.async_wait([self = shared_from_this()](boost::system::error_code error) {
            if (!error) self->close();
        });
        asio::async_read_until(socket_, asio::dynamic_buffer(text_, k_request_bytes), "\r\n\r\n",
                               [self = shared_from_this()](boost::system::error_code error, size_t) {
                                   if (error == asio::error::not_found) {
                                       self->send(answer("431 Request Header Fields Too Large", ""));
                                   } else if (error) {
                                       self->close();
                                   } else {
                                       self->respond();
                                   }
                               });
    }

  private:
    void respond() {
        std::string_view line = std::string_view(text_).substr(0, text_.find("\r\n"));
        size_t first = line.find(' '), second = line.rfind(' ');
        if (first == std::string_view::npos || second == first || !line.substr(second + 1).starts_with("HTTP/1.")) {
            return send(answer("400 Bad Request", "This is no request of HTTP/1.1\n"));
        }
        std::string_view target = line.substr(first + 1, second - first - 1);
        if (target.substr(0, target.find('?')) != "/metrics") {
            return send(answer("404 Not Found", "The metrics are at /metrics\n"));
        }
        if (line.substr(0, first) != "GET") {
            return send(answer("405 Method Not Allowed", "Only GET\n", "Allow: GET\r\n"));
        }
        try {
            send(answer("200 OK", render_()));
        } catch (const std::exception& e) {
            send(answer("503 Service Unavailable", std::string(e.what()) + "\n"));
        }
    }

    void send(std::string text) {
        text_ = std::move(text);
        asio::async_write(socket_, asio::buffer(text_),
                          [self = shared_from_this()](boost::system::error_code, size_t) { self->close(); });
    }

    void close() {
        boost::system::error_code ignored;
        timer_.cancel();
        socket_.shutdown(asio::local::stream_protocol::socket::shutdown_both, ignored);
        socket_.close(ignored);
    }

    asio::local::stream_protocol::socket socket_;
    asio::steady_timer timer_;
    /// The request, then the answer.
    std::string text_;
    std::shared_ptr<char> counted_;
    std::function<std::string()> render_;
};

MetricsSocket::MetricsSocket(asio::io_context& io, int fd, std::function<std::string()> render)
    : acceptor_(io, asio::local::stream_protocol(), fd), render_(std::move(render)) {
    accept();
}

void MetricsSocket::accept() {
    acceptor_.async_accept([this](boost::system::error_code error, asio::local::stream_protocol::socket socket) {
        if (error == asio::error::operation_aborted) return;
        if (error) {
            // Too many open files: the socket would be ready again at once.
            log::error("the socket of the metrics is given up until a restart: " + error.message());
            boost::system::error_code ignored;
            acceptor_.close(ignored);
            return;
        }
        // Beyond that many the connection ends at once.
        if (clients_.use_count() <= k_clients) {
            std::make_shared<Client>(std::move(socket), clients_, render_)->start();
        }
        accept();
    });
}

}  // namespace mds::core
