// Network objects, groups, tags (management-api.md 12).
#include "base/error.hh"
#include "model/table.hh"

namespace mds::model {

using namespace table;

const std::vector<std::string>& table::network_members() {
    static const std::vector<std::string> k_members = {"host",           "network",
                                                       "address-range",  "multicast-address-range",
                                                       "group",          "group-with-exclusion",
                                                       "wildcard",       "dns-domain",
                                                       "dynamic-object", "security-zone",
                                                       "simple-gateway", "checkpoint-host",
                                                       "CpmiAnyObject"};
    return k_members;
}

namespace {

void check_dns_domain(const json::object& document) {
    if (json::get_string(document, "name").starts_with('.')) return;
    throw Error(Code::invalid_parameter,
                "Invalid parameter for [name]. The name of a dns-domain begins with a dot, "
                "for example .example.com.");
}

void check_wildcard(const json::object& document) {
    for (const char* family : {"ipv4", "ipv6"}) {
        std::string address = std::string(family) + "-address";
        std::string mask = std::string(family) + "-mask-wildcard";
        if (document.contains(address) == document.contains(mask)) continue;
        throw Error(Code::missing_parameters,
                    "Missing parameter: [" + (document.contains(address) ? mask : address) + "]");
    }
}

Type network_object(Type t) {
    t.groups = true;
    t.set_if_exists = true;
    return t;
}

std::vector<Field> interfaces() {
    return {addressed(
        maps("interfaces", std::vector<Field>{required(text("name"))} + subnet_fields() +
                               std::vector<Field>{text("comments"), field("color", Kind::colour)}),
        Addressing::subnet)};
}

std::vector<Field> host_servers() {
    return {map(
        "host-servers",
        {flag("dns-server", false), flag("mail-server", false), flag("web-server", false),
         map("web-server-config", {strings("additional-ports"), strings("application-engines"),
                                   flag("listen-standard-port", true),
                                   choice("operating-system", {"sparc linux", "windows", "other",
                                                               "x86 linux", "sparc solaris"}),
                                   text("protected-by")})})};
}

}  // namespace

std::vector<Type> network_types() {
    std::vector<Type> types;
    Type host = network_object(
        type("host", "hosts", "network", "Objects/host",
             host_fields() + interfaces() + std::vector<Field>{nat_settings()} + host_servers()));
    host.addressing = Addressing::host;
    types.push_back(host);

    Type network = network_object(
        type("network", "networks", "network", "NetworkObjects/network",
             subnet_fields() +
                 std::vector<Field>{with(choice("broadcast", {"allow", "disallow"}), "allow"),
                                    nat_settings()}));
    network.addressing = Addressing::subnet;
    types.push_back(network);

    Type range = network_object(type("address-range", "address-ranges", "network", "Objects/ip",
                                     range_fields() + std::vector<Field>{nat_settings()}));
    range.addressing = Addressing::range;
    types.push_back(range);

    Type multicast = network_object(type("multicast-address-range", "multicast-address-ranges",
                                         "network", "Objects/ip", host_fields() + range_fields()));
    multicast.addressing = Addressing::any_of;
    multicast.set_if_exists = false;
    multicast.since = "1.1";
    types.push_back(multicast);

    types.push_back(network_object(type("group", "groups", "network", "General/group",
                                        {references("members", network_members())})));

    Type exclusion = network_object(type("group-with-exclusion", "groups-with-exclusion", "network",
                                         "General/group",
                                         {required(reference("include", network_members())),
                                          required(reference("except", network_members()))}));
    types.push_back(exclusion);

    Type wildcard =
        network_object(type("wildcard", "wildcards", "network", "Objects/wildcard",
                            {key(ipv4("ipv4-address")), key(ipv4("ipv4-mask-wildcard")),
                             key(ipv6("ipv6-address")), key(ipv6("ipv6-mask-wildcard"))}));
    wildcard.check = check_wildcard;
    wildcard.since = "1.2";
    types.push_back(wildcard);

    Type dns = type("dns-domain", "dns-domains", "network", "Objects/domain",
                    {required(flag("is-sub-domain"))});
    dns.groups = true;
    dns.check = check_dns_domain;
    types.push_back(dns);

    Type zone = type("security-zone", "security-zones", "network", "Objects/zone", {});
    types.push_back(zone);

    Type dynamic = type("dynamic-object", "dynamic-objects", "network", "Objects/dynamic", {});
    dynamic.groups = true;
    types.push_back(dynamic);

    Type tag = type("tag", "tags", "tag", "General/globalsNa", {});
    types.push_back(tag);
    return types;
}

}  // namespace mds::model
