#pragma once
#include <sys/socket.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// What any user of this host can see of the network.
namespace mds::ctl::doctor {

struct Target {
    sockaddr_storage address{};
    socklen_t size = 0;
    /// Without a port.
    std::string text;
};

/// "10.2.0.11" or a name; nothing and the reason when it does not resolve, or not in time.
std::optional<Target> resolve(const std::string& name, std::string& problem);

struct Route {
    /// 0, or ENETUNREACH and the like.
    int error = 0;
    /// This end's address.
    std::string source;
    /// The router on the way; empty: it is on the same network, or that is not known.
    std::string gateway, interface;
};
Route route_to(const Target& target);

struct Connect {
    /// 0, ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ...
    int error = 0;
    double ms = 0;
};
Connect connect_to(const Target& target, int port, int patience_ms);

struct Ping {
    /// Whether this user may.
    bool possible = false;
    int sent = 0, received = 0;
    double best_ms = 0;
    bool answers() const { return received > 0; }
    int lost_percent() const { return sent ? 100 * (sent - received) / sent : 0; }
};
/// `count` echo requests, 10 ms apart.
Ping ping(const Target& target, int count, int patience_ms);

/// Whether a connection from there waits for the last step of its beginning: what it sends arrives
/// here, and what is answered does not arrive there.
bool half_open_from(const Target& target);

struct Interface {
    std::string name;
    bool up = false, carrier = false, loopback = false;
    std::vector<std::string> addresses;
};
std::vector<Interface> interfaces();

}  // namespace mds::ctl::doctor
