// What mdsctl trust test looks at beside the checks of mdsctl doctor: the ports of another server,
// and a handshake with it that mds-sync makes with the certificate of this server.
#include <fmt/core.h>
#include <sdbus-c++/sdbus-c++.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>

#include "base/clock.hh"
#include "bus/connection.hh"
#include "doctor_checks.hh"
#include "doctor_probe.hh"
#include "doctor_trial.hh"

namespace mds::ctl::doctor {
namespace {

constexpr int k_connect_ms = 1000, k_trial_ms = 8000;

const Peer* asked(const World& world) {
    for (const Peer& peer : world.peers) {
        if (peer.name == world.target) return &peer;
    }
    return nullptr;
}

int port_of(const World& world, const char* key, int usual) {
    return world.config ? world.config->get_int(key) : usual;
}

/// What is said of a port that should answer.
Finding open_port(const Peer& peer, int port, const char* what, const char* unit,
                  const Connect& answer) {
    if (answer.error == 0) return good(fmt::format("port {} answers ({})", port, what), peer.name);
    Finding f;
    if (answer.error == ECONNREFUSED) {
        f = found(Verdict::warning, peer.name,
                  fmt::format("port {} ({}): connection refused", port, what),
                  fmt::format("nothing listens on {} port {}: {} is stopped there", peer.address,
                              port, unit),
                  {{std::string("systemctl status ") + unit, peer.name}});
    } else {
        f = found(Verdict::warning, peer.name, fmt::format("port {} ({}): no answer", port, what),
                  fmt::format("a packet filter on the way to {} or there drops what goes to port {}",
                              peer.name, port),
                  {{"nft list ruleset", peer.name}, {"nft list ruleset", ""}});
    }
    f.needs = {"peer:" + peer.name, "network"};
    return f;
}

/// Trust is established over it, while a key is set; else nothing listens there.
Finding sic_port(const Peer& peer, int port, const Connect& answer) {
    if (answer.error == 0) {
        return found(Verdict::note, peer.name,
                     fmt::format("port {} answers: an activation key is set there", port),
                     "somebody has set an activation key on " + peer.name +
                         "; the port closes when it is used or ends",
                     {{"mdsctl trust state", peer.name}});
    }
    if (answer.error == ECONNREFUSED)
        return good(fmt::format("port {} closed, no key is set", port), peer.name);
    Finding f = found(Verdict::note, peer.name, fmt::format("port {} (trust): no answer", port),
                      fmt::format("a packet filter drops what goes to port {}: trust with {} could "
                                  "not be established anew",
                                  port, peer.name),
                      {{"nft list ruleset", peer.name}});
    f.needs = {"peer:" + peer.name, "network"};
    return f;
}

json::object trial(const std::string& uid) {
    try {
        auto connection = sdbus::createSystemBusConnection();
        connection->setMethodCallTimeout(std::chrono::milliseconds(k_trial_ms));
        auto sync = sdbus::createProxy(*connection, bus::ServiceName{"org.openmds.Sync1"},
                                       sdbus::ObjectPath{"/org/openmds/Sync1"});
        bus::finish(*sync);
        std::string text;
        sync->callMethod(bus::MemberName{"TestPeer"})
            .onInterface(bus::InterfaceName{"org.openmds.Sync1"})
            .withArguments(uid)
            .storeResultsTo(text);
        return json::parse_object(text);
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
}

}  // namespace

Findings look_at_ports(const World& world) {
    const Peer* peer = asked(world);
    std::string problem;
    auto target = peer ? resolve(peer->address, problem) : std::nullopt;
    if (!target) return {};
    int api = port_of(world, "Api.Port", 443), lists = port_of(world, "Crl.Port", 18264),
        sic = port_of(world, "Sic.Port", 18211);
    auto reach = [&](int port) {
        return std::async(std::launch::async,
                          [&target, port] { return connect_to(*target, port, k_connect_ms); });
    };
    auto to_api = reach(api), to_lists = reach(lists), to_sic = reach(sic);
    return {open_port(*peer, api, "management API", "mds-api.socket", to_api.get()),
            open_port(*peer, lists, "revocation lists", "mds-crl.socket", to_lists.get()),
            sic_port(*peer, sic, to_sic.get())};
}

Findings look_at_handshake(const World& world) {
    const Peer* peer = asked(world);
    if (!peer) return {};
    if (!world.root) {
        return {found(Verdict::unknown, peer->name,
                      "handshake not tried: only root may have it made", "", {})};
    }
    if (world.answer("org.openmds.Sync1") != Answer::yes) {
        return {found(Verdict::unknown, peer->name,
                      "handshake not tried: mds-sync does not answer here", "",
                      {{"systemctl status mds-sync.service", ""}})};
    }
    json::object told = trial(peer->uid);
    std::string error = json::get_string(told, "error"), step = json::get_string(told, "step");
    if (error.empty()) {
        int64_t until = json::get_int(told, "not-after");
        return {good(fmt::format("TLS handshake in {} ms, both certificates taken",
                                 json::get_int(told, "handshake-ms")),
                     peer->name),
                good(fmt::format("it showed {}, until {}",
                                 json::get_string(told, "serial").substr(0, 8),
                                 rfc3339(until).substr(0, 10)),
                     peer->name)};
    }
    std::string where = step == "handshake" ? "TLS handshake"
                        : step == "hello"   ? "after the handshake"
                                            : "before the handshake";
    bool trust = json::get_bool(told, "trust");
    Finding f =
        found(Verdict::bad, peer->name, where + ": " + error,
              trust ? fmt::format("{} and this server do not take each other's certificates: {}",
                                  peer->name, error)
                    : fmt::format("no connection to {} comes about: {}", peer->name, error),
              {{"mdsctl doctor " + shell_word(peer->name), ""}});
    f.breaks = {"peer:" + peer->name};
    f.needs = {"peer:" + peer->name,  "network", "line:" + peer->name, "clock",
               "clock:" + peer->name, "sync"};
    return {std::move(f)};
}

Findings test_peer(const World& world) {
    static const char* const k_with[] = {"configuration", "bus",        "clock", "network",
                                         "services",      "listening",  "core",  "server",
                                         "server-clock",  "certificate"};
    std::vector<Check> some;
    for (const Check& check : checks()) {
        if (std::find(std::begin(k_with), std::end(k_with), std::string_view(check.id)) ==
            std::end(k_with))
            continue;
        some.push_back(check);
        if (std::string_view(check.id) != "server") continue;
        some.push_back({"port", "the other ports of the server", look_at_ports});
        some.push_back({"handshake", "a TLS handshake with it, with the certificate of this server",
                        look_at_handshake});
    }
    return examine(world, some);
}

}  // namespace mds::ctl::doctor
