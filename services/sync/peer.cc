#include "peer.hh"

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <random>

#include "base/clock.hh"
#include "base/error.hh"
#include "json/json.hh"
#include "log/messages.hh"

namespace mds::sync {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Bytes that may wait for one peer (flow control is the replication protocol's; this is a fence).
constexpr size_t k_queue_limit = 64u << 20;
/// Milliseconds: heartbeat, silence that ends a connection, time for connecting and hello.
constexpr int k_ping_ms = 1000;
constexpr int k_silence_ms = 5000;
constexpr int k_connect_ms = 5000;
/// Milliseconds between attempts: first and longest; doubled each time.
constexpr int k_back_off_first_ms = 100;
constexpr int k_back_off_last_ms = 5000;
/// Milliseconds between two lines in the journal about dropped messages.
constexpr int k_drop_log_ms = 10'000;
constexpr int k_protocol = 1;

uint64_t micros() {
    using namespace std::chrono;
    auto now = steady_clock::now().time_since_epoch();
    return static_cast<uint64_t>(duration_cast<microseconds>(now).count());
}

/// Between half of `milliseconds` and all of it, so that servers do not dial in step.
int jittered(int milliseconds) {
    static std::minstd_rand random{std::random_device{}()};
    return std::uniform_int_distribution<int>(milliseconds / 2, milliseconds)(random);
}

}  // namespace

const char* state_text(State state) {
    switch (state) {
        case State::connecting:
            return "connecting";
        case State::connected:
            return "connected";
        case State::unreachable:
            return "unreachable";
        case State::no_trust:
            return "no-trust";
    }
    return "";
}

std::string hello_text(const std::string& instance) {
    return json::text(json::object{{"protocol", k_protocol}, {"instance", instance}});
}

Peer::Peer(Surroundings& surroundings, Member member)
    : surroundings_(surroundings),
      member_(std::move(member)),
      since_(wall_ms()),
      timer_(surroundings.io) {}

void Peer::dial() {
    if (stopped_ || dialling_ || out_) return;
    if (!surroundings_.tls) return become(State::no_trust, "this server waits for trust");
    timer_.cancel();
    dialling_ = true;
    ++attempt_;
    attempt_ms_ = mono_ms();
    connect();
}

void Peer::connect() {
    auto mine = [self = shared_from_this(), attempt = attempt_] {
        return !self->stopped_ && self->attempt_ == attempt && self->dialling_ && !self->out_;
    };
    auto socket = std::make_shared<tcp::socket>(surroundings_.io);
    connecting_ = socket;
    auto connected = [this, self = shared_from_this(), mine,
                      socket](const boost::system::error_code& error) {
        if (!mine()) return;
        if (error) return lost(error.message(), false);
        begin(std::move(*socket));
    };
    boost::system::error_code not_an_address;
    auto address = asio::ip::make_address(member_.address, not_an_address);
    if (!not_an_address) {
        return socket->async_connect(tcp::endpoint(address, member_.port), connected);
    }
    auto resolver = std::make_shared<tcp::resolver>(surroundings_.io);
    resolver->async_resolve(
        member_.address, std::to_string(member_.port), tcp::resolver::numeric_service,
        [this, self = shared_from_this(), mine, socket, connected, resolver](
            const boost::system::error_code& error, const tcp::resolver::results_type& found) {
            if (!mine()) return;
            if (error) return lost(member_.address + ": " + error.message(), false);
            asio::async_connect(*socket, found,
                                [connected](const boost::system::error_code& e,
                                            const tcp::endpoint&) { connected(e); });
        });
}

void Peer::begin(tcp::socket socket) {
    if (!surroundings_.tls) return lost("this server waits for trust", true);
    out_ = std::make_shared<Link>(std::move(socket), surroundings_.tls, surroundings_.counters);
    std::weak_ptr<Peer> weak = weak_from_this();
    Link::Events events;
    events.authenticated = [weak](const wire::PeerIdentity& identity) {
        auto self = weak.lock();
        if (!self) return;
        if (identity.uid.text() != self->member_.uid) {
            throw Error(Code::forbidden, "another server answers there: " + identity.name);
        }
        wire::Frame hello;
        hello.type = wire::Type::hello;
        hello.payload = hello_text(self->surroundings_.instance);
        self->out_->send(hello);
    };
    events.frame = [weak](wire::Frame&& frame) {
        if (auto self = weak.lock()) self->out_frame(frame);
    };
    events.next = [weak](wire::Frame& frame) {
        auto self = weak.lock();
        return self && self->queue_ && self->queue_->next(frame);
    };
    events.closed = [weak](const std::string& reason, bool trust) {
        if (auto self = weak.lock()) self->lost(reason, trust);
    };
    out_->start(asio::ssl::stream_base::client, std::move(events));
}

void Peer::out_frame(const wire::Frame& frame) {
    switch (frame.type) {
        case wire::Type::welcome:
            return welcomed(frame);
        case wire::Type::pong:
            round_trip_us_ = static_cast<uint32_t>(micros() - frame.request);
            return;
        case wire::Type::refused: {
            auto answer = json::parse_object(frame.payload);
            out_->close();
            return lost(json::get_string(answer, "reason", "refused"),
                        json::get_bool(answer, "trust"));
        }
        default:
            throw Error(Code::invalid_syntax, "an answer that does not fit");
    }
}

void Peer::welcomed(const wire::Frame& frame) {
    auto answer = json::parse_object(frame.payload);
    if (json::get_int(answer, "protocol") != k_protocol) {
        throw Error(Code::invalid_syntax, "the other end speaks another version of the protocol");
    }
    out_instance_ = json::get_string(answer, "instance");
    out_->trust_size();
    queue_ = std::make_unique<wire::SendQueue>(k_queue_limit);
    dialling_ = false;
    back_off_ms_ = 0;
    last_ping_ms_ = 0;
    become(State::connected, "");
    tick();
}

void Peer::abandon() {
    if (auto socket = connecting_.lock()) {
        boost::system::error_code ignored;
        socket->close(ignored);
    }
    connecting_.reset();
    dialling_ = false;
    ++attempt_;
}

void Peer::lost(const std::string& reason, bool trust) {
    touch();
    abandon();
    out_.reset();
    queue_.reset();
    out_instance_.clear();
    round_trip_us_ = 0;
    become(trust ? State::no_trust : State::unreachable, reason);
    retry();
}

void Peer::retry() {
    if (stopped_) return;
    back_off_ms_ = std::clamp(back_off_ms_ * 2, k_back_off_first_ms, k_back_off_last_ms);
    timer_.expires_after(std::chrono::milliseconds(jittered(back_off_ms_)));
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
        auto self = weak.lock();
        if (self && !error) self->dial();
    });
}

