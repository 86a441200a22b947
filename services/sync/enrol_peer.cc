#include "enrol_peer.hh"

#include "base/clock.hh"
#include "base/text.hh"
#include "base/version.hh"
#include "bus/connection.hh"
#include "enrol/initiator.hh"
#include "pki/certificate.hh"

namespace mds::sync {
namespace {

/// RF-11: what was said of the machine must be what it says of itself. Nothing was issued yet.
void judge_given(const json::object& request, const enrol::Hello& theirs) {
    auto differs = [&](const char* what, const std::string& reported, bool equal) {
        std::string given = json::get_string(request, what);
        if (given.empty() || equal) return;
        throw Error(Code::validation_failed, theirs.name + " reports " + what + " " + reported +
                                                 ", given was " + given)
            .refusal("RF-11", std::string("Leave out [") + what + "]: it is taken from the machine");
    };
    differs("version", theirs.version, json::get_string(request, "version") == theirs.version);
    std::string os = fold(json::get_string(request, "os"));
    differs("os", theirs.platform, fold(theirs.platform).find(os) != std::string::npos);
}

/// The gateway's certificate comes from the authority of its Domain, which may be used on the Primary alone;
/// mds-core knows the way there.
enrol::Issued issue_gateway(const std::string& domain, const enrol::Requests& csr, const enrol::Hello& theirs) {
    auto connection = sdbus::createSystemBusConnection();
    connection->setMethodCallTimeout(60'000'000);
    auto core = sdbus::createProxy(*connection, bus::ServiceName{"org.openmds.Core1"},
                                   sdbus::ObjectPath{"/org/openmds/Core1"});
    std::string text;
    core->callMethod(bus::MemberName{"CertifyGateway"})
        .onInterface(bus::InterfaceName{"org.openmds.Internal.Trust1"})
        .withArguments(json::text(json::object{
            {"domain", domain}, {"csr", csr.identity}, {"name", theirs.name}, {"uuid", theirs.uuid}}))
        .storeResultsTo(text);
    json::object got = json::parse_object(text);
    enrol::Issued issued;
    issued.identity_cert_pem = json::get_string(got, "certificate");
    issued.chain_pem = json::get_string(got, "chain");
    issued.root_pem = json::get_string(got, "root");
    issued.crl_pem = json::get_string(got, "crl");
    issued.scope = domain;
    return issued;
}

enrol::Issued issue_server(const enrol::Requests& csr, const enrol::Hello& theirs) {
    auto connection = sdbus::createSystemBusConnection();
    auto ca = sdbus::createProxy(*connection, bus::ServiceName{"org.openmds.Ca1"},
                                 sdbus::ObjectPath{"/org/openmds/Ca1"});
    enrol::Issued issued;
    ca->callMethod(bus::MemberName{"IssueServer"})
        .onInterface(bus::InterfaceName{"org.openmds.Ca1"})
        .withArguments(csr.identity, csr.sealing, theirs.name, theirs.uuid, theirs.role)
        .storeResultsTo(issued.identity_cert_pem, issued.sealing_cert_pem, issued.chain_pem,
                        issued.root_pem, issued.crl_pem);
    return issued;
}

}  // namespace

std::string enrol_peer(const json::object& request, const std::string& own_deployment) {
    json::object own = json::parse_object(own_deployment);
    const json::object& deployment = json::get_object(request, "deployment");
    enrol::InitiatorParams params;
    params.address = json::get_string(request, "address");
    params.port = static_cast<uint16_t>(json::get_int(request, "port", 18211));
    params.expected_name = json::get_string(request, "name");
    params.expected_role = json::get_string(request, "role");
    params.key = json::get_string(request, "key");
    params.timeout_ms = json::get_int(request, "timeout-ms", params.timeout_ms);
    params.self.role = "primary";
    params.self.name = json::get_string(own, "server-name");
    params.self.uuid = json::get_string(own, "uuid");
    params.self.version = mds::version();
    params.self.platform = enrol::this_platform();
    params.self.clock_ms = wall_ms();
    params.self.deployment = json::get_string(deployment, "id");
    params.self.deployment_name = json::get_string(deployment, "name");
    // Of a server whose trust is established anew: nobody else gets a certificate in its place.
    std::string uid = json::get_string(request, "expected-uid");
    params.issue = [&](const enrol::Requests& csr, const enrol::Hello& theirs) {
        judge_given(request, theirs);
        for (const json::value& v : json::get_array(request, "members")) {
            const json::object& member = v.as_object();
            if (!uid.empty() || json::get_string(member, "uid") != theirs.uuid) continue;
            throw Error(Code::ha_invalid, theirs.name + " has the uid of the member " +
                                              json::get_string(member, "name") +
                                              ": it is a copy of that machine")
                .refusal("", "On " + theirs.name + " run: mds-setup --reset");
        }
        if (!uid.empty() && theirs.uuid != uid) {
            throw Error(Code::ha_invalid, "the machine there is not the " + theirs.name +
                                              " of this deployment but was set up anew; delete the old "
                                              "one and add it");
        }
        try {
            std::string domain = json::get_string(request, "domain");
            enrol::Issued issued = domain.empty() ? issue_server(csr, theirs) : issue_gateway(domain, csr, theirs);
            issued.deployment_id = params.self.deployment;
            issued.deployment_name = params.self.deployment_name;
            issued.members_json = json::text(json::get_array(request, "members"));
            return issued;
        } catch (const sdbus::Error& e) {
            throw bus::from_bus_error(e);
        }
    };
    enrol::InitiatorResult result = enrol::connect(params);
    return json::text(json::object{{"name", result.peer.name},
                                   {"uid", result.peer.uuid},
                                   {"role", result.peer.role},
                                   {"version", result.peer.version},
                                   {"platform", result.peer.platform},
                                   {"sic-name", pki::Certificate::from_pem(result.identity_cert_pem).uri().text()},
                                   {"certificate-serial", result.identity_serial},
                                   {"fingerprint", result.fingerprint}});
}

}  // namespace mds::sync
