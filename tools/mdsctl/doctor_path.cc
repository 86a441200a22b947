// The way to another server, and where on it the fault is.
#include "doctor_path.hh"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <future>

#include "base/clock.hh"
#include "base/text.hh"
#include "doctor_checks.hh"
#include "draw.hh"

namespace mds::ctl::doctor {
namespace {

constexpr int k_connect_ms = 1000;

bool says(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

std::string time_of(int64_t ms) {
    return ms ? rfc3339(ms) : "it started";
}

/// What a lost server costs, and what helps until it is back.
std::vector<Next> ways_out(const World& world, const Peer& peer) {
    std::vector<Next> out;
    if (peer.role == "primary") out.push_back({"mdsctl promote --plan", ""});
    if (!world.grid) return out;
    for (const json::value& d : json::get_array(*world.grid, "domains")) {
        const json::object& domain = d.as_object();
        if (json::get_string(domain, "sync") != "no-active") continue;
        bool there = false, here = false;
        for (const json::value& c : json::get_array(domain, "cells")) {
            const json::object& cell = c.as_object();
            if (json::get_string(cell, "type") == "log server") continue;
            there = there || json::get_string(cell, "mds") == peer.uid;
            here = here || json::get_string(cell, "mds-name") == world.name;
        }
        if (!there || !here) continue;
        out.push_back({"mdsctl ha force-active " + shell_word(json::get_string(domain, "name")) +
                           " " + shell_word(world.name),
                       ""});
        break;  // one as an example: the others are listed by ha status
    }
    return out;
}

struct Diagnosis {
    std::string what, cause;
    std::vector<Next> next;
    std::vector<std::string> needs;
};

/// A connection comes about, and mds-sync refuses it or is refused.
Diagnosis untrusted(const World& world, const Peer& peer) {
    const std::string& reason = peer.link->reason;
    std::string name = shell_word(peer.name),
                primary = world.role == "primary" ? "" : "the Primary";
    Next connect{"mdsctl trust connect " + name, primary}, reset{"mdsctl trust reset", peer.name};
    std::string what = "no trust: " + reason;
    bool here_refused = says(reason, "refused the certificate of this server");
    if (says(reason, "waits for trust")) {
        return {what,
                "this server has no certificate: its trust was reset and not established again",
                {{"mdsctl trust connect " + shell_word(world.name), "the Primary"}},
                {}};
    }
    if (says(reason, "does not list this server")) {
        return {what,
                fmt::format("{} does not know this server as a member: one of the two was deleted "
                            "from the deployment, or {} has older data",
                            peer.name, peer.name),
                {{"mdsctl server list", peer.name}, {"mdsctl server list", ""}},
                {}};
    }
    if (says(reason, "another server answers")) {
        return {
            what,
            fmt::format("another machine has the address {} of {}: {}", peer.address, peer.name,
                        reason),
            {{"mdsctl server show " + name, ""}, {"ip neigh show " + shell_word(peer.address), ""}},
            {}};
    }
    if (says(reason, "not yet valid")) {
        return {what,
                fmt::format("the certificate of {} begins later than the clock here says it is: a "
                            "clock is wrong, here or there",
                            peer.name),
                {{"timedatectl", ""}, {"timedatectl", peer.name}},
                {"clock"}};
    }
    if (says(reason, "expired")) {
        int64_t now = wall_ms(), own = json::get_int(world.certificate, "not-after");
        bool good_here = here_refused ? own > now : peer.certificate_until > now;
        if (good_here) {
            return {
                what,
                fmt::format(
                    "{} although the certificate is good until {}: the clock of {} is wrong",
                    here_refused
                        ? peer.name + " says that the certificate of this server has expired,"
                        : "the certificate of " + peer.name + " is taken for expired",
                    rfc3339(here_refused ? own : peer.certificate_until).substr(0, 10),
                    here_refused ? peer.name : "this server"),
                {{"timedatectl set-ntp true", here_refused ? peer.name : ""}, {"timedatectl", ""}},
                {"clock", "clock:" + peer.name}};
        }
        std::string whose = here_refused ? "this server" : peer.name;
        return {what,
                "the certificate of " + whose +
                    " has expired: nobody renewed it in time, as while it was off",
                {{"mdsctl trust reset", here_refused ? "" : peer.name},
                 {"mdsctl trust connect " + shell_word(here_refused ? world.name : peer.name),
                  here_refused ? "the Primary" : primary}},
                {"own-certificate"}};
    }
    if (says(reason, "revoked")) {
        std::string whose = here_refused ? "this server" : peer.name;
        return {what,
                "the certificate of " + whose +
                    " was revoked: it was deleted from the deployment, or trust with it was "
                    "established anew",
                {{"mdsctl trust reset", here_refused ? "" : peer.name},
                 {"mdsctl trust connect " + shell_word(here_refused ? world.name : peer.name),
                  here_refused ? "the Primary" : primary}},
                {}};
    }
    if (says(reason, "unknown authority") || says(reason, "issuer") ||
        says(reason, "self-signed") || says(reason, "refused")) {
        return {what,
                fmt::format("{} and this server have certificates of different authorities or "
                            "none: trust with {} was reset, or it belongs to another deployment",
                            peer.name, peer.name),
                {{"mdsctl trust state", peer.name}, connect},
                {}};
    }
    return {what,
            "mds-sync and " + peer.name + " do not trust each other: " + reason,
            {reset, connect},
            {}};
}

/// The first thing on the way that is wrong; nothing when the server is heard.
std::optional<Diagnosis> fault(const World& world, const Path& path) {
    const Peer& peer = *path.peer;
    std::string address = shell_word(peer.address), name = shell_word(peer.name),
                here = world.name.empty() ? "this server" : world.name;
    Next again{"mdsctl doctor " + name, ""};
    std::vector<Next> out = ways_out(world, peer);
    auto with = [&](std::vector<Next> next) {
        next.insert(next.end(), out.begin(), out.end());
        return next;
    };
    if (!path.target) {
        return Diagnosis{"name: " + path.name_problem,
                         fmt::format("the name {} of {} does not resolve: {}", peer.address,
                                     peer.name, path.name_problem),
                         {{"getent hosts " + address, ""}, {"cat /etc/resolv.conf", ""}},
                         {}};
    }
    if (peer.link && peer.link->state == "no-trust") return untrusted(world, peer);
    if (peer.running && (!peer.link || peer.connected())) return std::nullopt;
    // Without mds-core the word of mds-sync is all there is.
    if (!world.grid && peer.connected()) return std::nullopt;
    std::string reason = peer.link ? peer.link->reason : "";
    if (path.route.error != 0) {
        return Diagnosis{fmt::format("route: {}", std::strerror(path.route.error)),
                         fmt::format("{} has no route to {} ({})", here, peer.name, peer.address),
                         {{"ip route get " + address, ""}, {"ip route", ""}},
                         {"network"}};
    }
    if (path.port_open() && peer.connected()) {
        return Diagnosis{
            "mds-core there does not answer",
            fmt::format("mds-sync of {} answers and its mds-core does not: it is stopped, starting "
                        "or hangs",
                        peer.name),
            {{"systemctl restart mds-core.service", peer.name}, {"mdsctl doctor", peer.name}},
            {}};
    }
    if (says(reason, "record") || says(reason, "decrypt") || says(reason, "wrong version number")) {
        return Diagnosis{
            "TLS: " + reason,
            fmt::format("something on the line to {} alters what is sent; TLS refuses it: {}",
                        peer.name, reason),
            {{"ip -s link", ""}, {"ip -s link", peer.name}},
            {}};
    }
    if (path.port_open()) {
        bool just = peer.link && wall_ms() - peer.link->since < 3000 &&
                    (reason.empty() || says(reason, "restarted"));
        if (just)
            return Diagnosis{"connecting",
                             peer.name + " answers, the connection comes about at this moment",
                             {again},
                             {"sync"}};
        return Diagnosis{fmt::format("port {}: taken, but nobody speaks", path.port),
                         fmt::format("the machine of {} takes connections and its mds-sync does "
                                     "not speak: mds-sync or the whole machine hangs",
                                     peer.name),
                         with({{"systemctl restart mds-sync.service", peer.name}, again}),
                         {"sync"}};
    }
    if (path.port_answer.error == ECONNREFUSED) {
        return Diagnosis{
            fmt::format("port {}: connection refused", path.port),
            fmt::format("the machine of {} runs, but nothing listens on {} port {}: mds-sync is "
                        "stopped there",
                        peer.name, peer.address, path.port),
            with({{"systemctl start mds.target", peer.name}, {"mdsctl doctor", peer.name}}),
            {"network"}};
    }
    if (path.echo.answers()) {
        return Diagnosis{
            fmt::format("port {}: no answer, but ping answers", path.port),
            fmt::format(
                "{} answers ping but not port {}: a packet filter on the way or there drops it",
                peer.name, path.port),
            with({{"nft list ruleset", peer.name}, {"nft list ruleset", ""}}),
            {"network"}};
    }
    std::string silence = fmt::format("no answer from {} since {}", peer.address,
                                      time_of(peer.last_contact ? peer.last_contact
                                              : peer.link       ? peer.link->since
                                                                : 0));
    if (path.half_open) {
        return Diagnosis{
            silence,
            fmt::format("one direction only: what {} sends arrives here, what {} sends does not "
                        "arrive there; a switch, route or filter between them",
                        peer.name, here),
            with(
                {{"ip neigh show " + address, ""}, {"tcpdump -ni any host " + address, peer.name}}),
            {"network"}};
    }
    if (!peer.heard_by.empty()) {
        return Diagnosis{silence,
                         fmt::format("the network between {} and {}: {} itself runs, {} hear{} it",
                                     here, peer.name, peer.name, join(peer.heard_by, " and "),
                                     peer.heard_by.size() == 1 ? "s" : ""),
                         with({{"ip route get " + address, ""},
                               {"mdsctl doctor " + shell_word(here), peer.name}}),
                         {"network"}};
    }
    if (path.router && path.router->possible) {
        std::string what = path.router->answers()
                               ? fmt::format("{} is off, or the network behind the router is broken "
                                             "(the router {} answers)",
                                             peer.name, path.route.gateway)
                               : fmt::format("neither {} nor the router {} on the way answers",
                                             peer.name, path.route.gateway);
        return Diagnosis{silence,
                         what,
                         with({{"tracepath -n " + address, ""}, again}),
                         {"network"}};
    }
    return Diagnosis{silence,
                     fmt::format("{} is switched off, or its cable is out: no server that answers "
                                 "hears it, and nothing comes back from {}",
                                 peer.name, peer.address),
                     with({{"ping -c 3 " + address, ""}, again}),
                     {"network"}};
}

}  // namespace

Path walk(const Peer& peer, int port) {
    Path path;
    path.peer = &peer;
    path.port = port;
    std::string no_name;
    auto named = std::async(std::launch::async, [&] { return resolve(peer.name, no_name); });
    path.target = resolve(peer.address, path.name_problem);
    if (path.target) {
        path.route = route_to(*path.target);
        auto echo =
            std::async(std::launch::async, [&] { return ping(*path.target, 3, k_connect_ms); });
        if (path.route.error == 0) path.port_answer = connect_to(*path.target, port, k_connect_ms);
        path.echo = echo.get();
        path.half_open = half_open_from(*path.target);
        std::string problem;
        if (path.nothing_comes_back() && !path.route.gateway.empty()) {
            if (auto router = resolve(path.route.gateway, problem))
                path.router = ping(*router, 3, k_connect_ms / 2);
        }
    }
    if (auto found_name = named.get()) path.named = found_name->text;
    return path;
}

bool router_answers(const std::vector<Path>& paths) {
    return std::any_of(paths.begin(), paths.end(),
                       [](const Path& p) { return p.router && p.router->answers(); });
}

Findings diagnose(const World& world, const Path& path) {
    const Peer& peer = *path.peer;
    Findings out;
    bool detailed = world.target == peer.name;
    auto say = [&](std::string text) {
        if (detailed) out.push_back(good(std::move(text), peer.name));
    };
    bool address_is_name = path.target && path.target->text != peer.address;
    if (address_is_name || path.named == peer.address) {
        say("name resolves to " + (address_is_name ? path.target->text : path.named));
    } else if (!path.named.empty() && detailed) {
        out.push_back(
            found(Verdict::note, peer.name,
                  fmt::format("name resolves to {}, the server is {}", path.named, peer.address),
                  fmt::format("the name {} leads elsewhere than to {}; the servers use the address",
                              peer.name, peer.address),
                  {{"getent hosts " + shell_word(peer.name), ""}}));
    } else if (detailed && path.target) {
        out.push_back(
            found(Verdict::note, peer.name, "name does not resolve; address " + peer.address,
                  "the name " + peer.name + " does not resolve here; the servers use the address",
                  {{"getent hosts " + shell_word(peer.name), ""}}));
    }
    auto wrong = fault(world, path);
    if (path.target && path.route.error == 0) {
        say("route" + (path.route.gateway.empty() ? "" : " by " + path.route.gateway) +
            (path.route.interface.empty() ? "" : " on " + path.route.interface));
        if (path.echo.answers()) say(fmt::format("ping answers in {:.1f} ms", path.echo.best_ms));
        if (path.port_open()) say(fmt::format("port {} answers", path.port));
    }
    if (!wrong) {
        out.push_back(
            good(detailed ? "connected and trusted" : peer.name + " is connected", peer.name));
        return out;
    }
    Finding f = found(Verdict::bad, peer.name, (detailed ? "" : peer.name + ": ") + wrong->what,
                      wrong->cause, std::move(wrong->next));
    f.breaks = {"peer:" + peer.name};
    f.needs = std::move(wrong->needs);
    f.needs.insert(f.needs.end(), {"line:" + peer.name, "unit:mds-sync.service", "unit:mds.target", "sync", "bus"});
    if (!world.grid && !peer.link) f.needs.emplace_back("core");
    out.push_back(std::move(f));
    return out;
}

}  // namespace mds::ctl::doctor
