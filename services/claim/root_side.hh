#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <string>

#include "json/json.hh"

namespace mds::claim {

/// One question to mds-firstboot-claim.service, and its answer: a line of JSON, or more until it ends. Loop thread.
class RootSide : public std::enable_shared_from_this<RootSide> {
  public:
    /// `line` is called for every line; `end` once, after the last one.
    static void ask(boost::asio::io_context& io, const std::string& socket, const json::object& question,
                    std::function<void(RootSide&, const json::object&)> line, std::function<void()> end);
    /// Says that what the last line has asked for is done.
    void confirm();

    explicit RootSide(boost::asio::io_context& io) : socket_(io) {}
    ~RootSide();

  private:
    void read();

    boost::asio::local::stream_protocol::socket socket_;
    std::string question_, buffer_;
    std::function<void(RootSide&, const json::object&)> line_;
    std::function<void()> end_;
};

}  // namespace mds::claim