void Peer::become(State state, const std::string& reason) {
    if (state == state_ && reason == reason_) return;
    if (state != state_) {
        since_ = wall_ms();
        std::string text = "The server " + member_.name + " is " + state_text(state);
        if (!reason.empty()) text += ": " + reason;
        std::initializer_list<log::Field> fields = {{"MDS_PEER", member_.name}, {"MDS_PEER_UID", member_.uid}};
        if (state == State::connected) {
            log::event(log::message::peer_connected, text, fields);
        } else if (state == State::no_trust) {
            log::event(log::message::peer_not_trusted, text, fields);
        } else if (state_ == State::connected) {
            log::event(log::message::peer_lost, text, fields);
        } else {
            log::warning(text, fields);  // was not connected before either
        }
    }
    state_ = state;
    reason_ = reason;
    surroundings_.changed(member_.uid);
}

void Peer::send(wire::Message message) {
    if (state_ != State::connected || !queue_) return;
    size_t size = message.payload.size();
    if (queue_->push(std::move(message))) return out_->wake();
    ++dropped_;
    int64_t now = mono_ms();
    if (drop_logged_ms_ != 0 && now - drop_logged_ms_ < k_drop_log_ms) return;
    drop_logged_ms_ = now;
    log::warning("Dropped " + std::to_string(dropped_) + " messages for " + member_.name +
                     ", the last of " + std::to_string(size) +
                     " bytes: " + std::to_string(queue_->bytes()) + " bytes wait already",
                 {{"MDS_SERVER", member_.name}, {"MDS_PEER", member_.uid}});
    dropped_ = 0;
}

