// Gateways, and management and log servers as objects (management-api.md 12).
#include "model/table.hh"

namespace mds::model {

using namespace table;

namespace {

std::vector<Field> blades(const std::vector<const char*>& names) {
    std::vector<Field> out;
    for (const char* name : names) out.push_back(flag(name, false));
    return out;
}

std::vector<Field> trust_fields() {
    // Trust with a gateway is made by the Domain Server (server/gateways.hh), with the serial number of the
    // certificate that counts.
    return {secret(text("one-time-password")), given(with(text("sic-name"), "")),
            given(with(text("sic-state"), "uninitialized")), given(with(text("sic-message"), "")),
            hidden(text("sic-serial")), hidden(text("sic-serial-next"))};
}

std::vector<Field> log_fields() {
    const std::vector<std::string> servers = {"checkpoint-host", "simple-gateway"};
    return {flag("save-logs-locally", false), references("send-logs-to-server", servers),
            references("send-alerts-to-server", servers),
            references("send-logs-to-backup-server", servers), field("logs-settings", Kind::any)};
}

std::vector<Field> gateway_interfaces() {
    return {addressed(
        maps("interfaces",
             std::vector<Field>{
                 required(text("name")), ipv4("ipv4-address"), ipv4("ipv4-network-mask"),
                 number("ipv4-mask-length", 0, 32), ipv6("ipv6-address"),
                 number("ipv6-mask-length", 0, 128),
                 with(choice("topology", {"automatic", "external", "internal"}), "automatic"),
                 map("topology-settings",
                     {text("ip-address-behind-this-interface"), text("specific-network"),
                      flag("interface-leads-to-dmz")}),
                 flag("anti-spoofing", true),
                 map("anti-spoofing-settings", {choice("action", {"prevent", "detect"})}),
                 flag("security-zone", false), field("security-zone-settings", Kind::any),
                 text("comments"), field("color", Kind::colour)}),
        Addressing::host)};
}

}  // namespace

std::vector<Type> gateway_types() {
    Type gateway =
        type("simple-gateway", "simple-gateways", "network", "NetworkObjects/gateway",
             host_fields() +
                 std::vector<Field>{text("version"), with(text("os-name"), "Gaia"),
                                    with(text("hardware"), "Open server")} +
                 trust_fields() + std::vector<Field>{given(flag("dynamic-ip", false))} +
                 gateway_interfaces() + std::vector<Field>{flag("firewall", true)} +
                 blades({"vpn", "application-control", "url-filtering", "ips", "anti-bot",
                         "anti-virus", "threat-emulation", "content-awareness"}) +
                 log_fields() +
                 std::vector<Field>{references("management-servers", {"checkpoint-host"}),
                                    field("firewall-settings", Kind::any),
                                    field("vpn-settings", Kind::any)});
    gateway.addressing = Addressing::host;
    gateway.groups = true;
    gateway.set_if_exists = true;

    Type host = type(
        "checkpoint-host", "checkpoint-hosts", "network", "NetworkObjects/gateway",
        host_fields() +
            std::vector<Field>{
                addressed(
                    maps("interfaces",
                         std::vector<Field>{required(text("name"))} + subnet_fields() +
                             std::vector<Field>{text("comments"), field("color", Kind::colour)}),
                    Addressing::subnet),
                nat_settings(), with(text("hardware"), "Open server"), with(text("os"), "Gaia"),
                text("version"),
                map("management-blades",
                    blades({"network-policy-management", "logging-and-status", "smart-event-server",
                            "smart-event-correlation", "endpoint-policy", "compliance",
                            "user-directory", "secondary", "identity-logging"}))} +
            trust_fields() + log_fields() +
            // It stands for a server of the Domain (mgmt/servers.hh).
            std::vector<Field>{hidden(flag("domain-server"))});
    host.addressing = Addressing::host;
    host.groups = true;
    host.since = "1.6.1";
    return {gateway, host};
}

}  // namespace mds::model
