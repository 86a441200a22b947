#include "network.hh"

#include <algorithm>
#include <boost/asio/ip/v6_only.hpp>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "json/json.hh"
#include "log/log.hh"
#include "trial.hh"

namespace mds::sync {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

/// Connections that have not said hello: most at a time, and how long each may take.
constexpr size_t k_max_strangers = 64;
constexpr int k_hello_ms = 5000;
/// A gateway has what it asked for by then.
constexpr int k_gateway_ms = 60'000;
/// Milliseconds between attempts to listen on a port that is in use.
constexpr int k_listen_again_ms = 1000;
constexpr char k_waiting[] = "waiting for trust";

/// As people write it, also when it came through a socket for both families.
std::string plain_address(asio::ip::address address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped()) {
        address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
    }
    return address.to_string();
}

}  // namespace

Network::Network(asio::io_context& io, uint16_t port, Events events)
    : io_(io),
      port_(port),
      events_(std::move(events)),
      surroundings_{io, {}, hex(random_bytes(8)), nullptr, events_.arrived, events_.peer_changed},
      acceptor_(io),
      state_(k_waiting) {}

Network::~Network() {
    stop();
}

void Network::stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (const auto& incoming : incoming_) incoming->link->close();
    incoming_.clear();
    for (const auto& [uid, peer] : peers_) peer->stop();
    peers_.clear();
}

void Network::set_trust(std::shared_ptr<wire::Tls> tls, const std::string& why) {
    surroundings_.tls = std::move(tls);
    if (surroundings_.tls) {
        if (!acceptor_.is_open()) listen();
    } else {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
        for (const auto& incoming : incoming_) incoming->link->close();
        incoming_.clear();
        become(why.empty() ? k_waiting : why);
    }
    for (const auto& [uid, peer] : peers_) peer->trust_changed();
}

void Network::become(const std::string& state) {
    if (state == state_) return;
    state_ = state;
    events_.state_changed();
}

void Network::listen() {
    boost::system::error_code error, ignored;
    tcp::endpoint endpoint(tcp::v6(), port_);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) {
        acceptor_.set_option(asio::ip::v6_only(false), ignored);
    } else {  // a kernel without IPv6
        endpoint = tcp::endpoint(tcp::v4(), port_);
        acceptor_.open(endpoint.protocol(), error);
    }
    if (!error) {
        acceptor_.set_option(tcp::acceptor::reuse_address(true), ignored);
        acceptor_.bind(endpoint, error);
    }
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
        acceptor_.close(ignored);
        listen_again_ms_ = mono_ms() + k_listen_again_ms;
        std::string text =
            "cannot listen on port " + std::to_string(port_) + ": " + error.message();
        if (text != state_) log::error(text);
        return become(text);
    }
    become("listening");
    accept();
}

void Network::accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, tcp::socket socket) {
        if (!acceptor_.is_open()) return;
        if (!error && surroundings_.tls) greet(std::move(socket));
        accept();
    });
}

bool Network::from_member(const tcp::socket& socket) const {
    boost::system::error_code error;
    asio::ip::address address = socket.remote_endpoint(error).address();
    if (error) return false;
    std::string text = plain_address(address);
    return std::any_of(peers_.begin(), peers_.end(),
                       [&](const auto& one) { return one.second->member().address == text; });
}

void Network::greet(tcp::socket socket) {
    auto strangers = std::count_if(incoming_.begin(), incoming_.end(),
                                   [](const auto& one) { return one->peer.expired(); });
    // A flood from elsewhere must not keep the members out.
    if (static_cast<size_t>(strangers) >= k_max_strangers && !from_member(socket)) return;
    auto incoming = std::make_shared<Incoming>();
    auto link =
        std::make_shared<Link>(std::move(socket), surroundings_.tls, surroundings_.counters);
    incoming->link = link;
    incoming_.push_back(incoming);
    std::weak_ptr<Incoming> weak = incoming;
    Link::Events events;
    boost::system::error_code unknown;
    incoming->address = plain_address(link->remote(unknown));
    events.authenticated = [weak](const wire::PeerIdentity& identity) {
        auto self = weak.lock();
        if (!self) return;
        self->uid = identity.uid.text();
        if (identity.gateway()) self->gateway = identity;
    };
    events.frame = [this, weak](wire::Frame&& frame) {
        auto self = weak.lock();
        if (!self) return;
        if (self->gateway) return serve_gateway(self, frame);
        if (auto peer = self->peer.lock()) return peer->in_frame(frame);
        first_frame(self, frame);
    };
    events.closed = [this, weak](const std::string& reason, bool trust) {
        auto self = weak.lock();
        if (!self) return;
        auto peer = self->peer.lock();
        if (peer) {
            peer->in_closed(self->link);
        } else if (trust) {
            log::warning("Refused an incoming connection: " + reason, {{"MDS_PEER", self->uid}});
        }
        incoming_.remove(self);
    };
    link->start(asio::ssl::stream_base::server, std::move(events));
}

