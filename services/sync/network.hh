#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "json/json.hh"
#include "peer.hh"

namespace mds::sync {

/// All connections of this server: the listening port, connections that have not said who they are,
/// and the peers. Knows nothing of the bus.
class Network {
  public:
    struct Events {
        std::function<void(const std::string& uid, wire::Message&&)> arrived;
        std::function<void(const std::string& uid)> peer_changed;
        /// state() changed.
        std::function<void()> state_changed;
        /// A gateway asks (JSON); the answer is given to `then` once, at any time.
        std::function<void(const wire::PeerIdentity& gateway, const std::string& address, const std::string& request,
                           std::function<void(std::string reply)> then)>
            gateway_asks;
    };

    Network(boost::asio::io_context& io, uint16_t port, Events events);
    ~Network();

    /// Uses other credentials; null = none: everything is closed. `why` is shown as the state then.
    void set_trust(std::shared_ptr<wire::Tls> tls, const std::string& why);
    /// Replaces the list of the other servers; who is not in it is disconnected at once.
    void set_members(const std::vector<Member>& members);
    /// Drops the message when `uid` is not connected.
    void send(const std::string& uid, wire::Message message);
    /// Goes to another server and tells how far it came (trial.hh); throws when `uid` is none.
    void test(const std::string& uid, std::function<void(json::object)> then);
    /// Heartbeats and deadlines; call several times a second.
    void tick();
    void stop();

    /// "listening", "waiting for trust" or why it does not listen.
    const std::string& state() const { return state_; }
    /// The peer, or null.
    std::shared_ptr<Peer> find(const std::string& uid) const;
    const std::map<std::string, std::shared_ptr<Peer>>& peers() const { return peers_; }
    size_t connected() const;
    const Counters& counters() const { return surroundings_.counters; }

  private:
    /// An incoming connection: without a peer until its hello.
    struct Incoming {
        std::shared_ptr<Link> link;
        std::string uid;
        std::weak_ptr<Peer> peer;
        /// Of a gateway, which asks one thing.
        std::optional<wire::PeerIdentity> gateway;
        std::string address;
        bool asked = false;
    };
    void listen();
    void accept();
    void greet(boost::asio::ip::tcp::socket socket);
    /// Whether the other end has the address of a member (one listed by address, not by name).
    bool from_member(const boost::asio::ip::tcp::socket& socket) const;
    void first_frame(const std::shared_ptr<Incoming>& incoming, const wire::Frame& frame);
    /// What a gateway asks, and the answer in as many frames as it takes.
    void serve_gateway(const std::shared_ptr<Incoming>& incoming, const wire::Frame& frame);
    void become(const std::string& state);

    boost::asio::io_context& io_;
    uint16_t port_;
    Events events_;
    Surroundings surroundings_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::string state_;
    int64_t listen_again_ms_ = 0;
    bool members_known_ = false;
    std::map<std::string, std::shared_ptr<Peer>> peers_;
    std::list<std::shared_ptr<Incoming>> incoming_;
};

}  // namespace mds::sync
