#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <string>

namespace mds::core {

/// Answers `GET /metrics` on a local socket that the service manager has opened, in just enough HTTP for
/// scrapers: one request per connection. Who may connect is a matter of the socket's file. On the loop thread.
class MetricsSocket {
  public:
    /// `render` makes the text of an answer; when it throws, the answer is 503 with the reason.
    MetricsSocket(boost::asio::io_context& io, int fd, std::function<std::string()> render);

  private:
    class Client;
    void accept();
    boost::asio::local::stream_protocol::acceptor acceptor_;
    const std::function<std::string()> render_;
    /// Alive as long as clients are, each holds it.
    std::shared_ptr<char> clients_ = std::make_shared<char>();
};

}  // namespace mds::core
