#include "identity.hh"

#include <unistd.h>

#include "base/text.hh"

namespace mds::core {

std::optional<Identity> Identity::load(const std::string& folder) {
    std::string path = folder + "/identity.json";
    if (access(path.c_str(), F_OK) != 0) return std::nullopt;
    json::object o = json::parse_object(read_file(path));
    Identity i;
    i.role = json::get_string(o, "role");
    i.name = json::get_string(o, "name");
    i.address = json::get_string(o, "address");
    i.interface = json::get_string(o, "interface");
    i.deployment_name = json::get_string(o, "deployment-name");
    i.deployment_id = json::get_string(o, "deployment-id");
    if (auto uid = Uid::parse(json::get_string(o, "uid"))) i.uid = *uid;
    i.members = json::get_array(o, "members");
    return i;
}

void Identity::save(const std::string& folder) const {
    json::object o{{"role", role},
                   {"name", name},
                   {"address", address},
                   {"interface", interface},
                   {"deployment-name", deployment_name},
                   {"deployment-id", deployment_id},
                   {"uid", uid.is_nil() ? "" : uid.text()},
                   {"members", members}};
    // Not secret: mdsstat and support tools read it.
    replace_file(folder + "/identity.json", json::pretty(o) + "\n", 0644);
}

}  // namespace mds::core
