// Who may connect as an administrator: trusted-client objects of System Data, one of which first-time setup makes
// and changes.
#include "base/text.hh"
#include "service.hh"
#include "trusted_clients.hh"

namespace mds::core {
namespace {

constexpr char k_name[] = "GUI clients";

/// Parameters of add-trusted-client for an answer of setup: any, an address, a range, a network.
json::object parameters(const std::string& text) {
    json::object o;
    std::string family = text.find(':') == std::string::npos ? "ipv4 " : "ipv6 ";
    size_t slash = text.find('/'), dash = text.find('-');
    if (text.empty() || text == "any") {
        o["type"] = "any";
    } else if (slash != std::string::npos) {
        o["type"] = family + "netmask";
        o["ip-address"] = text.substr(0, slash);
        o["mask-length"] = std::atoi(text.c_str() + slash + 1);
    } else if (dash != std::string::npos) {
        o["type"] = family + "address range";
        o["ip-address-first"] = trim(text.substr(0, dash));
        o["ip-address-last"] = trim(text.substr(dash + 1));
    } else {
        o["type"] = family + "address";
        o["ip-address"] = text;
    }
    return o;
}

}  // namespace

void Service::put_gui_clients(mgmt::Call& call, const std::string& text) {
    json::object wanted = parameters(text);
    if (auto known = call.find("trusted-client", k_name)) {
        call.set(*known, wanted);
        return;
    }
    wanted["name"] = k_name;
    call.add("trusted-client", wanted);
}

void Service::change_gui_clients(const std::string& text) {
    system().workspace().transact({"system", "mds-setup", "GUI clients", ""},
                                  [&](mgmt::Call& call) { put_gui_clients(call, text); });
}

bool Service::may_connect(const std::string& from) {
    std::vector<json::object> clients;
    system().workspace().inspect([&](mgmt::Call& call) {
        for (mgmt::View& one : call.all("trusted-client"))
            clients.push_back(std::move(one.document));
    });
    return is_trusted(clients, from);
}

}  // namespace mds::core
