// Trust with gateways (LS-7, K-7): a Domain Server of this host asks, mds-sync talks to the gateway, the
// authority of the Domain is used on the Primary.
#include "base/error.hh"
#include "bus/blob.hh"
#include "pki/certificate.hh"
#include "service.hh"

namespace mds::core {
namespace {

constexpr char k_ca[] = "org.openmds.Ca1", k_sync[] = "org.openmds.Sync1";
/// Who adds many gateways that do not run yet waits for each.
constexpr int64_t k_enrol_ms = 10'000;
/// Microseconds: longer than the conversation with a gateway that does not answer.
constexpr uint64_t k_enrol_us = 90'000'000;

}  // namespace

void Service::enrol_gateway(const json::object& asked, Then then) {
    json::object request{{"name", json::get_string(asked, "name")},
                         {"address", json::get_string(asked, "address")},
                         {"domain", json::get_string(asked, "domain")},
                         {"port", daemon_.config().get_int("Sic.Port")},
                         {"role", "gateway"},
                         {"timeout-ms", k_enrol_ms},
                         {"key", json::get_string(asked, "key")},
                         {"deployment", json::object{{"id", identity_->deployment_id},
                                                     {"name", identity_->deployment_name}}},
                         {"members", json::array{}}};
    bus::Blob secret = bus::pack_secret(json::text(request));
    sync_->callMethodAsync(bus::MemberName{"Enrol"})
        .onInterface(bus::InterfaceName{k_sync})
        .withTimeout(k_enrol_us)
        .withArguments(secret.bytes, secret.fds)
        .uponReplyInvoke([then](bus::ReplyError failed, const std::string& reply) {
            if (const sdbus::Error* e = bus::error_ptr(failed)) {
                return then(mgmt::error_reply(bus::from_bus_error(*e)));
            }
            then({200, reply});
        });
}

void Service::certify_gateway(json::object message, Then then) {
    if (identity_->role != "primary") return ask_primary("certify-gateway", std::move(message), std::move(then));
    ca_->callMethodAsync(bus::MemberName{"IssueGateway"})
        .onInterface(bus::InterfaceName{k_ca})
        .withArguments(json::get_string(message, "domain"), json::get_string(message, "csr"),
                       json::get_string(message, "name"), json::get_string(message, "uuid"))
        .uponReplyInvoke([then](bus::ReplyError failed, const std::string& certificate, const std::string& chain,
                                const std::string& root, const std::string& crl) {
            if (const sdbus::Error* e = bus::error_ptr(failed)) {
                return then(mgmt::error_reply(bus::from_bus_error(*e)));
            }
            then({200, json::text(json::object{{"certificate", certificate},
                                               {"certificate-serial", pki::Certificate::from_pem(certificate).serial()},
                                               {"chain", chain},
                                               {"root", root},
                                               {"crl", crl}})});
        });
}

void Service::settle_gateways(json::object message, Then then) {
    if (identity_->role != "primary") return ask_primary("settle-gateways", std::move(message), std::move(then));
    auto serials = [&](const char* name) {
        std::vector<std::string> out;
        for (const json::value& v : json::get_array(message, name)) out.emplace_back(v.as_string());
        return out;
    };
    ca_->callMethodAsync(bus::MemberName{"SettleGateways"})
        .onInterface(bus::InterfaceName{k_ca})
        .withArguments(json::get_string(message, "domain"), serials("in-effect"), serials("gone"))
        .uponReplyInvoke([then](bus::ReplyError failed, const uint32_t& revoked) {
            if (const sdbus::Error* e = bus::error_ptr(failed)) {
                return then(mgmt::error_reply(bus::from_bus_error(*e)));
            }
            then({200, json::text(json::object{{"revoked", revoked}})});
        });
}

void Service::gateway_message(const Uid& mds, const std::string& op, json::object message, Then then) {
    // Only who may have the Active of this Domain speaks for it.
    std::string domain = json::get_string(message, "domain");
    auto row = find_domain(domain);
    bool serves = false;
    if (row) {
        for (const json::value& v : row->servers) {
            serves |= json::get_string(v.as_object(), "mds") == mds.text() &&
                      json::get_string(v.as_object(), "type") != "log server";
        }
    }
    if (!serves) throw Error(Code::forbidden, "only a Domain Server of the Domain speaks for its gateways");
    require_primary("Certificates of gateways");
    if (op == "certify-gateway") return certify_gateway(std::move(message), std::move(then));
    settle_gateways(std::move(message), std::move(then));
}

}  // namespace mds::core
