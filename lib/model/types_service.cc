// Services and groups of services (management-api.md 12).
#include "model/table.hh"

namespace mds::model {

using namespace table;

const std::vector<std::string>& table::service_members() {
    static const std::vector<std::string> k_services = {
        "service-tcp",   "service-udp",  "service-icmp",    "service-icmp6", "service-other",
        "service-group", "service-sctp", "service-dce-rpc", "service-rpc",   "CpmiAnyObject"};
    return k_services;
}

namespace {

Field aging() {
    return with(map("aggressive-aging",
                    {with(number("default-timeout", 0, 86400), 0), flag("enable", true),
                     with(number("timeout", 0, 86400), 600), flag("use-default-timeout", true)}),
                json::object{{"default-timeout", 0},
                             {"enable", true},
                             {"timeout", 600},
                             {"use-default-timeout", true}});
}

Field keep_open() {
    return flag("keep-connections-open-after-policy-installation", false);
}

std::vector<Field> session_fields(int timeout) {
    return {keep_open(),
            with(number("session-timeout", 0, 86400), timeout),
            flag("use-default-session-timeout", true),
            flag("match-for-any", true),
            flag("sync-connections-on-cluster", true),
            aging()};
}

std::vector<Field> port_fields(bool port_required) {
    Field port = key(field("port", Kind::ports));
    port.required = port_required;
    return {port, field("source-port", Kind::ports)};
}

std::vector<Field> signature_fields() {
    return {flag("match-by-protocol-signature", false), flag("override-default-settings", false),
            text("protocol")};
}

Type service(std::string name, std::string plural, std::string icon, std::vector<Field> fields) {
    Type t =
        type(std::move(name), std::move(plural), "service", std::move(icon), std::move(fields));
    t.groups = true;
    t.group_type = "service-group";
    t.set_if_exists = true;
    return t;
}

}  // namespace

std::vector<Type> service_types() {
    std::vector<Type> types;
    types.push_back(service("service-tcp", "services-tcp", "Services/TCPService",
                            port_fields(false) + session_fields(3600) + signature_fields()));
    types.push_back(service("service-udp", "services-udp", "Services/UDPService",
                            port_fields(false) + session_fields(40) + signature_fields() +
                                std::vector<Field>{flag("accept-replies", true)}));
    for (const char* name : {"icmp", "icmp6"}) {
        std::string word = name;
        Type t = service("service-" + word, "services-" + word, "Services/ICMPService",
                         {key(with(number("icmp-type", 0, 255), 0)),
                          key(with(number("icmp-code", 0, 255), 0)), keep_open()});
        t.since = "1.1";
        types.push_back(t);
    }
    types.push_back(
        service("service-other", "services-other", "Services/OtherService",
                std::vector<Field>{key(with(number("ip-protocol", 0, 255), 0)), text("action"),
                                   text("match"), flag("accept-replies", false),
                                   flag("override-default-settings", false)} +
                    session_fields(3600)));
    types.push_back(service("service-sctp", "services-sctp", "Services/SCTPService",
                            port_fields(true) + session_fields(3600)));
    types.push_back(service("service-dce-rpc", "services-dce-rpc", "Services/DCERPCService",
                            {key(text("interface-uuid")), keep_open()}));
    types.push_back(service("service-rpc", "services-rpc", "Services/RPCService",
                            {key(number("program-number", 0, 4294967295)), keep_open()}));
    types.push_back(service("service-group", "service-groups", "Services/ServiceGroup",
                            {references("members", service_members())}));
    return types;
}

}  // namespace mds::model
