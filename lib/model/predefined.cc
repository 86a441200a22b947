#include "model/predefined.hh"

#include "model/document.hh"

#include <map>
#include <unordered_map>

#include "base/text.hh"
#include "store/hash.hh"
#include "store/refs.hh"

namespace mds::model {
namespace {

struct Row {
    const char* type;
    const char* family;
    const char* name;
    const char* icon;
    /// Empty: derived from type and name, so it is the same on every server.
    const char* uid;
};

constexpr char k_read_write_all[] = "3c8bf435-6bdc-4dec-aab0-5af53bbf946b";

constexpr Row k_rows[] = {
    {"CpmiAnyObject", "any", "Any", "General/globalsAny", "97aeb369-9aea-11d5-bd16-0090272ccb30"},
    {"CpmiAnyObject", "cell", "None", "General/globalsNone",
     "97aeb36a-9aea-11d5-bd16-0090272ccb30"},
    {"RulebaseAction", "action", "Accept", "Actions/actionsAccept",
     "6c488338-8eec-4103-ad21-cd461ac2c472"},
    {"RulebaseAction", "action", "Drop", "Actions/actionsDrop",
     "6c488338-8eec-4103-ad21-cd461ac2c473"},
    {"RulebaseAction", "action", "Reject", "Actions/actionsReject", ""},
    {"RulebaseAction", "action", "Ask", "Actions/actionsAsk", ""},
    {"RulebaseAction", "action", "Inform", "Actions/actionsInform", ""},
    {"RulebaseAction", "action", "Inner Layer", "Actions/actionsInner", ""},
    {"RulebaseAction", "action", "User Auth", "Actions/actionsUserAuth", ""},
    {"RulebaseAction", "action", "Client Auth", "Actions/actionsClientAuth", ""},
    {"Global", "target", "Policy Targets", "General/globalsAny",
     "6c488338-8eec-4103-ad21-cd461ac2c476"},
    {"Global", "nat", "Original", "General/globalsOriginal",
     "85c0f50f-6d8a-4528-88ab-5fb11d8fe16c"},
    {"Track", "track", "Log", "Track/tracksLog", "598ead32-aa42-4615-90ed-f51a5928d41d"},
    {"Track", "track", "None", "Track/tracksNone", "29e53e3d-23bf-48fe-b6b1-d59bd88036f9"},
    {"Track", "track", "Detailed Log", "Track/tracksLog", ""},
    {"Track", "track", "Extended Log", "Track/tracksLog", ""},
    {"Global", "vpn", "All_GwToGw", "VPNCommunities/all", ""},
    {"security-zone", "network", "ExternalZone", "Objects/zone",
     "237a4cbc-7fb6-4d50-872a-4904468271c4"},
    {"security-zone", "network", "InternalZone", "Objects/zone",
     "e8131db2-8388-42a5-924a-82de32db20f7"},
    {"security-zone", "network", "DMZZone", "Objects/zone", "8c4041ea-ff14-4e4b-a9d9-4183d18c790a"},
    {"security-zone", "network", "WirelessZone", "Objects/zone",
     "57de3848-3675-48ed-b045-41378f4babb3"},
    {"domain-permissions-profile", "profile", "Read Write All", "General/Role", k_read_write_all},
    {"domain-permissions-profile", "profile", "Read Only All", "General/Role",
     "f4a23218-5bb9-4880-94bb-9c06b951f195"},
    {"domain-permissions-profile", "profile", "Super User", "General/Role", ""},
    {"md-permissions-profile", "profile", "Multi-Domain Super User", "General/Role", ""},
    {"md-permissions-profile", "profile", "Domain Super User", "General/Role", ""},
    {"md-permissions-profile", "profile", "Global Manager", "General/Role", ""},
    {"md-permissions-profile", "profile", "Domain Manager", "General/Role", ""},
    {"md-permissions-profile", "profile", "Domain Level Only", "General/Role", ""},
    {"OS", "os", "Gaia", "General/globalsNa", "ed01fd50-d2ba-4e0f-9001-9acf987957b0"},
    {"OS", "os", "Linux", "General/globalsNa", "d4ab612d-9fdc-4f5e-afe6-9a72d1d85e24"},
    {"Hardware", "hardware", "Open server", "General/globalsNa",
     "c131798a-b487-4189-8f84-cc2749bc3ab1"},
    {"Hardware", "hardware", "Smart-1", "General/globalsNa",
     "018e1a9f-7597-46d3-88b1-7b7611cc343e"},
};

struct Service {
    const char* type;
    const char* name;
    /// Port, or protocol number, or ICMP type.
    const char* value;
    const char* uid;
};

constexpr Service k_services[] = {
    {"service-tcp", "http", "80", "97aeb3d4-9aea-11d5-bd16-0090272ccb30"},
    {"service-tcp", "https", "443", "97aeb443-9aea-11d5-bd16-0090272ccb30"},
    {"service-tcp", "ftp", "21", "97aeb3d0-9aea-11d5-bd16-0090272ccb30"},
    {"service-tcp", "smtp", "25", "97aeb3d9-9aea-11d5-bd16-0090272ccb30"},
    {"service-tcp", "ssh", "22", ""},
    {"service-tcp", "telnet", "23", ""},
    {"service-tcp", "domain-tcp", "53", ""},
    {"service-tcp", "pop-3", "110", ""},
    {"service-tcp", "imap", "143", ""},
    {"service-tcp", "IMAP-SSL", "993", ""},
    {"service-tcp", "POP3S", "995", ""},
    {"service-tcp", "SMTPS", "465", ""},
    {"service-tcp", "ldap", "389", ""},
    {"service-tcp", "ldap-ssl", "636", ""},
    {"service-tcp", "nntp", "119", ""},
    {"service-tcp", "microsoft-ds", "445", ""},
    {"service-tcp", "nbsession", "139", ""},
    {"service-tcp", "Remote_Desktop_Protocol", "3389", ""},
    {"service-tcp", "MS-SQL-Server", "1433", ""},
    {"service-tcp", "MySQL", "3306", ""},
    {"service-tcp", "PostgreSQL", "5432", ""},
    {"service-tcp", "HTTP_and_HTTPS_proxy", "8080", ""},
    {"service-tcp", "bgp", "179", ""},
    {"service-tcp", "TACACSplus", "49", ""},
    {"service-tcp", "kerberos-tcp", "88", ""},
    {"service-tcp", "ntp-tcp", "123", ""},
    {"service-udp", "domain-udp", "53", ""},
    {"service-udp", "ntp-udp", "123", ""},
    {"service-udp", "snmp", "161", ""},
    {"service-udp", "snmp-trap", "162", ""},
    {"service-udp", "syslog", "514", ""},
    {"service-udp", "tftp", "69", ""},
    {"service-udp", "dhcp-request", "67", ""},
    {"service-udp", "dhcp-reply", "68", ""},
    {"service-udp", "NEW-RADIUS", "1812", ""},
    {"service-udp", "RADIUS", "1645", ""},
    {"service-udp", "IKE", "500", ""},
    {"service-udp", "IKE_NAT_TRAVERSAL", "4500", ""},
    {"service-udp", "kerberos-udp", "88", ""},
    {"service-udp", "nbname", "137", ""},
    {"service-udp", "nbdatagram", "138", ""},
    {"service-icmp", "echo-request", "8", ""},
    {"service-icmp", "echo-reply", "0", ""},
    {"service-icmp", "dest-unreach", "3", ""},
    {"service-icmp", "time-exceeded", "11", ""},
    {"service-icmp", "timestamp", "13", ""},
    {"service-icmp6", "echo-request6", "128", ""},
    {"service-icmp6", "echo-reply6", "129", ""},
    {"service-icmp6", "neighbor-solicitation", "135", ""},
    {"service-icmp6", "neighbor-advertisement", "136", ""},
    {"service-other", "GRE", "47", ""},
    {"service-other", "ESP", "50", ""},
    {"service-other", "AH", "51", ""},
    {"service-other", "ospf", "89", ""},
    {"service-other", "igmp", "2", ""},
    {"service-other", "vrrp", "112", ""},
};

struct Group {
    const char* name;
    std::vector<const char*> members;
};

const std::vector<Group>& groups() {
    static const std::vector<Group> k_groups = {
        {"dns", {"domain-tcp", "domain-udp"}},
        {"ntp", {"ntp-tcp", "ntp-udp"}},
        {"kerberos", {"kerberos-tcp", "kerberos-udp"}},
        {"IPSEC", {"ESP", "AH", "IKE", "IKE_NAT_TRAVERSAL"}},
        {"NBT", {"nbname", "nbdatagram", "nbsession"}}};
    return k_groups;
}

const Type* known_type(const std::string& name) {
    if (const Type* type = domain_catalog().find(name)) return type;
    return system_catalog().find(name);
}

Predefined make(const std::string& type, const std::string& family, const std::string& name,
                const std::string& icon, const std::string& uid) {
    Predefined p;
    p.uid = uid.empty() ? fixed_uid(type, name) : *Uid::parse(uid);
    p.type = type;
    p.family = family;
    p.name = name;
    p.icon = icon;
    p.document = {{"name", name}, {"comments", ""}, {"color", "black"}, {"tags", json::array{}}};
    if (const Type* known = known_type(type)) fill_fallbacks(*known, p.document);
    return p;
}

Predefined make_service(const Service& row) {
    std::string type = row.type;
    Predefined p = make(type, "service", row.name, known_type(type)->icon, row.uid);
    int number = std::stoi(row.value);
    if (type == "service-tcp" || type == "service-udp") {
        p.document["port"] = row.value;
    } else if (type == "service-other") {
        p.document["ip-protocol"] = number;
    } else {
        p.document["icmp-type"] = number;
    }
    return p;
}

/// What the predefined profiles allow (multi-domain-ha.md; the names are the field's).
void fill_profile(Predefined& p) {
    json::object& d = p.document;
    auto everywhere = [&](const char* scope) {
        d[std::string("enable-default-profile-for-") + scope + "-domains"] = true;
        d[std::string("default-profile-") + scope + "-domains"] =
            store::make_reference(*Uid::parse(k_read_write_all));
    };
    if (p.type == "domain-permissions-profile") {
        d["permission-type"] = p.name == "Read Only All" ? "read only all" : "read write all";
        return;
    }
    if (p.type != "md-permissions-profile") return;
    bool super = p.name == "Multi-Domain Super User", domains = p.name == "Domain Super User";
    d["permission-level"] = super                           ? "super user"
                            : p.name == "Domain Level Only" ? "domain level only"
                                                            : "manager";
    for (const char* right : {"mds-provisioning", "manage-admins", "manage-sessions",
                              "manage-global-assignments", "global-vpn-management"}) {
        d[right] = super || (domains && std::string_view(right) != "mds-provisioning");
    }
    if (p.name == "Global Manager") d["manage-global-assignments"] = true;
    if (super || domains) everywhere("local");
    if (super || domains || p.name == "Global Manager") everywhere("global");
}

struct Index {
    std::vector<Predefined> all;
    std::unordered_map<Uid, size_t> by_uid;
    std::map<std::pair<std::string, std::string>, size_t> by_name;

