// Objects of the system data (management-api.md 9). The services of mds-core do what these objects
// mean; here is only what they hold.
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
                            hidden(choice("role", {"primary", "secondary"})),
                            hidden(field("details", Kind::any))});
    t.addressing = Addressing::host;
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
                                    hidden(flag("primary"))}),
        Addressing::host);
    Type t = type(
        "domain", "domains", "domain", "Objects/domain",
        {key(with(given(choice("domain-type", {"domain", "global domain", "mds", "data domain"})),
                  "domain")),
         servers, with(given(field("global-domain-assignments", Kind::any)), json::array{}),
         hidden(field("details", Kind::any))});
    return t;
}

Type administrator_type() {
    Field profile = reference("multi-domain-profile", {"md-permissions-profile"});
    Field per_domain = field("permissions-profile", Kind::any);
    return type("administrator", "administrators", "administrator", "General/Role",
                {with(choice("authentication-method",
                             {"undefined", "check point password", "os password", "securid",
                              "radius", "tacacs", "ad authentication", "api key"}),
                      "check point password"),
                 text("email"), text("phone-number"), field("expiration-date", Kind::any),
                 flag("must-change-password", false), secret(text("password")),
                 secret(text("password-hash")), profile, per_domain,
                 field("permissions-profile-list", Kind::any), text("radius-server"),
                 text("tacacs-server"), with(given(text("sic-name")), ""),
                 hidden(field("credentials", Kind::any)), hidden(field("details", Kind::any))});
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
    return t;
}

std::vector<Type> profile_types() {
    Type md =
        type("md-permissions-profile", "md-permissions-profiles", "profile", "General/Role",
             {with(choice("permission-level", {"super user", "manager", "domain level only"}),
                   "manager"),
              flag("mds-provisioning", false), flag("manage-admins", false),
              flag("manage-sessions", false), flag("management-api-login", true),
              with(choice("cme-operations", {"read", "write", "disabled"}), "disabled"),
              flag("global-vpn-management", false), flag("manage-global-assignments", false),
              flag("enable-default-profile-for-global-domains", false),
              text("default-profile-global-domains"), flag("view-global-objects-in-domain", true),
              flag("enable-default-profile-for-local-domains", false),
              text("default-profile-local-domains")});
    std::vector<Field> domain_fields = {
        with(choice("permission-type", {"read write all", "read only all", "customized"}),
             "customized"),
        flag("edit-common-objects", false)};
    for (const char* group :
         {"access-control", "endpoint", "events-and-reports", "gateways", "management",
          "monitoring-and-logging", "threat-prevention", "others"}) {
        domain_fields.push_back(field(group, Kind::any));
    }
    Type domain = type("domain-permissions-profile", "domain-permissions-profiles", "profile",
                       "General/Role", domain_fields);
    md.since = domain.since = "1.9";
    return {md, domain};
}

}  // namespace

std::vector<Type> system_types() {
    std::vector<Type> types = {mds_type(), domain_type(), administrator_type(),
                               trusted_client_type()};
    for (Type& t : profile_types()) types.push_back(std::move(t));
    types.push_back(type("tag", "tags", "tag", "General/globalsNa", {}));
    return types;
}

}  // namespace mds::model
