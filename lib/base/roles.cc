#include "base/roles.hh"

#include "base/text.hh"

namespace mds {

std::string role_title(const std::string& role) {
    if (role == "primary") return "Primary Multi-Domain Server";
    if (role == "secondary") return "Secondary Multi-Domain Server";
    if (role == "log-server") return "Multi-Domain Log Server";
    if (role == "gateway") return "gateway";
    return role;
}

std::string one_role_needed(const std::vector<std::string>& given) {
    std::string what = "exactly one role is needed: primary, secondary or log-server; ";
    return what + (given.empty() ? "none is given" : "given: " + join(given, ", "));
}

std::string key_needed(const std::string& role) {
    return "a " + role_title(role) + " needs an activation key: activation key required";
}

}  // namespace mds
