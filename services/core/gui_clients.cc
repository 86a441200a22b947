// Who may connect as an administrator: trusted-client objects of System Data, one of which first-time setup makes
// and changes.
#include "base/text.hh"
#include "model/address.hh"
#include "service.hh"

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

/// "10.1.*.*".
bool matches_wild_card(const std::string& pattern, const std::string& address) {
    std::vector<std::string> wanted = split(pattern, '.'), given = split(address, '.');
    if (wanted.size() != given.size()) return false;
    for (size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i] != "*" && wanted[i] != given[i]) return false;
    }
    return true;
}

/// Names and DNS domains match nobody: who asks for them would wait for a resolver.
bool matches(const json::object& client, const model::Address& address) {
    std::string type = json::get_string(client, "type");
    if (type == "any") return true;
    if (type == "wild cards (ip only)") {
        return matches_wild_card(json::get_string(client, "wild-card"), address.text());
    }
    std::string six = address.v6 ? "6" : "4", family = "ipv" + six + " ", field = "ipv" + six + "-address";
    if (!type.starts_with(family)) return false;
    auto parsed = [&client](const std::string& name) { return model::Address::parse(json::get_string(client, name)); };
    if (type == family + "address range") {
        auto first = parsed(field + "-first"), last = parsed(field + "-last");
        return first && last && *first <= address && address <= *last;
    }
    auto one = parsed(field);
    if (!one) return false;
    if (type == family + "address") return *one == address;
    int length = static_cast<int>(json::get_int(client, "mask-length" + six));
    return one->masked(length) == address.masked(length);
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
    std::string text = from.starts_with("::ffff:") ? from.substr(7) : from;
    auto address = model::Address::parse(text);
    // Whoever is on this host is asked for his password alone: the way back for a list that is wrong.
    if (!address || text.starts_with("127.") || text == "::1") return true;
    bool listed = false, good = false;
    system().workspace().inspect([&](mgmt::Call& call) {
        for (const mgmt::View& one : call.all("trusted-client")) {
            if (!json::get_bool(one.document, "multi-domain-server-trusted-client", true)) continue;
            listed = true;
            good = good || matches(one.document, *address);
        }
    });
    return good || !listed;
}

}  // namespace mds::core
