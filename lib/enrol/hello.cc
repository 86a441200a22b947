#include "enrol/hello.hh"

#include <sys/utsname.h>

#include <cstdlib>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "base/printable.hh"
#include "base/roles.hh"
#include "base/text.hh"

namespace mds::enrol {
namespace {

constexpr int64_t k_clock_limit = 300'000;

void judge_role(const Hello& mine, const Hello& theirs, const std::string& expected) {
    if (theirs.role == expected) return;
    if (theirs.role == "primary") {
        std::string deployment = theirs.deployment_name.empty()
                                     ? ""
                                     : " (deployment " + theirs.deployment_name + ")";
        throw Error(Code::ha_invalid, theirs.name + " was set up as Primary" + deployment +
                                          "; expected " + role_title(expected) +
                                          ", a deployment has one Primary (" + mine.name + ")")
            .refusal("RF-02", "On " + theirs.name + " run: mds-setup --change-role " + expected);
    }
    throw Error(Code::ha_invalid, theirs.name + " was set up as " + role_title(theirs.role) +
                                      ", expected " + role_title(expected))
        .refusal("RF-07", expected == "gateway" || theirs.role == "gateway"
                              ? "Check the address"
                              : "Add it as " + role_title(theirs.role) + ", or on " + theirs.name +
                                    " run: mds-setup --change-role " + expected);
}

}  // namespace

json::object Hello::to_json() const {
    return {{"protocol", 1},     {"role", role},         {"name", name},
            {"uuid", uuid},      {"version", version},   {"platform", platform},
            {"clock", clock_ms}, {"deployment", deployment}, {"deployment-name", deployment_name}};
}

Hello Hello::from_json(const json::object& o) {
    if (json::get_int(o, "protocol") != 1) {
        throw Error(Code::invalid_parameter, "The other end speaks another version of mds-enrol");
    }
    Hello h;
    h.role = printable(json::get_string(o, "role"), 32);
    h.name = printable(json::get_string(o, "name"), 128);
    h.uuid = json::get_string(o, "uuid");
    h.version = printable(json::get_string(o, "version"), 64);
    h.platform = printable(json::get_string(o, "platform"), 128);
    h.clock_ms = json::get_int(o, "clock");
    h.deployment = printable(json::get_string(o, "deployment"), 64);
    h.deployment_name = printable(json::get_string(o, "deployment-name"), 128);
    auto uid = Uid::parse(h.uuid);
    if (h.role.empty() || h.name.empty() || h.version.empty() || !uid || uid->text() != h.uuid) {
        throw Error(Code::invalid_parameter, "The other end does not say who it is");
    }
    return h;
}

std::string this_platform() {
    std::string system = "Linux";
    try {
        for (const std::string& line : split(read_file("/etc/os-release"), '\n')) {
            if (!line.starts_with("PRETTY_NAME=")) continue;
            system = trim(line.substr(12));
            std::erase(system, '"');
        }
    } catch (const Error&) {
        // A system without the file is still a platform.
    }
    utsname names{};
    if (uname(&names) == 0) system += std::string(", ") + names.machine;
    return system;
}

void judge(const Hello& mine, const Hello& theirs, const std::string& expected_name,
           const std::string& expected_role) {
    judge_role(mine, theirs, expected_role);
    if (!theirs.deployment.empty() && theirs.deployment != mine.deployment) {
        std::string other =
            theirs.deployment_name.empty() ? theirs.deployment : theirs.deployment_name;
        throw Error(Code::ha_invalid,
                    theirs.name + " is already a member of another deployment, " + other)
            .refusal("", "On " + theirs.name + " run: mds-setup --reset");
    }
    if (!expected_name.empty() && fold(theirs.name) != fold(expected_name)) {
        throw Error(Code::ha_invalid, "The machine at this address is " + theirs.name +
                                          ", expected " + expected_name)
            .refusal("", "Check the address, or use the name " + theirs.name);
    }
    // Gateways are upgraded in their own time.
    if (expected_role != "gateway" && theirs.version != mine.version) {
        throw Error(Code::ha_invalid, theirs.name + " has software version " + theirs.version +
                                          ", " + mine.name + " has " + mine.version +
                                          "; both must have the same")
            .refusal("RF-12", "Upgrade the one with the lower version, then connect again");
    }
    if (std::abs(theirs.clock_ms - mine.clock_ms) > k_clock_limit) {
        throw Error(Code::ha_invalid, "The clocks differ by " +
                                          age_text(std::abs(theirs.clock_ms - mine.clock_ms)) +
                                          ": " + theirs.name + " has " + rfc3339(theirs.clock_ms) +
                                          ", " + mine.name + " has " + rfc3339(mine.clock_ms))
            .refusal("", "Set the time on both servers, best by the same time server");
    }
}

}  // namespace mds::enrol