    void add(Predefined p) {
        by_uid[p.uid] = all.size();
        by_name.emplace(std::make_pair(p.family, fold(p.name)), all.size());
        all.push_back(std::move(p));
    }
};

const Index& index() {
    static const Index k_index = [] {
        Index out;
        for (const Row& row : k_rows) {
            Predefined p = make(row.type, row.family, row.name, row.icon, row.uid);
            fill_profile(p);
            out.add(std::move(p));
        }
        for (const Service& row : k_services) out.add(make_service(row));
        for (const Group& group : groups()) {
            Predefined p =
                make("service-group", "service", group.name, "Services/ServiceGroup", "");
            json::array members;
            for (const char* name : group.members) {
                size_t at = out.by_name.at({"service", fold(name)});
                members.push_back(json::value(store::make_reference(out.all[at].uid)));
            }
            p.document["members"] = std::move(members);
            out.add(std::move(p));
        }
        return out;
    }();
    return k_index;
}

}  // namespace

Uid fixed_uid(const std::string& type, const std::string& name) {
    store::Hash hash = store::sha256("openmds predefined\n" + type + "\n" + name);
    Uid uid = *Uid::from_bytes(store::raw(hash).substr(0, 16));
    // RFC 9562 version 8: made by a rule of our own.
    uid.bytes[6] = static_cast<uint8_t>((uid.bytes[6] & 0x0f) | 0x80);
    uid.bytes[8] = static_cast<uint8_t>((uid.bytes[8] & 0x3f) | 0x80);
    return uid;
}

const json::object& predefined_domain() {
    static const json::object k_domain = {{"uid", "a0bbbc99-adef-4ef8-bb6d-defdefdefdef"},
                                          {"name", "Check Point Data"},
                                          {"domain-type", "data domain"}};
    return k_domain;
}

const std::vector<Predefined>& predefined_objects() {
    return index().all;
}

const Predefined* find_predefined(const Uid& uid) {
    auto found = index().by_uid.find(uid);
    return found == index().by_uid.end() ? nullptr : &index().all[found->second];
}

const Predefined* find_predefined(std::string_view family, std::string_view name) {
    auto found = index().by_name.find({std::string(family), fold(name)});
    return found == index().by_name.end() ? nullptr : &index().all[found->second];
}

const Type& type_of(const Predefined& object) {
    static const std::map<std::string, Type> k_bare = [] {
        std::map<std::string, Type> out;
        for (const Predefined& p : predefined_objects()) {
            if (known_type(p.type)) continue;
            Type& type = out[p.type];
            type.name = p.type;
            type.family = p.family;
            type.icon = p.icon;
        }
        return out;
    }();
    if (const Type* known = known_type(object.type)) return *known;
    return k_bare.at(object.type);
}

bool is_predefined(const Uid& uid) {
    return index().by_uid.contains(uid);
}

}  // namespace mds::model
