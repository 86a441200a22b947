#include "control/host.hh"

#include <algorithm>
#include <filesystem>

#include "base/clock.hh"
#include "base/environment.hh"
#include "base/error.hh"
#include "base/stopped_text.hh"
#include "base/text.hh"
#include "control/units.hh"

namespace mds::control {
namespace fs = std::filesystem;
namespace {

std::string state_folder() {
    return environment("MDS_STATE", "/var/lib/mds");
}

/// RuntimeDirectory= of mds-core.service.
std::string marks_folder() {
    return environment("MDS_RUN", "/run/mds") + "/stopped";
}

}  // namespace

bool is_set_up() {
    std::error_code none;
    return fs::exists(state_folder() + "/setup.json", none);
}

json::object identity() {
    std::string path = state_folder() + "/system/identity.json";
    std::error_code none;
    return fs::exists(path, none) ? json::parse_object(read_file(path)) : json::object{};
}

std::vector<DomainServer> domain_servers() {
    std::vector<DomainServer> out;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(state_folder() + "/servers", none)) {
        const json::object config = json::parse_object(read_file(entry.path() / "server.json"));
        const json::object& server = json::get_object(config, "server");
        out.push_back({entry.path().filename(),
                       json::get_string(json::get_object(config, "domain"), "name"),
                       json::get_string(server, "address"),
                       json::get_string(server, "type") == "log server"});
    }
    std::sort(out.begin(), out.end(),
              [](const DomainServer& a, const DomainServer& b) { return a.name < b.name; });
    return out;
}

std::optional<DomainServer> find_domain_server(const std::string& word) {
    for (DomainServer& one : domain_servers()) {
        if (fold(one.name) == fold(word) || (!one.address.empty() && one.address == word))
            return std::move(one);
    }
    return std::nullopt;
}

json::object stopped_by(const std::string& server) {
    std::string path = marks_folder() + "/" + server + ".json";
    std::error_code none;
    return fs::exists(path, none) ? json::parse_object(read_file(path)) : json::object{};
}

std::string stopped_text(const json::object& mark) {
    return mds::stopped_text(json::get_string(mark, "by"), json::get_int(mark, "since"), "");
}

void start_host(bool only_mds) {
    Units units;
    std::error_code none;
    const bool ran = units.active_state("mds.target") == "active";
    if (!only_mds) {
        // Before mds-core looks at them.
        for (const auto& entry : fs::directory_iterator(marks_folder(), none))
            fs::remove(entry.path(), none);
    }
    units.start("mds.target");
    if (!ran || only_mds) return;
    // mds-core starts them when it starts itself.
    for (const DomainServer& one : domain_servers()) {
        if (units.state(one.unit()).word == "down") units.order_start(one.unit());
    }
}

void stop_host() {
    Units units;
    for (const char* unit : {"mds.target", "mds-api.service", "mds-core.service",
                             "mds-sync.service", "mds-ca.service"}) {
        units.stop(unit);
    }
}

}  // namespace mds::control
