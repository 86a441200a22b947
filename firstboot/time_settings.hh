#pragma once
#include <string>
#include <vector>

#include "answers.hh"
#include "bus/connection.hh"

namespace mds::firstboot {

struct TimeResult {
    /// What could not be done, with the reason and what helps: set-up goes on without.
    std::vector<std::string> notes;
    /// "time_zone", "time_servers": what a later run can do.
    std::vector<std::string> failed;
};
/// Sets what differs from `host`: the zone by systemd-timedated, the servers for the service that
/// keeps the time here.
TimeResult set_time(sdbus::IConnection& bus, const HostFacts& host, const std::string& zone,
                    const std::vector<std::string>& servers);

}  // namespace mds::firstboot
