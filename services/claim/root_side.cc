#include "root_side.hh"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>

#include "crypto/secret.hh"

namespace mds::claim {
namespace asio = boost::asio;
namespace {

/// A form with every question is a tenth of it.
constexpr size_t k_longest_line = 262'144;

}  // namespace

void RootSide::ask(asio::io_context& io, const std::string& socket, const json::object& question,
                   std::function<void(RootSide&, const json::object&)> line, std::function<void()> end) {
    auto self = std::make_shared<RootSide>(io);
    self->question_ = json::text(question) + "\n";
    self->line_ = std::move(line);
    self->end_ = std::move(end);
    self->socket_.async_connect({socket}, [self](boost::system::error_code error) {
        if (error) return self->end_();
        asio::async_write(self->socket_, asio::buffer(self->question_),
                          [self](boost::system::error_code failed, size_t) {
                              crypto::wipe(self->question_);
                              if (failed) return self->end_();
                              self->read();
                          });
    });
}

RootSide::~RootSide() { crypto::wipe(question_); }

void RootSide::confirm() {
    boost::system::error_code ignored;
    socket_.send(asio::buffer("k", 1), 0, ignored);
}

void RootSide::read() {
    asio::async_read_until(socket_, asio::dynamic_buffer(buffer_, k_longest_line), '\n',
                           [self = shared_from_this()](boost::system::error_code error, size_t size) {
                               if (error) return self->end_();
                               json::object one;
                               try {
                                   one = json::parse_object(self->buffer_.substr(0, size));
                               } catch (const std::exception&) {
                                   return self->end_();
                               }
                               self->buffer_.erase(0, size);
                               self->line_(*self, one);
                               self->read();
                           });
}

}  // namespace mds::claim
