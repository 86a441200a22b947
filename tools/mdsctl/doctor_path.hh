#pragma once
#include <optional>
#include <string>
#include <vector>

#include "doctor.hh"
#include "doctor_probe.hh"
#include "doctor_world.hh"

namespace mds::ctl::doctor {

/// What was seen on the way to another server.
struct Path {
    const Peer* peer = nullptr;
    int port = 0;
    std::string name_problem;
    std::optional<Target> target;
    /// Address that its name has here, when it has one.
    std::string named;
    Route route;
    Connect port_answer;
    Ping echo;
    /// Of the router on the way, asked when nothing else answers.
    std::optional<Ping> router;
    bool half_open = false;

    bool port_open() const { return target && route.error == 0 && port_answer.error == 0; }
    /// Neither it nor its kernel.
    bool nothing_comes_back() const {
        return target && route.error == 0 && port_answer.error != 0 &&
               port_answer.error != ECONNREFUSED && !echo.answers();
    }
};

/// Goes there step by step; waits a second or so where nothing answers.
Path walk(const Peer& peer, int port);
bool router_answers(const std::vector<Path>& paths);
/// What that means: at most one finding is wrong, the cause.
Findings diagnose(const World& world, const Path& path);

}  // namespace mds::ctl::doctor
