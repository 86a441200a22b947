#include "trusted_clients.hh"

#include "base/text.hh"
#include "model/address.hh"

namespace mds::core {
namespace {

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
    std::string six = address.v6 ? "6" : "4", family = "ipv" + six + " ",
                field = "ipv" + six + "-address";
    if (!type.starts_with(family)) return false;
    auto parsed = [&client](const std::string& name) {
        return model::Address::parse(json::get_string(client, name));
    };
    if (type == family + "address range") {
        auto first = parsed(field + "-first"), last = parsed(field + "-last");
        return first && last && *first <= address && address <= *last;
    }
    auto one = parsed(field);
    if (!one) return false;
    if (type == family + "address") return *one == address;
    // One that was stored without a length is one address, not everybody.
    int length = static_cast<int>(json::get_int(client, "mask-length" + six, address.bits()));
    return one->masked(length) == address.masked(length);
}

bool is_loopback(const model::Address& address) {
    return address.v6 ? address.text() == "::1" : address.bytes[0] == 127;
}

}  // namespace

bool is_trusted(const std::vector<json::object>& clients, const std::string& from) {
    // fe80::1%eth0, ::ffff:10.1.0.1
    std::string text = from.substr(0, from.find('%'));
    if (text.starts_with("::ffff:") && text.find('.') != text.npos) text.erase(0, 7);
    if (text.empty()) return true;  // by the bus
    auto address = model::Address::parse(text);
    if (!address) return false;
    // Whoever is on this host is asked for his password alone: the way back for a list that is
    // wrong.
    if (is_loopback(*address)) return true;
    bool listed = false;
    for (const json::object& one : clients) {
        if (!json::get_bool(one, "multi-domain-server-trusted-client", true)) continue;
        listed = true;
        if (matches(one, *address)) return true;
    }
    return !listed;
}

}  // namespace mds::core
