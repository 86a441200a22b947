#include "trial.hh"

#include <boost/asio/connect.hpp>
#include <boost/asio/post.hpp>

#include "base/clock.hh"
#include "base/error.hh"

namespace mds::sync {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// One trial; it lives as long as its timer.
class Trial : public std::enable_shared_from_this<Trial> {
  public:
    Trial(Surroundings& surroundings, Member member, std::function<void(json::object)> then)
        : surroundings_(surroundings),
          member_(std::move(member)),
          then_(std::move(then)),
          timer_(surroundings.io),
          resolver_(surroundings.io),
          socket_(surroundings.io),
          begin_ms_(mono_ms()) {
        told_ = {{"address", member_.address}, {"port", member_.port}, {"step", "name"}};
    }

    void start(int patience_ms) {
        timer_.expires_after(std::chrono::milliseconds(patience_ms));
        timer_.async_wait([self = shared_from_this(),
                           patience_ms](const boost::system::error_code& error) {
            if (!error)
                self->finish("no answer within " + std::to_string(patience_ms / 1000) + " seconds");
        });
        resolver_.async_resolve(
            member_.address, std::to_string(member_.port), tcp::resolver::numeric_service,
            [self = shared_from_this()](const boost::system::error_code& error,
                                        const tcp::resolver::results_type& found) {
                if (self->done_) return;
                if (error) return self->finish(error.message());
                self->connect(found);
            });
    }

  private:
    void connect(const tcp::resolver::results_type& found) {
        told_["step"] = "connect";
        asio::async_connect(socket_, found,
                            [self = shared_from_this()](const boost::system::error_code& error,
                                                        const tcp::endpoint&) {
                                if (self->done_) return;
                                if (error) return self->finish(error.message());
                                self->handshake();
                            });
    }

    void handshake() {
        told_["connect-ms"] = mono_ms() - begin_ms_;
        told_["step"] = "handshake";
        // The credentials may have gone meanwhile.
        if (!surroundings_.tls) return finish("this server waits for trust", true);
        link_ =
            std::make_shared<Link>(std::move(socket_), surroundings_.tls, surroundings_.counters);
        std::weak_ptr<Trial> weak = weak_from_this();
        Link::Events events;
        events.authenticated = [weak](const wire::PeerIdentity& identity) {
            if (auto self = weak.lock()) self->hello(identity);
        };
        events.frame = [weak](wire::Frame&& frame) {
            if (auto self = weak.lock()) self->answered(frame);
        };
        events.closed = [weak](const std::string& reason, bool trust) {
            if (auto self = weak.lock()) self->finish(reason, trust);
        };
        link_->start(asio::ssl::stream_base::client, std::move(events));
    }

    void hello(const wire::PeerIdentity& identity) {
        told_["handshake-ms"] = mono_ms() - begin_ms_ - json::get_int(told_, "connect-ms");
        told_["name"] = identity.name;
        told_["serial"] = identity.serial;
        told_["not-after"] = identity.not_after;
        if (identity.uid.text() != member_.uid) {
            throw Error(Code::forbidden, "another server answers there: " + identity.name);
        }
        told_["step"] = "hello";
        wire::Frame frame;
        frame.type = wire::Type::hello;
        frame.payload = json::text(
            json::object{{"protocol", k_trial_protocol}, {"instance", surroundings_.instance}});
        link_->send(frame);
    }

    void answered(const wire::Frame& frame) {
        if (frame.type != wire::Type::refused)
            throw Error(Code::invalid_syntax, "an answer that does not fit");
        json::object answer = json::parse_object(frame.payload);
        // What is no matter of trust is that it will not go on with this hello.
        if (json::get_bool(answer, "trust"))
            return finish(json::get_string(answer, "reason", "refused"), true);
        told_["step"] = "done";
        finish("");
    }

    void finish(const std::string& error, bool trust = false) {
        if (done_) return;
        done_ = true;
        timer_.cancel();
        resolver_.cancel();
        boost::system::error_code ignored;
        socket_.close(ignored);
        if (link_) link_->close();
        told_["error"] = error;
        told_["trust"] = trust;
        // One of the link's events may be running now.
        asio::post(surroundings_.io, [self = shared_from_this()] { self->then_(self->told_); });
    }

    Surroundings& surroundings_;
    Member member_;
    std::function<void(json::object)> then_;
    asio::steady_timer timer_;
    tcp::resolver resolver_;
    tcp::socket socket_;
    std::shared_ptr<Link> link_;
    json::object told_;
    int64_t begin_ms_;
    bool done_ = false;
};

}  // namespace

void try_peer(Surroundings& surroundings, const Member& member, int patience_ms,
              std::function<void(json::object)> then) {
    std::make_shared<Trial>(surroundings, member, std::move(then))->start(patience_ms);
}

}  // namespace mds::sync
