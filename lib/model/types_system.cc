// Objects of the system data (management-api.md 9). The services of mds-core do what these objects
// mean; here is only what they hold.
#include <ctime>

#include "base/error.hh"
#include "model/address.hh"
#include "model/coerce.hh"
#include "model/table.hh"

namespace mds::model {

using namespace table;

namespace {

const std::vector<std::string> k_server_types = {"multi-domain server", "multi-domain log server",
                                                 "smc"};

Type mds_type() {
    Type t = type(
        "mds", "mdss", "mds", "Objects/mds",
        host_fields() + std::vector<Field>{
                            text("hardware"), text("os"), text("version"),
                            with(choice("server-type", k_server_types), "multi-domain server"),
                            secret(text("one-time-password")), ipv4("ip-pool-first"),
                            ipv4("ip-pool-last"), given(text("sic-name")),
                            with(given(choice("sic-state", {"uninitialized",
                                                            "initialized but trust not established",
                                                            "trust established"})),
                                 "uninitialized"),
                            decided(with(choice("role", {"primary", "secondary"}), "secondary")),
                            decided(field("replaced", Kind::any)),
                            hidden(field("details", Kind::any))});
    t.addressing = Addressing::host;
    t.area = "servers";
    return t;
}

Type domain_type() {
    Field mds = reference("multi-domain-server", {"mds"});
    mds.as_name = true;
    // uid and primary are facts that other services need; the API does not show them.
    Field servers = addressed(
        maps("servers",
             std::vector<Field>{required(text("name")),
                                with(choice("type", {"management server", "log server", "smc"}),
                                     "management server")} +
                 host_fields() +
                 std::vector<Field>{required(mds), flag("active", true),
                                    flag("skip-start-domain-server", false), hidden(text("uid")),
                                    hidden(flag("primary")), hidden(field("licence", Kind::any))}),
        Addressing::host);
    Type t = type(
        "domain", "domains", "domain", "Objects/domain",
        {key(with(given(choice("domain-type", {"domain", "global domain", "mds", "data domain"})),
                  "domain")),
         servers, with(given(field("global-domain-assignments", Kind::any)), json::array{}),
         hidden(field("details", Kind::any))});
    t.area = "servers";
    return t;
}

/// `permissions-profile` is one profile for every Domain, or a list of {domain, profile}.
void administrator_aliases(json::object& params) {
    json::value* given = params.if_contains("permissions-profile");
    if (!given || !(given->is_array() || given->is_object())) return;
    if (given->is_object() && !given->as_object().contains("profile")) return;
    json::value list = *given;
    params.erase("permissions-profile");
    params["permissions-profile-list"] = std::move(list);
}

/// A day, in UTC, or nothing: a date that nobody can read would never expire. A request for a certificate goes
/// with the method that needs one.
void normalise_administrator(json::object& document) {
    if (json::get_string(document, "authentication-method") != "certificate") {
        document.erase("certificate-request");
    }
    std::string text = json::get_string(document, "expiration-date");
    if (text.empty()) return;
    std::tm tm{};
    const char* end = strptime(text.c_str(), "%Y-%m-%d", &tm);
    std::tm same = tm;
    bool real = end && (*end == 0 || *end == 'T') && timegm(&same) != -1 &&
                same.tm_mday == tm.tm_mday && text.size() >= 10;
    if (!real) invalid("expiration-date", "'" + text + "' is not a date like 2027-12-31.");
    document["expiration-date"] = text.substr(0, 10);
}

Type administrator_type() {
    const std::vector<std::string> profiles = {"domain-permissions-profile"};
    Type t = type("administrator", "administrators", "administrator", "General/Role",
                  {with(choice("authentication-method",
                               {"undefined", "check point password", "os password", "securid",
                                "radius", "tacacs", "ad authentication", "api key", "certificate"}),
                        "check point password"),
                   text("email"), text("phone-number"), text("expiration-date"),
                   flag("must-change-password", false), secret(text("password")),
                   // Lines; the service that signs it knows what it is.
                   field("certificate-request", Kind::any),
                   secret(text("password-hash")),
                   reference("multi-domain-profile", {"md-permissions-profile"}),
                   reference("permissions-profile", profiles),
                   maps("permissions-profile-list", {required(reference("domain", {"domain"})),
                                                     required(reference("profile", profiles))}),
                   text("radius-server"), text("tacacs-server"), with(given(text("sic-name")), ""),
                   hidden(field("credentials", Kind::any)), hidden(field("details", Kind::any))});
    t.area = "administrators";
    t.aliases = administrator_aliases;
    t.normalise = normalise_administrator;
    return t;
}

/// A netmask client gives `mask-length` for the family of its address.
void trusted_client_aliases(json::object& params) {
    const json::value* length = json::find(params, "mask-length");
    if (!length) return;
    json::value v = *length;
    params.erase("mask-length");
    auto address = Address::parse(json::get_string(params, "ip-address"));
    bool six = params.contains("ipv6-address") || (address && address->v6);
    params[six ? "mask-length6" : "mask-length4"] = std::move(v);
}

/// Without a length a network would be everybody.
void check_trusted_client(const json::object& document) {
    std::string type = json::get_string(document, "type");
    for (const char* family : {"4", "6"}) {
        if (type == std::string("ipv") + family + " netmask" &&
            !document.contains(std::string("mask-length") + family)) {
            throw Error(Code::missing_parameters, "Missing parameter: [mask-length]");
        }
    }
}

Type trusted_client_type() {
    Type t = type(
        "trusted-client", "trusted-clients", "trusted-client", "Objects/trustedClient",
        host_fields() + range_fields() +
            std::vector<Field>{
                number("mask-length4", 0, 32), number("mask-length6", 0, 128),
                strings("domains-assignment"), flag("multi-domain-server-trusted-client", true),
                with(choice("type", {"any", "domain", "ipv4 address", "ipv4 address range",
                                     "ipv4 netmask", "ipv6 address", "ipv6 address range",
                                     "ipv6 netmask", "name", "wild cards (ip only)"}),
                     "ipv4 address"),
                text("wild-card")});
    t.addressing = Addressing::any_of;
    t.address_required = false;
    t.area = "servers";
    t.aliases = trusted_client_aliases;
    t.check = check_trusted_client;
    return t;
}

const std::vector<std::string> k_access = {"read", "write", "disabled"};

std::vector<Field> flags(const std::vector<const char*>& names) {
    std::vector<Field> out;
    for (const char* name : names) out.push_back(flag(name));
    return out;
}

std::vector<Field> accesses(const std::vector<const char*>& names) {
    std::vector<Field> out;
    for (const char* name : names) out.push_back(choice(name, k_access));
    return out;
}

/// Absent members are the least right: a customized profile allows what it says.
std::vector<Field> domain_profile_fields() {
    const std::vector<std::string> editors = {"By Software Blades",
                                              "By Selected Profile In A Layer Editor"};
    Field layers =
        map("policy-layers", std::vector<Field>{choice("edit-layers", editors)} +
                                 flags({"app-control-and-url-filtering", "content-awareness",
                                        "firewall", "mobile-access"}));
    std::vector<Field> access = std::vector<Field>{flag("show-policy", true), layers} +
                                accesses({"dlp-policy", "geo-control-policy", "nat-policy",
                                          "qos-policy", "access-control-objects-and-settings"}) +
                                flags({"app-control-and-url-filtering-update", "install-policy"});
    std::vector<Field> management = std::vector<Field>{
        choice("cme-operations", k_access),   flag("manage-admins"),
        flag("management-api-login", true),   flag("manage-sessions"),
        flag("high-availability-operations"), flag("approve-or-reject-sessions"),
        flag("publish-sessions", true),       flag("manage-integration-with-cloud-services")};
    std::vector<Field> gateways =
        accesses({"smart-update", "lsm-gw-db", "manage-provisioning-profiles",
                  "manage-repository-scripts"}) +
        flags({"vsx-provisioning", "system-backup", "system-restore", "open-shell",
               "run-one-time-script", "run-repository-script"});
    std::vector<Field> endpoint =
        flags({"manage-policies-and-software-deployment", "edit-endpoint-policies",
               "policies-installation", "edit-software-deployment",
               "software-deployment-installation", "allow-executing-push-operations",
               "authorize-preboot-users", "recovery-media", "remote-help", "reset-computer-data"});
    std::vector<Field> events =
        std::vector<Field>{
            choice("smart-event", {"custom", "app control and url filtering reports only"}),
            flag("reports")} +
        accesses({"events", "policy"});
    std::vector<Field> logs =
        accesses({"monitoring", "management-logs", "track-logs"}) +
        flags({"app-and-url-filtering-logs", "https-inspection-logs",
               "packet-capture-and-forensics", "show-packet-capture-by-default", "identities",
               "show-identities-by-default", "dlp-logs-including-confidential-fields",
               "manage-dlp-messages"});
    std::vector<Field> threat =
        std::vector<Field>{
            choice("edit-layers", {"By Selected Profile In A Layer Editor", "All"})} +
        accesses({"policy-layers", "policy-exceptions", "profiles", "protections"}) +
        flags({"edit-settings", "install-policy", "ips-update"});
    std::vector<Field> others = flags({"client-certificates", "edit-cp-users-db"}) +
                                accesses({"https-inspection", "ldap-users-db",
                                          "user-authority-access", "user-device-mgmt-conf"});
    return {with(choice("permission-type", {"read write all", "read only all", "customized"}),
                 "customized"),
            flag("edit-common-objects", false),
            map("access-control", access),
            map("endpoint", endpoint),
            map("events-and-reports", events),
            map("gateways", gateways),
            map("management", management),
            map("monitoring-and-logging", logs),
            map("others", others),
            map("threat-prevention", threat)};
}

std::vector<Type> profile_types() {
    auto profile_of = [](const char* name) {
        Field f = reference(name, {"domain-permissions-profile"});
        f.as_name = true;
        return f;
    };
    Type md = type(
        "md-permissions-profile", "md-permissions-profiles", "profile", "General/Role",
        {with(choice("permission-level", {"super user", "manager", "domain level only"}),
              "manager"),
         flag("mds-provisioning", false), flag("manage-admins", false),
         flag("manage-sessions", false), flag("management-api-login", true),
         with(choice("cme-operations", k_access), "disabled"), flag("global-vpn-management", false),
         flag("manage-global-assignments", false),
         flag("enable-default-profile-for-global-domains", false),
         profile_of("default-profile-global-domains"), flag("view-global-objects-in-domain", true),
         flag("enable-default-profile-for-local-domains", false),
         profile_of("default-profile-local-domains")});
    Type domain = type("domain-permissions-profile", "domain-permissions-profiles", "profile",
                       "General/Role", domain_profile_fields());
    md.since = domain.since = "1.9";
    md.area = domain.area = "administrators";
    return {md, domain};
}

/// Which Domain gets which global policy. What the policies hold is the Global Domain's.
Type global_assignment_type() {
    Type t = type(
        "global-assignment", "global-assignments", "assignment", "Objects/assignment",
        {required(reference("dependent-domain", {"domain"})),
         required(reference("global-domain", {"domain"})), with(text("global-access-policy"), ""),
         with(text("global-threat-prevention-policy"), ""),
         flag("manage-protection-actions", false),
         given(with(choice("assignment-status", {"not assigned", "up to date", "not up to date"}),
                    "not assigned")),
         given(field("assignment-up-to-date", Kind::date))});
    t.pair = {"global-domain", "dependent-domain"};
    t.area = "assignments";
    t.tags = false;
    return t;
}

}  // namespace

std::vector<Type> system_types() {
    std::vector<Type> types = {mds_type(), domain_type(), administrator_type(),
                               trusted_client_type()};
    types.push_back(global_assignment_type());
    for (Type& t : profile_types()) types.push_back(std::move(t));
    types.push_back(type("tag", "tags", "tag", "General/globalsNa", {}));
    types.back().area = "";
    for (Type& t : system_settings_types()) types.push_back(std::move(t));
    return types;
}

}  // namespace mds::model
