#include "bus.hh"

#include <pwd.h>
#include <unistd.h>

#include "json/json.hh"
#include "log/log.hh"
#include "service.hh"

namespace mds::ca {
namespace {

const sdbus::Message& message_of(const sdbus::Message* message) { return *message; }
const sdbus::Message& message_of(const sdbus::Message& message) { return message; }

bool runs_as(uid_t uid, const char* user) {
    const passwd* entry = getpwnam(user);
    return entry && entry->pw_uid == uid;
}

}  // namespace

BusObject::BusObject(bus::Connection& connection, Service& service)
    : AdaptorInterfaces(connection.raw(), sdbus::ObjectPath{"/org/openmds/Ca1"}),
      service_(service) {
    registerAdaptor();
}

BusObject::~BusObject() { unregisterAdaptor(); }

void BusObject::require_caller() {
    uid_t uid = message_of(getObject().getCurrentlyProcessedMessage()).getCredsUid();
    if (uid == 0 || uid == geteuid() || runs_as(uid, "mds") || runs_as(uid, "mds-sync")) return;
    throw Error(Code::forbidden, "Only the services of this server may ask its authorities");
}

template <class Function>
auto BusObject::allowed(Function&& function) {
    return bus::guarded([&] {
        require_caller();
        return function();
    });
}

void BusObject::announce() {
    getObject().emitPropertiesChangedSignal("org.openmds.Ca1",
                                            {"Deployment", "Authorities", "State"});
}

std::string BusObject::Initialize(const std::string& deployment_name) {
    return allowed([&] {
        std::string id = service_.initialize(deployment_name);
        log::notice("authority of deployment " + deployment_name + " (" + id + ")");
        announce();
        return id;
    });
}

std::string BusObject::Status() {
    return allowed([&] { return json::text(service_.status()); });
}

std::string BusObject::CreateDomainAuthority(const std::string& domain_uid,
                                             const std::string& domain_name) {
    return allowed([&] {
        std::string pem = service_.create_domain_authority(domain_uid, domain_name);
        log::notice("authority of Domain " + domain_name, {{"MDS_DOMAIN", domain_name}});
        announce();
        return pem;
    });
}

std::tuple<std::string, std::string, std::string, std::string, std::string>
BusObject::IssueServer(const std::string& csr_identity, const std::string& csr_sealing,
                       const std::string& name, const std::string& uuid, const std::string& role) {
    return allowed([&] {
        ServerCertificates c =
            service_.issue_server(csr_identity, csr_sealing, name, uuid, role);
        log::notice("certificates issued for server " + name + " as " + role,
                    {{"MDS_SERVER", name}});
        return std::tuple{c.identity, c.sealing, c.chain, c.root, c.crl};
    });
}

std::tuple<std::string, std::string, std::string, std::string> BusObject::IssueDomainServer(
    const std::string& domain_uid, const std::string& csr, const std::string& name,
    const std::string& uuid) {
    return allowed([&] {
        ServerCertificates c = service_.issue_domain_server(domain_uid, csr, name, uuid);
        log::notice("certificate issued for Domain Server " + name, {{"MDS_SERVER", name}});
        return std::tuple{c.identity, c.chain, c.root, c.crl};
    });
}

void BusObject::Revoke(const std::string& serial, const std::string& reason) {
    allowed([&] {
        service_.revoke(serial, reason);
        log::notice("certificate " + serial + " revoked: " + reason);
    });
}

std::string BusObject::ListAuthorities() {
    return allowed([&] { return json::text(service_.list_authorities()); });
}

std::string BusObject::ListCertificates(const std::string& authority) {
    return allowed([&] { return json::text(service_.list_certificates(authority)); });
}

std::string BusObject::RevocationList(const std::string& authority) {
    return allowed([&] { return service_.revocation_list(authority); });
}

std::string BusObject::SealingCertificate() {
    return allowed([&] { return service_.sealing_certificate(); });
}

std::string BusObject::Export(const std::string& recipient,
                              const std::vector<std::string>& scopes) {
    return allowed([&] {
        log::notice("authority keys sealed for another server");
        return json::text(service_.export_for(recipient, scopes));
    });
}

void BusObject::Import(const std::string& document) {
    allowed([&] {
        service_.import(json::parse_object(document));
        log::notice("authorities taken over from another server");
        announce();
    });
}

void BusObject::Promote(const uint64_t& epoch) {
    allowed([&] {
        service_.promote(epoch);
        log::notice("this server issues from epoch " + std::to_string(epoch) + " on");
    });
}

std::string BusObject::Deployment() { return service_.deployment(); }
uint32_t BusObject::Authorities() { return service_.authorities(); }
std::string BusObject::State() { return service_.state(); }

}  // namespace mds::ca
