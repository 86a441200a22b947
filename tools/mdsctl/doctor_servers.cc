// The other servers: the way there, step by step, and what they are when they answer.
#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <future>

#include "base/clock.hh"
#include "base/text.hh"
#include "doctor_checks.hh"
#include "doctor_path.hh"
#include "draw.hh"

namespace mds::ctl::doctor {
namespace {

constexpr int64_t k_certificate_alarm_ms = 7LL * 24 * 3'600'000;
constexpr int64_t k_slow_us = 500'000;
constexpr int k_pings = 20, k_lossy_percent = 10, k_ping_patience_ms = 800;

std::vector<const Peer*> asked(const World& world) {
    std::vector<const Peer*> out;
    for (const Peer& p : world.peers) {
        if (world.target.empty() || p.name == world.target) out.push_back(&p);
    }
    return out;
}

/// One look at each server, at the same time.
template <class Look>
auto at_each(const std::vector<const Peer*>& peers, Look look) {
    std::vector<std::future<decltype(look(*peers[0]))>> running;
    for (const Peer* peer : peers) {
        running.push_back(std::async(std::launch::async, [peer, &look] { return look(*peer); }));
    }
    std::vector<decltype(look(*peers[0]))> out;
    for (auto& one : running) out.push_back(one.get());
    return out;
}

std::string primary_of(const World& world) {
    for (const Peer& p : world.peers) {
        if (p.role == "primary") return p.name;
    }
    return "";
}

}  // namespace

Findings look_at_servers(const World& world) {
    // The others too when one was asked about: whether any answers tells where the fault is.
    std::vector<const Peer*> all;
    for (const Peer& p : world.peers) all.push_back(&p);
    int port = world.sync_port();
    std::vector<Path> paths = at_each(all, [port](const Peer& peer) { return walk(peer, port); });
    Findings out;
    std::vector<std::string> dead;
    for (const Path& path : paths) {
        if (path.nothing_comes_back()) dead.push_back(path.peer->name);
    }
    // One lost machine is itself; when nobody at all answers it is this one.
    bool alone = dead.size() > 1 && dead.size() == paths.size();
    if (alone) {
        std::string router;
        for (const Path& path : paths) {
            if (router.empty()) router = path.route.gateway;
        }
        bool reached = !router.empty() && router_answers(paths);
        Finding f = found(
            Verdict::bad, world.name,
            fmt::format("none of the {} other servers answers", dead.size()),
            router.empty() ? fmt::format("this server is cut off: none of {} answers ping or TCP; "
                                         "its cable, switch port or VLAN",
                                         join(dead, ", "))
            : reached
                ? fmt::format(
                      "none of {} answers, and the router {} does: the network behind the router",
                      join(dead, ", "), router)
                : fmt::format("this server is cut off: neither its router {} nor any of {} answers",
                              router, join(dead, ", ")),
            {{"ip -s link", ""}, {"mdsctl doctor", dead.front()}});
        f.breaks = {"network"};
        for (const std::string& name : dead) f.breaks.push_back("peer:" + name);
        f.needs = {"network"};
        out.push_back(std::move(f));
    }
    for (const Path& path : paths) {
        if (!world.target.empty() && path.peer->name != world.target) continue;
        Findings seen = diagnose(world, path);
        out.insert(out.end(), std::make_move_iterator(seen.begin()),
                   std::make_move_iterator(seen.end()));
    }
    return out;
}

Findings look_at_lines(const World& world) {
    Findings out;
    std::vector<const Peer*> peers = asked(world);
    std::vector<Ping> pings = at_each(peers, [](const Peer& peer) {
        std::string problem;
        auto target = resolve(peer.address, problem);
        return target ? ping(*target, k_pings, k_ping_patience_ms) : Ping{};
    });
    for (size_t i = 0; i < peers.size(); ++i) {
        const Peer& peer = *peers[i];
        const Ping& p = pings[i];
        Next trace{"ping -c 20 -i 0.2 " + shell_word(peer.address), ""};
        if (p.answers() && p.lost_percent() >= k_lossy_percent) {
            Finding f =
                found(Verdict::warning, peer.name,
                      fmt::format("{}: {} % of the packets are lost", peer.name, p.lost_percent()),
                      fmt::format("the line to {} loses {} % of all packets: synchronization is "
                                  "slow, connections may break",
                                  peer.name, p.lost_percent()),
                      {trace, {"ip -s link", ""}});
            f.breaks = {"line:" + peer.name, "peer:" + peer.name};
            f.needs = {"network"};
            out.push_back(std::move(f));
            continue;
        }
        // What mds-sync measured last tells nothing of a line on which nobody answers any more.
        bool in_touch = peer.running && peer.connected();
        int64_t us = p.answers() ? static_cast<int64_t>(p.best_ms * 1000) : in_touch ? peer.link->round_trip_us : 0;
        if (us > k_slow_us) {
            Finding f = found(
                Verdict::warning, peer.name,
                fmt::format("{}: {} ms for a round trip", peer.name, us / 1000),
                fmt::format("the line to {} is slow: {} ms for a round trip", peer.name, us / 1000),
                {trace});
            f.breaks = {"peer:" + peer.name};
            f.needs = {"network"};
            out.push_back(std::move(f));
        } else if (us > 0 && !world.target.empty()) {
            out.push_back(good(fmt::format("round trip {:.1f} ms", static_cast<double>(us) / 1000),
                               peer.name));
        }
    }
    return out;
}

Findings look_at_clocks(const World& world) {
    Findings out;
    for (const Peer* peer : asked(world)) {
        if (!peer->clock_ms) {
            if (world.target.empty()) continue;
            out.push_back(
                found(Verdict::unknown, peer->name, "clock unknown (server silent)", "", {}));
            continue;
        }
        int64_t ahead = *peer->clock_ms;
        if (!peer->clock_wrong) {
            if (!world.target.empty())
                out.push_back(good(
                    fmt::format("clock {:+.1f} s", static_cast<double>(ahead) / 1000), peer->name));
            continue;
        }
        std::string text = fmt::format("{} {} the one here", apart(ahead),
                                       ahead > 0 ? "ahead of" : "behind");
        Finding f = found(Verdict::bad, peer->name, fmt::format("{}: clock {}", peer->name, text),
                          fmt::format("the clock of {} is {}; no certificate is made while they "
                                      "differ, and in the end connections are refused",
                                      peer->name, text),
                          {{"timedatectl set-ntp true", peer->name}, {"timedatectl", ""}});
        f.breaks = {"clock:" + peer->name};
        f.needs = {"clock"};
        out.push_back(std::move(f));
    }
    return out;
}

std::string apart(int64_t milliseconds) {
    auto in = [seconds = (std::abs(milliseconds) + 500) / 1000](int64_t unit) { return (seconds + unit / 2) / unit; };
    if (in(1) < 120) return fmt::format("{} s", in(1));
    if (in(60) < 120) return fmt::format("{} min", in(60));
    return in(3600) < 48 ? fmt::format("{} h", in(3600)) : fmt::format("{} d", in(86400));
}

Findings look_at_certificates(const World& world) {
    if (!world.grid) return {};
    struct Holder {
        std::string name, problem;
        int64_t until;
    };
    std::vector<Holder> holders;
    for (const json::value& v : json::get_array(*world.grid, "servers")) {
        const json::object& s = v.as_object();
        std::string name = json::get_string(s, "name");
        if (!world.target.empty() && name != world.target) continue;
        holders.push_back(
            {name, json::get_string(s, "renewal-problem"), json::get_int(s, "certificate-until")});
    }
    Findings out;
    for (const Holder& h : holders) {
        if (h.until == 0) continue;
        int64_t left = h.until - wall_ms();
        std::string day = rfc3339(h.until).substr(0, 10), on = h.name == world.name ? "" : h.name;
        std::vector<std::string> needs{
            "peer:" + primary_of(world), "network",        "sync", "clock", "clock:" + h.name,
            "unit:mds-ca.service",       "own-certificate"};
        if (left < k_certificate_alarm_ms) {
            std::string why = h.problem.empty() ? "it was not renewed in time"
                                                : "it was not renewed: " + h.problem;
            std::vector<Next> next{{"mdsctl trust status", ""}};
            if (left < 0)
                next = {{"mdsctl trust reset", on},
                        {"mdsctl trust connect " + shell_word(h.name),
                         world.role == "primary" ? "" : "the Primary"}};
            Finding f = found(
                Verdict::bad, h.name,
                fmt::format("{}: certificate {} on {}", h.name, left < 0 ? "ended" : "ends", day),
                fmt::format("the certificate of {} {} on {}; {}", h.name,
                            left < 0 ? "ended" : "ends", rfc3339(h.until), why),
                next);
            f.needs = std::move(needs);
            out.push_back(std::move(f));
        } else if (!h.problem.empty()) {
            Finding f = found(
                Verdict::warning, h.name, h.name + ": certificate is not renewed",
                fmt::format("the certificate of {} is good until {}, but renewing it fails: {}",
                            h.name, day, h.problem),
                {{"mdsctl trust status", ""},
                 {"systemctl status mds-ca.service",
                  world.role == "primary" ? "" : "the Primary"}});
            f.needs = std::move(needs);
            out.push_back(std::move(f));
        } else if (!world.target.empty()) {
            out.push_back(good("certificate valid to " + day, h.name));
        }
    }
    if (out.empty() && !holders.empty()) out.push_back(good("certificates are valid"));
    return out;
}

Findings look_at_versions(const World& world) {
    Findings out;
    for (const Peer* peer : asked(world)) {
        if (peer->version == "?" || world.version.empty()) continue;
        if (peer->version == world.version) {
            if (!world.target.empty())
                out.push_back(good("version " + peer->version + " matches", peer->name));
            continue;
        }
        out.push_back(
            found(Verdict::note, peer->name,
                  fmt::format("{}: release {}, here {}", peer->name, peer->version, world.version),
                  "servers of different releases work together while an upgrade is on its way, not "
                  "for long",
                  {{"mdsctl server list", ""}}));
    }
    return out;
}

}  // namespace mds::ctl::doctor