void Peer::incoming(std::shared_ptr<Link> link, const std::string& instance) {
    if (in_) {
        touch();
        in_->close();
    }
    in_ = std::move(link);
    assembler_ = std::make_unique<wire::Assembler>();
    in_->trust_size();
    wire::Frame welcome;
    welcome.type = wire::Type::welcome;
    welcome.payload = hello_text(surroundings_.instance);
    in_->send(welcome);
    touch();
    if (out_ && !out_instance_.empty() && out_instance_ != instance) {
        // Our connection leads to a process that is gone: the peer was restarted.
        out_->close();
        lost("the other server was restarted", false);
    }
    // It is evidently there: no waiting, neither for the next attempt nor for one whose first
    // packets were lost.
    back_off_ms_ = 0;
    if (dialling_ && !out_) abandon();
    dial();
}

void Peer::in_frame(const wire::Frame& frame) {
    if (frame.type == wire::Type::ping) {
        wire::Frame pong;
        pong.type = wire::Type::pong;
        pong.request = frame.request;
        return in_->send(pong);
    }
    if (frame.type != wire::Type::message) {
        throw Error(Code::invalid_syntax, "a frame that does not fit");
    }
    if (auto message = assembler_->add(frame))
        surroundings_.arrived(member_.uid, std::move(*message));
}

void Peer::in_closed(const std::shared_ptr<Link>& link) {
    if (in_ != link) return;
    touch();
    in_.reset();
}

void Peer::tick() {
    if (stopped_) return;
    int64_t now = mono_ms();
    if (in_ && now - in_->last_byte_ms() > k_silence_ms) {
        touch();
        in_->close();
        in_.reset();
    }
    if (dialling_ && now - attempt_ms_ > k_connect_ms) {
        if (out_) out_->close();
        return lost("no answer within 5 seconds", false);
    }
    if (state_ != State::connected) return;
    if (now - out_->last_byte_ms() > k_silence_ms) {
        out_->close();
        return lost("silent for 5 seconds", false);
    }
    if (now - last_ping_ms_ < k_ping_ms) return;
    last_ping_ms_ = now;
    wire::Frame ping;
    ping.type = wire::Type::ping;
    ping.request = micros();
    out_->send(ping);
}

void Peer::trust_changed() {
    const auto& tls = surroundings_.tls;
    for (auto* link : {&in_, &out_}) {
        if (!*link) continue;
        std::string reason = "this server waits for trust";
        try {
            if (tls) {
                (*link)->recheck(*tls);
                continue;
            }
        } catch (const Error& e) {
            reason = e.message();
        }
        (*link)->close();
        if (link == &in_) {
            in_.reset();
        } else {
            lost(reason, true);
        }
    }
    back_off_ms_ = 0;
    dial();
}

void Peer::stop() {
    stopped_ = true;
    timer_.cancel();
    abandon();
    if (out_) out_->close();
    if (in_) in_->close();
    out_.reset();
    in_.reset();
}

void Peer::touch() {
    int64_t idle = INT64_MAX;
    for (const auto* link : {&in_, &out_}) {
        // Only connections that were trusted count as contact.
        bool counts = *link && (link == &in_ || queue_);
        if (counts) idle = std::min(idle, mono_ms() - (*link)->last_byte_ms());
    }
    if (idle != INT64_MAX) last_contact_ = std::max(last_contact_, wall_ms() - idle);
}

int64_t Peer::last_contact() {
    touch();
    return last_contact_;
}

}  // namespace mds::sync
