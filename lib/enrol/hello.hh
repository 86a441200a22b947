#pragma once
#include <cstdint>
#include <string>

#include "json/json.hh"

namespace mds::enrol {

/// What each end says about itself before anything secret is sent (section 1.2, step 3).
struct Hello {
    /// "primary", "secondary", "log-server" or "gateway".
    std::string role;
    std::string name;
    /// Uuid of the server, lower case.
    std::string uuid;
    /// Software version; servers of one deployment must have the same (RF-12).
    std::string version;
    /// For people: operating system and hardware.
    std::string platform;
    /// The clock of that server in milliseconds since 1970.
    int64_t clock_ms = 0;
    /// Id and name of the deployment it belongs to; empty before it belongs to one.
    std::string deployment, deployment_name;

    json::object to_json() const;
    /// Throws mds::Error(invalid_parameter) for a protocol other than 1 or missing fields.
    static Hello from_json(const json::object& o);
};

/// "Debian GNU/Linux 12 (bookworm), x86_64": what Hello.platform says on this machine.
std::string this_platform();

/// Whether the initiator may take this responder, judged by what both say (RF-02, RF-07, RF-12,
/// clock, member of another deployment). Throws the refusal.
void judge(const Hello& mine, const Hello& theirs, const std::string& expected_name,
           const std::string& expected_role);

}  // namespace mds::enrol
