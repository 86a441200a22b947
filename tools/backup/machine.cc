#include "machine.hh"

#include <filesystem>

#include "base/text.hh"
#include "base/version.hh"

namespace mds::backup {
namespace fs = std::filesystem;

std::string root_of_this_machine() {
    std::string path = std::string(k_state) + "/trust/root.pem";
    return fs::exists(path) ? read_file(path) : "";
}

json::object identity_of_this_machine() {
    std::string path = std::string(k_state) + "/system/identity.json";
    return fs::exists(path) ? json::parse_object(read_file(path)) : json::object{};
}

Manifest manifest_of_this_server(const std::string& time, const std::string& set) {
    json::object me = identity_of_this_machine();
    Manifest m;
    m.version = version();
    m.deployment = json::get_string(me, "deployment-name");
    m.deployment_id = json::get_string(me, "deployment-id");
    m.server = json::get_string(me, "name");
    m.uid = json::get_string(me, "uid");
    m.role = json::get_string(me, "role");
    m.time = time;
    m.set = set;
    return m;
}

RemoveAtEnd::~RemoveAtEnd() {
    std::error_code ignored;
    fs::remove_all(path, ignored);
}

}  // namespace mds::backup
