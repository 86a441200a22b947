// api: the server of the management API.
#include "api.hh"

#include <fmt/core.h>
#include <sdbus-c++/sdbus-c++.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "base/error.hh"
#include "base/text.hh"
#include "bus/connection.hh"
#include "client/https.hh"
#include "control/host.hh"
#include "control/units.hh"
#include "json/json.hh"

namespace mds::classic {
namespace {

constexpr char k_api[] = "org.openmds.Api1", k_api_path[] = "/org/openmds/Api1";
/// A server that does not answer in this time is not ready.
constexpr int k_patience_s = 20;

struct Process {
    const char *name, *unit, *does;
};
constexpr Process k_processes[] = {{"API", "mds-api.service", "answers on the port below"},
                                   {"CPM", "mds-core.service", "logins, System Data"}};

/// What the API server says of itself on the bus.
struct Face {
    int port = 443;
    std::string sha1, sha256;
};

std::optional<Face> face() {
    try {
        auto connection = sdbus::createSystemBusConnection();
        auto proxy =
            sdbus::createProxy(*connection, bus::ServiceName{k_api}, sdbus::ObjectPath{k_api_path});
        return Face{proxy->getProperty("Port").onInterface(k_api).get<uint16_t>(),
                    proxy->getProperty("FingerprintSha1").onInterface(k_api).get<std::string>(),
                    proxy->getProperty("Fingerprint").onInterface(k_api).get<std::string>()};
    } catch (const sdbus::Error&) {
        return std::nullopt;
    }
}

/// Asks the server as a client would; why it is not ready, or "". It must have this certificate.
std::string not_ready(const Face& face) {
    std::string other;
    try {
        client::Https https("127.0.0.1", std::to_string(face.port), k_patience_s,
                            [&](const std::string& shown) {
                                if (shown == face.sha1) return true;
                                other = shown;
                                return false;
                            });
        https.call_itself("api status");
        // It is answered with what mds-core says: both work, and what is between them.
        client::HttpReply reply = https.get("/about");
        if (reply.status == 200) return "";
        json::object body = json::parse_object(reply.body);
        return json::get_string(body, "message", fmt::format("HTTP status {}", reply.status));
    } catch (const Error& e) {
        if (other.empty()) return e.message();
        return fmt::format("port {} has the certificate of another server ({})", face.port, other);
    }
}

int status(control::Units& units) {
    const std::string line(64, '-');
    fmt::print("API Settings:\n{}\n", line);
    bool at_boot = access("/etc/systemd/system/multi-user.target.wants/mds.target", F_OK) == 0;
    fmt::print("{:<28}{}\n\nProcesses:\n\n", "Automatic Start:", at_boot ? "Enabled" : "Disabled");
    fmt::print("{:<8}  {:<8}  {:<8}  {}\n{}\n", "Name", "State", "PID", "More Information", line);
    // The answer over the port may be a moment old.
    std::string down;
    for (const Process& p : k_processes) {
        control::UnitState state = units.state(p.unit);
        bool up = state.word == "up";
        if (!up && down.empty()) down = fmt::format("{} does not run", p.unit);
        fmt::print("{:<8}  {:<8}  {:<8}  {}\n", p.name,
                   up                     ? "Started"
                   : state.word == "down" ? "Stopped"
                                          : "Starting",
                   state.pid ? std::to_string(state.pid) : "-", p.does);
    }
    auto found = face();
    fmt::print("\nPort Details:\n{}\n{:<28}{}\n\n", line,
               "HTTPS Port:", found ? std::to_string(found->port) : "-");
    fmt::print("{}\nOverall API Status: {}\n{}\n\n", line, down.empty() ? "Started" : "Stopped", line);
    std::string why = !down.empty() ? down : found ? not_ready(*found) : std::string("mds-api does not answer on the bus");
    if (why.empty()) {
        std::puts(
            "API readiness test SUCCESSFUL. The server is up and ready to receive connections.");
        return 0;
    }
    fmt::print("API readiness test FAILED. {}.\n", why);
    return 3;
}

int fingerprint() {
    auto found = face();
    if (!found) throw Error(Code::unreachable, "mds-api does not run");
    auto pairs = [](const std::string& hex) {
        std::string out;
        for (size_t i = 0; i < hex.size(); i += 2) out += (i ? ":" : "") + hex.substr(i, 2);
        return out;
    };
    fmt::print("SHA-1\n{}\n\nSHA-256\n{}\n{}\n", pairs(found->sha1),
               pairs(found->sha256.substr(0, 32)),
               pairs(found->sha256.substr(std::min<size_t>(32, found->sha256.size()))));
    return 0;
}

/// With its socket: else the next client would start it again.
constexpr const char* k_units[] = {"mds-api.socket", "mds-api.service"};

}  // namespace

int api(const std::vector<std::string>& arguments) {
    std::string word = arguments.size() == 1 ? arguments[0] : "";
    if (word != "status" && word != "start" && word != "stop" && word != "restart" &&
        word != "fingerprint") {
        std::fprintf(stderr, "Usage: api status|start|stop|restart|fingerprint\n");
        return 2;
    }
    if (!control::is_set_up()) {
        std::fprintf(stderr, "This server is not set up. Next: mds-setup\n");
        return 8;
    }
    control::Units units;
    if (word == "status") return status(units);
    if (word == "fingerprint") return fingerprint();
    if (word != "start") {
        for (const char* unit : k_units) units.stop(unit);
        if (word == "stop") {
            std::puts("API server is stopped.");
            return 0;
        }
    }
    for (const char* unit : k_units) units.start(unit);
    std::puts("API server is started.");
    return 0;
}

}  // namespace mds::classic
