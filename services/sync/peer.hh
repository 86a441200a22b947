#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "link.hh"
#include "wire/assembler.hh"
#include "wire/message.hh"
#include "wire/send_queue.hh"

namespace mds::sync {

/// Another server of the deployment, as mds-core lists it.
struct Member {
    /// Canonical text form of the uid.
    std::string uid;
    std::string name;
    /// Address or host name, and TCP port.
    std::string address;
    uint16_t port = 0;

    bool operator==(const Member&) const = default;
};

/// "connected", "connecting", "unreachable", "no-trust".
enum class State { connecting, connected, unreachable, no_trust };
const char* state_text(State state);

/// What every peer needs of the service; outlives the peers.
struct Surroundings {
    boost::asio::io_context& io;
    Counters counters;
    /// Random text of this process: tells a peer that it talks to a new one.
    std::string instance;
    /// Null while there are no credentials.
    std::shared_ptr<wire::Tls> tls;
    std::function<void(const std::string& uid, wire::Message&&)> arrived;
    /// The state or the reason of a peer changed.
    std::function<void(const std::string& uid)> changed;
};

/// The content of frames hello and welcome.
std::string hello_text(const std::string& instance);

/// One other server: the connection that carries messages there, dialled again and again, and the
/// one that its messages come by.
class Peer : public std::enable_shared_from_this<Peer> {
  public:
    Peer(Surroundings& surroundings, Member member);

    /// Dials now unless there is a connection or an attempt; without credentials it only waits.
    void dial();
    /// Queues a message; drops it when the peer is not connected or too much waits.
    void send(wire::Message message);
    /// Takes over an incoming connection of this server, after its hello was read; the one before
    /// is closed.
    void incoming(std::shared_ptr<Link> link, const std::string& instance);
    /// A frame of the incoming connection. Throws mds::Error when it does not fit.
    void in_frame(const wire::Frame& frame);
    /// That incoming connection ended.
    void in_closed(const std::shared_ptr<Link>& link);
    /// Heartbeat and deadlines; call several times a second.
    void tick();
    /// The credentials changed: closes what no longer holds and dials again.
    void trust_changed();
    /// Closes everything for good.
    void stop();

    const Member& member() const { return member_; }
    State state() const { return state_; }
    /// Milliseconds since 1970 of the last change of state.
    int64_t since() const { return since_; }
    /// Milliseconds since 1970; 0 = never.
    int64_t last_contact();
    const std::string& reason() const { return reason_; }
    uint32_t round_trip_us() const { return round_trip_us_; }

  private:
    void connect();
    void begin(boost::asio::ip::tcp::socket socket);
    void out_frame(const wire::Frame& frame);
    void welcomed(const wire::Frame& frame);
    /// Gives up an attempt that has no connection yet.
    void abandon();
    /// The outgoing connection or the attempt ended; the next attempt is set up.
    void lost(const std::string& reason, bool trust);
    void retry();
    void become(State state, const std::string& reason);
    void touch();

    Surroundings& surroundings_;
    Member member_;
    State state_ = State::connecting;
    std::string reason_;
    int64_t since_ = 0, last_contact_ = 0;
    uint32_t round_trip_us_ = 0;

    /// A number for each attempt: answers to earlier attempts are ignored.
    uint64_t attempt_ = 0;
    bool dialling_ = false, stopped_ = false;
    int64_t attempt_ms_ = 0, last_ping_ms_ = 0, drop_logged_ms_ = 0;
    int back_off_ms_ = 0;
    uint64_t dropped_ = 0;
    boost::asio::steady_timer timer_;
    std::weak_ptr<boost::asio::ip::tcp::socket> connecting_;
    std::shared_ptr<Link> out_, in_;
    /// The process at the other end, as it said in welcome.
    std::string out_instance_;
    std::unique_ptr<wire::SendQueue> queue_;
    std::unique_ptr<wire::Assembler> assembler_;
};

}  // namespace mds::sync
