// Address parameters: the aliases in which they come in, and what they must satisfy together.
#include "base/error.hh"
#include "base/text.hh"
#include "model/address.hh"
#include "model/coerce.hh"

namespace mds::model {
namespace {

bool empty(const json::value& v) {
    return v.is_null() || (v.is_string() && v.as_string().empty());
}

/// The family of an address given under a name that allows both.
bool is_v6(const json::value& v, const std::string& path) {
    std::string text = trim(coerce_string(v, path));
    auto address = Address::parse(text);
    if (!address) invalid(path, "'" + text + "' is not an IP address.");
    return address->v6;
}

/// Moves `alias` to `v4` or `v6`, unless it is empty.
void by_family(json::object& out, const std::string& alias, const std::string& v4,
               const std::string& v6, const std::string& prefix) {
    const json::value* given = json::find(out, alias);
    if (!given) return;
    json::value v = *given;
    out.erase(alias);
    if (empty(v)) return;
    out[is_v6(v, prefix + alias) ? v6 : v4] = v;
}

/// An empty address parameter of an object that has none yet says nothing (clients send "").
void expand_subnet(json::object& out, const json::object* present, const std::string& prefix) {
    bool both = out.contains("subnet");
    bool six = both && !empty(*json::find(out, "subnet")) &&
               is_v6(*json::find(out, "subnet"), prefix + "subnet");
    by_family(out, "subnet", "subnet4", "subnet6", prefix);
    if (!both) {
        six = !out.contains("subnet4") &&
              (out.contains("subnet6") ||
               (present && present->contains("subnet6") && !present->contains("subnet4")));
    }
    if (const json::value* length = json::find(out, "mask-length")) {
        json::value v = *length;
        out.erase("mask-length");
        if (!empty(v)) out[six ? "mask-length6" : "mask-length4"] = v;
    }
    if (const json::value* mask = json::find(out, "subnet-mask")) {
        json::value v = *mask;
        out.erase("subnet-mask");
        if (empty(v)) return;
        std::string text = trim(coerce_string(v, prefix + "subnet-mask"));
        auto length = length_of_mask(text);
        if (!length) invalid(prefix + "subnet-mask", "'" + text + "' is not a subnet mask.");
        out["mask-length4"] = *length;
    }
}

void check_subnet(const json::object& d, const char* subnet, const char* length,
                  const std::string& prefix) {
    if (!d.contains(subnet) && !d.contains(length)) return;
    for (const char* key : {subnet, length}) {
        if (!d.contains(key)) {
            throw Error(Code::missing_parameters, "Missing parameter: [" + prefix + key + "]");
        }
    }
    auto address = Address::parse(json::get_string(d, subnet));
    int bits = static_cast<int>(json::get_int(d, length));
    if (!address || bits > address->bits()) return;
    if (address->masked(bits) != *address) {
        invalid(prefix + subnet, address->text() + "/" + std::to_string(bits) +
                                     " is not a network address; the network is " +
                                     address->masked(bits).text() + ".");
    }
}

void check_range(const json::object& d, const std::string& family, const std::string& prefix) {
    std::string first = family + "-address-first", last = family + "-address-last";
    if (!d.contains(first) && !d.contains(last)) return;
    for (const std::string& key : {first, last}) {
        if (!d.contains(key)) {
            throw Error(Code::missing_parameters, "Missing parameter: [" + prefix + key + "]");
        }
    }
    auto low = Address::parse(json::get_string(d, first));
    auto high = Address::parse(json::get_string(d, last));
    if (low && high && *high < *low) {
        invalid(prefix + last, high->text() + " is before the first address, " + low->text() + ".");
    }
}

}  // namespace

json::object expand_addresses(Addressing addressing, const json::object& given,
                              const json::object* present, const std::string& prefix) {
    json::object out = given;
    switch (addressing) {
        case Addressing::none:
            break;
        case Addressing::host:
            by_family(out, "ip-address", "ipv4-address", "ipv6-address", prefix);
            break;
        case Addressing::subnet:
            expand_subnet(out, present, prefix);
            break;
        case Addressing::any_of:
            by_family(out, "ip-address", "ipv4-address", "ipv6-address", prefix);
            [[fallthrough]];
        case Addressing::range:
            by_family(out, "ip-address-first", "ipv4-address-first", "ipv6-address-first", prefix);
            by_family(out, "ip-address-last", "ipv4-address-last", "ipv6-address-last", prefix);
            break;
    }
    return out;
}

void check_addresses(Addressing addressing, bool required, const json::object& document,
                     const std::string& prefix) {
    auto need = [&](std::initializer_list<const char*> keys, const char* shown) {
        for (const char* key : keys) {
            if (document.contains(key)) return;
        }
        if (required) {
            throw Error(Code::missing_parameters,
                        "Missing parameter: [" + prefix + std::string(shown) + "]");
        }
    };
    switch (addressing) {
        case Addressing::none:
            return;
        case Addressing::host:
            need({"ipv4-address", "ipv6-address"}, "ip-address");
            return;
        case Addressing::subnet:
            need({"subnet4", "subnet6"}, "subnet");
            check_subnet(document, "subnet4", "mask-length4", prefix);
            check_subnet(document, "subnet6", "mask-length6", prefix);
            return;
        case Addressing::range:
            need({"ipv4-address-first", "ipv6-address-first"}, "ip-address-first");
            break;
        case Addressing::any_of:
            need({"ipv4-address", "ipv6-address", "ipv4-address-first", "ipv6-address-first"},
                 "ip-address");
            break;
    }
    check_range(document, "ipv4", prefix);
    check_range(document, "ipv6", prefix);
}

}  // namespace mds::model