void Network::serve_gateway(const std::shared_ptr<Incoming>& incoming, const wire::Frame& frame) {
    if (frame.type != wire::Type::hello || incoming->asked) throw Error(Code::invalid_syntax, "one question a connection");
    incoming->asked = true;
    std::weak_ptr<Link> weak = incoming->link;
    events_.gateway_asks(*incoming->gateway, incoming->address, frame.payload, [weak](std::string reply) {
        auto link = weak.lock();
        if (!link || !link->open()) return;
        size_t at = 0;
        do {
            wire::Frame piece;
            piece.payload = reply.substr(at, wire::k_max_payload);
            at += piece.payload.size();
            if (at < reply.size()) piece.flags = wire::k_flag_more;
            link->send(piece);
        } while (at < reply.size());
    });
}

void Network::first_frame(const std::shared_ptr<Incoming>& incoming, const wire::Frame& frame) {
    if (frame.type != wire::Type::hello) throw Error(Code::invalid_syntax, "no hello");
    auto hello = json::parse_object(frame.payload);
    int64_t protocol = json::get_int(hello, "protocol");
    if (protocol != 1 && protocol != k_trial_protocol) {
        return incoming->link->refuse("this server speaks version 1 of the protocol", false);
    }
    auto peer = find(incoming->uid);
    if (!peer) {
        // Until mds-core has listed the members nobody can be told that it is not one.
        if (!members_known_) return incoming->link->refuse("it is starting", false);
        log::warning("Refused " + incoming->uid + ": not a server of the deployment",
                     {{"MDS_PEER", incoming->uid}});
        return incoming->link->refuse("it does not list this server as a member", true);
    }
    if (protocol == k_trial_protocol) return incoming->link->refuse("", false);
    incoming->peer = peer;
    peer->incoming(incoming->link, json::get_string(hello, "instance"));
}

void Network::set_members(const std::vector<Member>& members) {
    members_known_ = true;
    std::map<std::string, std::shared_ptr<Peer>> before = std::move(peers_);
    peers_.clear();
    std::vector<std::shared_ptr<Peer>> fresh;
    for (const Member& member : members) {
        auto it = before.find(member.uid);
        if (it != before.end() && it->second->member() == member) {
            peers_.insert(before.extract(it));
            continue;
        }
        auto peer = std::make_shared<Peer>(surroundings_, member);
        peers_[member.uid] = peer;
        fresh.push_back(peer);
    }
    for (const auto& [uid, peer] : before) {
        peer->stop();
        events_.peer_changed(uid);
    }
    for (const auto& peer : fresh) peer->dial();
    for (const auto& [uid, peer] : peers_) {
        if (before.count(uid) == 0) continue;
        log::notice("The server " + peer->member().name + " has a new name or address",
                    {{"MDS_SERVER", peer->member().name}});
    }
    std::erase_if(incoming_, [](const auto& one) { return !one->link->open(); });
}

void Network::send(const std::string& uid, wire::Message message) {
    if (auto peer = find(uid)) peer->send(std::move(message));
}

void Network::test(const std::string& uid, std::function<void(json::object)> then) {
    auto peer = find(uid);
    if (!peer) throw Error(Code::object_not_found, "no other server of the deployment has the uid " + uid);
    try_peer(surroundings_, peer->member(), k_hello_ms, std::move(then));
}

void Network::tick() {
    int64_t now = mono_ms();
    for (const auto& incoming : incoming_) {
        bool late = incoming->peer.expired() &&
                    now - incoming->link->started_ms() > (incoming->asked ? k_gateway_ms : k_hello_ms);
        if (late) incoming->link->close();
    }
    std::erase_if(incoming_, [](const auto& one) { return !one->link->open(); });
    // A peer may report a change, and the list must not change meanwhile.
    auto all = peers_;
    for (const auto& [uid, peer] : all) peer->tick();
    if (surroundings_.tls && !acceptor_.is_open() && now >= listen_again_ms_) listen();
}

std::shared_ptr<Peer> Network::find(const std::string& uid) const {
    auto it = peers_.find(uid);
    return it == peers_.end() ? nullptr : it->second;
}

size_t Network::connected() const {
    return static_cast<size_t>(std::count_if(peers_.begin(), peers_.end(), [](const auto& one) {
        return one.second->state() == State::connected;
    }));
}

}  // namespace mds::sync
