#include "enrol_peer.hh"

#include "base/clock.hh"
#include "base/version.hh"
#include "bus/connection.hh"
#include "enrol/initiator.hh"

namespace mds::sync {

std::string enrol_peer(const json::object& request, const std::string& own_deployment) {
    json::object own = json::parse_object(own_deployment);
    const json::object& deployment = json::get_object(request, "deployment");
    enrol::InitiatorParams params;
    params.address = json::get_string(request, "address");
    params.port = static_cast<uint16_t>(json::get_int(request, "port", 18211));
    params.expected_name = json::get_string(request, "name");
    params.expected_role = json::get_string(request, "role");
    params.key = json::get_string(request, "key");
    params.self.role = "primary";
    params.self.name = json::get_string(own, "server-name");
    params.self.uuid = json::get_string(own, "uuid");
    params.self.version = mds::version();
    params.self.platform = enrol::this_platform();
    params.self.clock_ms = wall_ms();
    params.self.deployment = json::get_string(deployment, "id");
    params.self.deployment_name = json::get_string(deployment, "name");
    params.issue = [&](const enrol::Requests& csr, const enrol::Hello& theirs) {
        try {
            auto connection = sdbus::createSystemBusConnection();
            auto ca = sdbus::createProxy(*connection, bus::ServiceName{"org.openmds.Ca1"},
                                         sdbus::ObjectPath{"/org/openmds/Ca1"});
            enrol::Issued issued;
            ca->callMethod(bus::MemberName{"IssueServer"})
                .onInterface(bus::InterfaceName{"org.openmds.Ca1"})
                .withArguments(csr.identity, csr.sealing, theirs.name, theirs.uuid, theirs.role)
                .storeResultsTo(issued.identity_cert_pem, issued.sealing_cert_pem, issued.chain_pem,
                                issued.root_pem, issued.crl_pem);
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
                                   {"certificate-serial", result.identity_serial},
                                   {"fingerprint", result.fingerprint}});
}

}  // namespace mds::sync
