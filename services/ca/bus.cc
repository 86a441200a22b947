#include "bus.hh"

#include "bus/blob.hh"
#include "crypto/secret.hh"
#include "log/messages.hh"

namespace mds::ca {
namespace {

/// How often lists are looked at that become due by time alone.
constexpr int k_look_ms = 5000;

}  // namespace

BusObject::BusObject(app::Daemon& daemon)
    : AdaptorInterfaces(daemon.bus().raw(), sdbus::ObjectPath{"/org/openmds/Ca1"}),
      daemon_(daemon),
      store_(daemon.state_folder()) {
    registerAdaptor();
    daemon_.every(k_look_ms, [this] {
        if ((lists_missing_ || store_.lists_are_due()) && renew_lists()) changed();
    });
}

BusObject::~BusObject() { unregisterAdaptor(); }

std::string BusObject::status_line() {
    if (store_.deployment_id().empty()) return "No deployment yet";
    if (store_.locked()) return "The keys of " + store_.deployment_name() + " cannot be opened: mds-setup --recover";
    return std::to_string(store_.authorities()) + " authorities of " + store_.deployment_name() +
           (store_.replica() ? " (replica)" : "");
}

bool BusObject::renew_lists() {
    try {
        bool renewed = store_.renew_lists();
        lists_missing_ = false;
        return renewed;
    } catch (const std::exception& e) {
        if (!lists_missing_) log::error(std::string("revocation lists: ") + e.what());
        lists_missing_ = true;
        return false;
    }
}

void BusObject::changed() {
    renew_lists();
    daemon_.status(status_line());
    bus::emit_changed(getObject(), "org.openmds.Ca1", {"Deployment", "Authorities", "State"});
    emitChanged(store_.number());
}

std::string BusObject::Initialize(const std::string& deployment_name) {
    return bus::guarded([&] {
        std::string id = store_.initialize(deployment_name);
        changed();
        return id;
    });
}

std::string BusObject::CreateDomainAuthority(const std::string& domain_uid,
                                             const std::string& domain_name) {
    return bus::guarded([&] {
        std::string pem = store_.create_domain(domain_uid, domain_name);
        changed();
        return pem;
    });
}

BusObject::Five BusObject::IssueServer(const std::string& csr_identity,
                                       const std::string& csr_sealing, const std::string& name,
                                       const std::string& uuid, const std::string& role) {
    return bus::guarded([&] {
        auto s = store_.issue_server(csr_identity, csr_sealing, name, uuid);
        log::notice("certificates issued for " + role + " " + name, {{"MDS_SERVER", name}});
        changed();
        return Five{s.identity, s.sealing, s.chain, s.root, s.crl};
    });
}

std::tuple<std::string, std::string, std::string> BusObject::IssueAdministrator(
    const std::string& csr, const std::string& name, const std::string& uuid) {
    return bus::guarded([&] {
        auto personal = store_.issue_administrator(csr, name, uuid);
        log::notice("certificate issued for administrator " + name, {{"MDS_USER", name}});
        // The earlier ones end at once.
        emitRevoked("");
        changed();
        return std::tuple(personal.certificate, personal.chain, personal.root);
    });
}

void BusObject::RevokeAdministrator(const std::string& uuid, const std::string& reason) {
    bus::guarded([&] {
        if (store_.revoke_administrator(uuid, reason) == 0) return;
        log::event(log::message::certificate_revoked,
                   "the certificate of administrator " + uuid + " is revoked: " + reason, {{"MDS_REASON", reason}});
        emitRevoked("");
        changed();
    });
}

std::string BusObject::AdministratorCertificates(const std::string& uuid) {
    return bus::guarded([&] { return json::text(store_.administrator_certificates(uuid)); });
}

std::tuple<std::string, std::string, std::string, std::string> BusObject::IssueGateway(
    const std::string& domain, const std::string& csr, const std::string& name, const std::string& uuid) {
    return bus::guarded([&] {
        auto gateway = store_.issue_gateway(domain, csr, name, uuid);
        log::notice("certificate issued for gateway " + name, {{"MDS_DOMAIN", domain}});
        changed();
        return std::tuple(gateway.certificate, gateway.chain, gateway.root, gateway.crl);
    });
}

uint32_t BusObject::SettleGateways(const std::string& domain, const std::vector<std::string>& in_effect,
                                   const std::vector<std::string>& gone) {
    return bus::guarded([&] {
        int revoked = store_.settle_gateways(domain, in_effect, gone);
        if (revoked > 0) {
            log::event(log::message::certificate_revoked,
                       std::to_string(revoked) + " certificates of gateways are revoked", {{"MDS_DOMAIN", domain}});
            emitRevoked("");
            changed();
        }
        return static_cast<uint32_t>(revoked);
    });
}

void BusObject::Revoke(const std::string& serial, const std::string& reason) {
    bus::guarded([&] {
        store_.revoke(serial, reason);
        log::event(log::message::certificate_revoked, "certificate " + serial + " revoked: " + reason,
                   {{"MDS_REASON", reason}});
        emitRevoked(serial);
        changed();
    });
}

void BusObject::RevokeServer(const std::string& uuid, const std::string& reason) {
    bus::guarded([&] {
        store_.revoke_server(uuid, reason);
        log::event(log::message::certificate_revoked,
                   "every certificate of server " + uuid + " is revoked: " + reason,
                   {{"MDS_PEER_UID", uuid}, {"MDS_REASON", reason}});
        emitRevoked("");
        changed();
    });
}

std::string BusObject::RevocationLists() {
    return bus::guarded([&] { return store_.server_revocations(); });
}

void BusObject::SetListServers(const std::vector<std::string>& urls) {
    bus::guarded([&] { store_.set_servers(urls); });
}

std::tuple<std::vector<uint8_t>, std::vector<sdbus::UnixFd>> BusObject::ListsAfter(
    const uint64_t& version) {
    return bus::guarded([&] {
        bus::Blob blob = bus::pack(json::text(store_.lists_after(version)));
        return std::tuple(std::move(blob.bytes), std::move(blob.fds));
    });
}

std::vector<uint8_t> BusObject::Export(const std::string& recipient) {
    return bus::guarded([&] {
        std::string sealed = store_.export_for(recipient);
        return std::vector<uint8_t>(sealed.begin(), sealed.end());
    });
}

void BusObject::Import(const std::vector<uint8_t>& sealed) {
    bus::guarded([&] {
        store_.import({reinterpret_cast<const char*>(sealed.data()), sealed.size()});
        changed();
    });
}

void BusObject::Merge(const std::vector<uint8_t>& sealed) {
    bus::guarded([&] {
        size_t revoked = store_.merge({reinterpret_cast<const char*>(sealed.data()), sealed.size()});
        log::notice("what another copy of the authority had issued and revoked was added: " +
                    std::to_string(revoked) + " revocations were new");
        if (revoked > 0) emitRevoked("");
        changed();
    });
}

void BusObject::SetRecovery(const std::string& certificate) {
    bus::guarded([&] {
        store_.set_recovery(certificate);
        log::notice(certificate.empty() ? "the administrator declined an offline recovery key"
                                        : "every authority key is sealed for the offline recovery key too");
        changed();
    });
}

uint32_t BusObject::Recover(const std::vector<uint8_t>& words, const std::vector<sdbus::UnixFd>& words_fd) {
    return bus::guarded([&] {
        std::string text = bus::unpack(words, words_fd);
        crypto::WipeAtEnd wipe(text);
        size_t opened = store_.recover(text);
        log::notice(std::to_string(opened) + " authority keys were opened with the offline recovery key");
        changed();
        return static_cast<uint32_t>(opened);
    });
}

std::string BusObject::Recovery() { return store_.recovery(); }

void BusObject::Activate() {
    bus::guarded([&] {
        store_.activate();
        log::notice("this server signs for deployment " + store_.deployment_name() + " from now on");
        changed();
    });
}

void BusObject::Retire() {
    bus::guarded([&] {
        store_.retire();
        log::notice("this server does not sign for deployment " + store_.deployment_name() +
                    " any more");
        changed();
    });
}

std::string BusObject::Authority() {
    return json::text(json::object{{"state", State()},
                                   {"number", store_.number()},
                                   {"sealing", store_.sealing_certificate()}});
}

std::string BusObject::ListAuthorities() {
    return bus::guarded([&] { return json::text(store_.list_authorities()); });
}

std::string BusObject::ListCertificates(const std::string& authority) {
    return bus::guarded([&] { return json::text(store_.list_certificates(authority)); });
}

std::tuple<std::vector<uint8_t>, std::vector<sdbus::UnixFd>> BusObject::FindAuthorities(const std::string& name) {
    return bus::guarded([&] {
        bus::Blob blob = bus::pack(json::text(store_.find_authorities(name)));
        return std::tuple(std::move(blob.bytes), std::move(blob.fds));
    });
}

std::tuple<std::vector<uint8_t>, std::vector<sdbus::UnixFd>> BusObject::FindCertificates(const std::string& query) {
    return bus::guarded([&] {
        bus::Blob blob = bus::pack(json::text(store_.find_certificates(json::parse_object(query))));
        return std::tuple(std::move(blob.bytes), std::move(blob.fds));
    });
}

std::string BusObject::Deployment() { return store_.deployment_name(); }
uint32_t BusObject::Authorities() { return static_cast<uint32_t>(store_.authorities()); }
std::string BusObject::State() {
    if (store_.deployment_id().empty()) return "no deployment";
    if (store_.locked()) return "locked";
    return store_.replica() ? "replica" : "ready";
}

}  // namespace mds::ca
