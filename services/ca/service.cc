#include "service.hh"

#include <algorithm>
#include <filesystem>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "crypto/secret.hh"
#include "pki/seal.hh"

namespace mds::ca {
namespace {

constexpr int k_list_limit = 500;
constexpr char k_root[] = "deployment";
constexpr char k_servers[] = "servers";

pki::Key load_key(const std::string& folder) {
    std::string path = folder + "/sealing.key";
    if (!std::filesystem::exists(path)) {
        std::string pem = pki::Key::generate().pem();
        crypto::WipeAtEnd wipe_pem(pem);
        replace_file(path, pem, 0600);
    }
    std::string pem = read_file(path);
    crypto::WipeAtEnd wipe_pem(pem);
    return pki::Key::from_pem(pem);
}

pki::Certificate load_certificate(const std::string& folder, const pki::Key& key) {
    std::string path = folder + "/sealing.pem";
    if (!std::filesystem::exists(path)) {
        replace_file(path,
                     pki::self_signed(key, pki::Kind::sealing, "mds-ca", wall_ms(), 7305).pem(),
                     0600);
    }
    return pki::Certificate::from_pem(read_file(path));
}

std::string uid_text(const std::string& text) {
    auto uid = Uid::parse(text);
    if (!uid || uid->is_nil()) throw Error(Code::invalid_parameter, "Not a uid: " + text);
    return uid->text();
}

pki::Request checked_request(const std::string& pem, const std::string& name,
                             const std::string& uuid) {
    pki::Request request = pki::Request::from_pem(pem);
    if (request.uuid() != uuid || request.name() != name.substr(0, 64)) {
        throw Error(Code::forbidden, "The certificate request is for " + request.name() + " " +
                                         request.uuid() + ", not for " + name + " " + uuid);
    }
    return request;
}

json::object authority_json(const AuthorityRow& row) {
    pki::Certificate certificate = pki::Certificate::from_pem(row.certificate_pem);
    pki::Crl crl = pki::Crl::from_pem(row.crl_pem);
    return {{"scope", row.scope},
            {"kind", row.kind},
            {"name", row.name},
            {"serial", certificate.serial()},
            {"not-after", certificate.not_after()},
            {"fingerprint", hex(certificate.fingerprint())},
            {"crl-number", crl.number()},
            {"crl-next-update", crl.next_update()}};
}

json::object certificate_json(const CertificateRow& row) {
    json::object o{{"serial", row.serial}, {"kind", row.kind},           {"name", row.name},
                   {"uuid", row.uuid},     {"role", row.role},           {"issued-at", row.issued_at},
                   {"not-after", row.not_after}};
    if (row.revoked_at) {
        o["revoked-at"] = row.revoked_at;
        o["reason"] = row.reason;
    }
    return o;
}

}  // namespace

Service::Service(const std::string& folder)
    : store_(folder + "/ca.db"),
      sealing_key_(load_key(folder)),
      sealing_certificate_(load_certificate(folder, sealing_key_)) {}

uint32_t Service::authorities() const { return static_cast<uint32_t>(store_.authorities().size()); }
std::string Service::state() const { return deployment().empty() ? "not initialized" : "ready"; }

void Service::require_ready() const {
    if (deployment().empty()) {
        throw Error(Code::not_set_up, "This server has no certificate authority yet")
            .refusal("", "mds-setup");
    }
}

uint64_t Service::epoch() const {
    std::string text = store_.meta("epoch");
    return text.empty() ? 1 : std::stoull(text);
}

AuthorityRow Service::known(const std::string& scope) const {
    require_ready();
    auto row = store_.authority(scope);
    if (!row) throw Error(Code::object_not_found, "No certificate authority for " + scope);
    return *row;
}

pki::Issuer Service::open(const AuthorityRow& row) const {
    std::string pem = pki::open_sealed(row.sealed_key, sealing_certificate_, sealing_key_);
    crypto::WipeAtEnd wipe_pem(pem);
    return {pki::Certificate::from_pem(row.certificate_pem), pki::Key::from_pem(pem)};
}

std::string Service::seal_for(const pki::Issuer& authority,
                              const pki::Certificate& recipient) const {
    std::string pem = authority.key().pem();
    crypto::WipeAtEnd wipe_pem(pem);
    return pki::seal(pem, {recipient});
}

AuthorityRow Service::make_row(const pki::Issuer& authority, const std::string& scope,
                               std::string_view kind, const std::string& name) const {
    AuthorityRow row;
    row.scope = scope;
    row.kind = kind;
    row.name = name;
    row.certificate_pem = authority.certificate().pem();
    row.sealed_key = seal_for(authority, sealing_certificate_);
    return row;
}

void Service::sign_list(AuthorityRow& row, const pki::Issuer& authority) {
    std::vector<pki::Revoked> revoked;
    for (const CertificateRow& c : store_.revoked(row.scope)) {
        revoked.push_back({c.serial, c.revoked_at, c.reason});
    }
    ++row.crl_counter;
    row.crl_pem =
        pki::Crl::make(authority, (epoch() << 32) + row.crl_counter, revoked, wall_ms()).pem();
    store_.put_authority(row);
}

std::string Service::initialize(const std::string& name) {
    if (name.empty() || name.size() > 128) {
        throw Error(Code::invalid_parameter, "A deployment's name has 1 to 128 characters");
    }
    if (std::string id = deployment(); !id.empty()) {
        std::string before = store_.meta("deployment-name");
        if (before == name) return id;
        throw Error(Code::ha_invalid,
                    "This server already has the authority of deployment " + before);
    }
    std::string id = hex(random_bytes(8));
    int64_t now = wall_ms();
    pki::Issuer root = pki::Issuer::make_root(id, name, now);
    pki::Issuer servers = root.make_authority(pki::Kind::servers_ca, k_servers, "", now);
    AuthorityRow root_row = make_row(root, k_root, pki::kind_text(pki::Kind::root), name);
    AuthorityRow servers_row =
        make_row(servers, k_servers, pki::kind_text(pki::Kind::servers_ca), name);
    auto transaction = store_.transaction();
    store_.set_meta("deployment-id", id);
    store_.set_meta("deployment-name", name);
    sign_list(root_row, root);
    sign_list(servers_row, servers);
    transaction.commit();
    return id;
}

json::object Service::status() const {
    return {{"state", state()},
            {"deployment-id", deployment()},
            {"deployment-name", store_.meta("deployment-name")},
            {"epoch", epoch()},
            {"authorities", authorities()},
            {"issued", store_.count(false)},
            {"revoked", store_.count(true)}};
}

std::string Service::create_domain_authority(const std::string& domain_uid,
                                             const std::string& name) {
    std::string scope = uid_text(domain_uid);
    AuthorityRow root_row = known(k_root);
    if (auto row = store_.authority(scope)) return row->certificate_pem;
    pki::Issuer root = open(root_row);
    pki::Issuer authority = root.make_authority(pki::Kind::domain_ca, scope, name, wall_ms());
    AuthorityRow row = make_row(authority, scope, pki::kind_text(pki::Kind::domain_ca), name);
    auto transaction = store_.transaction();
    sign_list(row, authority);
    transaction.commit();
    return row.certificate_pem;
}

pki::Certificate Service::issue(const pki::Issuer& authority, const std::string& scope,
                                pki::Kind kind, const pki::Request& request,
                                const pki::Subject& subject, const std::string& role) {
    int64_t now = wall_ms();
    pki::Certificate certificate = authority.issue(kind, request, subject, now);
    CertificateRow row;
    row.serial = certificate.serial();
    row.authority = scope;
    row.kind = pki::kind_text(kind);
    row.name = subject.name;
    row.uuid = subject.uuid;
    row.role = role;
    row.issued_at = now;
    row.not_after = certificate.not_after();
    store_.put_certificate(row);
    return certificate;
}

ServerCertificates Service::issue_server(const std::string& csr_identity,
                                         const std::string& csr_sealing, const std::string& name,
                                         const std::string& uuid, const std::string& role) {
    if (role != "primary" && role != "secondary" && role != "log-server") {
        throw Error(Code::invalid_parameter, "Not the role of a server: " + role);
    }
    pki::Subject subject{name, uid_text(uuid), {}, {}, {}};
    pki::Request identity = checked_request(csr_identity, name, subject.uuid);
    pki::Request sealing = checked_request(csr_sealing, name, subject.uuid);
    if (identity.public_der() == sealing.public_der()) {
        throw Error(Code::forbidden, "Identity and sealing must have keys of their own");
    }
    AuthorityRow row = known(k_servers), root = known(k_root);
    pki::Issuer authority = open(row);
    auto transaction = store_.transaction();
    ServerCertificates out;
    out.identity = issue(authority, k_servers, pki::Kind::server, identity, subject, role).pem();
    out.sealing = issue(authority, k_servers, pki::Kind::sealing, sealing, subject, role).pem();
    transaction.commit();
    out.chain = row.certificate_pem;
    out.root = root.certificate_pem;
    out.crl = row.crl_pem + root.crl_pem;
    return out;
}

ServerCertificates Service::issue_domain_server(const std::string& domain_uid,
                                                const std::string& csr, const std::string& name,
                                                const std::string& uuid) {
    std::string scope = uid_text(domain_uid);
    pki::Subject subject{name, uid_text(uuid), {}, {}, {}};
    pki::Request request = checked_request(csr, name, subject.uuid);
    AuthorityRow row = known(scope), root = known(k_root);
    pki::Issuer authority = open(row);
    ServerCertificates out;
    out.identity =
        issue(authority, scope, pki::Kind::domain_server, request, subject, "domain-server").pem();
    out.chain = row.certificate_pem;
    out.root = root.certificate_pem;
    out.crl = row.crl_pem + root.crl_pem;
    return out;
}

void Service::revoke(const std::string& serial, const std::string& reason) {
    auto row = store_.certificate(fold(serial));
    if (!row) throw Error(Code::object_not_found, "No certificate with serial number " + serial);
    if (row->revoked_at) return;
    row->revoked_at = wall_ms();
    row->reason = reason.empty() ? "unspecified" : reason;
    AuthorityRow authority_row = known(row->authority);
    pki::Issuer authority = open(authority_row);
    auto transaction = store_.transaction();
    store_.put_certificate(*row);
    sign_list(authority_row, authority);
    transaction.commit();
}

json::array Service::list_authorities() const {
    json::array list;
    for (const AuthorityRow& row : store_.authorities()) {
        json::object o = authority_json(row);
        try {
            open(row);
            o["can-open"] = true;
        } catch (const Error&) {
            // The list says what is true here, not what should be (K-27).
            o["can-open"] = false;
        }
        list.push_back(std::move(o));
    }
    return list;
}

json::array Service::list_certificates(const std::string& authority) const {
    known(authority);
    json::array list;
    for (const CertificateRow& row : store_.certificates(authority, k_list_limit)) {
        list.push_back(certificate_json(row));
    }
    return list;
}

std::string Service::revocation_list(const std::string& authority) const {
    return known(authority).crl_pem;
}

json::object Service::export_for(const std::string& recipient_pem,
                                 const std::vector<std::string>& scopes) const {
    require_ready();
    pki::Certificate recipient = pki::Certificate::from_pem(recipient_pem);
    json::array rows, serials;
    for (const AuthorityRow& row : store_.authorities()) {
        if (!scopes.empty() && std::find(scopes.begin(), scopes.end(), row.scope) == scopes.end()) {
            continue;
        }
        rows.push_back(json::object{{"scope", row.scope},
                                    {"kind", row.kind},
                                    {"name", row.name},
                                    {"certificate", row.certificate_pem},
                                    {"sealed-key", hex(seal_for(open(row), recipient))},
                                    {"crl", row.crl_pem},
                                    {"crl-counter", row.crl_counter}});
        for (const CertificateRow& c : store_.certificates(row.scope, -1)) {
            json::object o = certificate_json(c);
            o["authority"] = row.scope;
            serials.push_back(std::move(o));
        }
    }
    return {{"deployment-id", deployment()},
            {"deployment-name", store_.meta("deployment-name")},
            {"epoch", epoch()},
            {"authorities", std::move(rows)},
            {"certificates", std::move(serials)}};
}

void Service::import(const json::object& document) {
    std::string id = json::get_string(document, "deployment-id");
    if (id.empty() || (!deployment().empty() && deployment() != id)) {
        throw Error(Code::ha_invalid, "These authorities are not of this deployment");
    }
    auto transaction = store_.transaction();
    store_.set_meta("deployment-id", id);
    store_.set_meta("deployment-name", json::get_string(document, "deployment-name"));
    uint64_t theirs = static_cast<uint64_t>(json::get_int(document, "epoch", 1));
    if (theirs > epoch()) store_.set_meta("epoch", std::to_string(theirs));
    for (const json::value& v : json::get_array(document, "certificates")) {
        const json::object& o = v.as_object();
        CertificateRow row{json::get_string(o, "serial"), json::get_string(o, "authority"),
                           json::get_string(o, "kind"),   json::get_string(o, "name"),
                           json::get_string(o, "uuid"),   json::get_string(o, "role"),
                           json::get_int(o, "issued-at"), json::get_int(o, "not-after"),
                           json::get_int(o, "revoked-at"), json::get_string(o, "reason")};
        store_.put_certificate(row);
    }
    for (const json::value& v : json::get_array(document, "authorities")) {
        const json::object& o = v.as_object();
        AuthorityRow row{json::get_string(o, "scope"),
                         json::get_string(o, "kind"),
                         json::get_string(o, "name"),
                         json::get_string(o, "certificate"),
                         unhex(json::get_string(o, "sealed-key")).value_or(""),
                         json::get_string(o, "crl"),
                         static_cast<uint64_t>(json::get_int(o, "crl-counter"))};
        pki::Issuer authority = open(row);
        pki::Uri uri = authority.certificate().uri();
        if (uri.deployment != id || uri.scope != row.scope || uri.kind != "authority") {
            throw Error(Code::forbidden, "The authority of " + uri.text() + " is not one of " + id);
        }
        auto before = store_.authority(row.scope);
        if (before && before->crl_counter > row.crl_counter) {
            row.crl_counter = before->crl_counter;
            row.crl_pem = before->crl_pem;
        }
        store_.put_authority(row);
    }
    transaction.commit();
}

void Service::promote(uint64_t to) {
    require_ready();
    if (to <= epoch() || to > UINT32_MAX) {
        throw Error(Code::ha_invalid, "Epoch " + std::to_string(to) + " is not newer than " +
                                          std::to_string(epoch()));
    }
    auto transaction = store_.transaction();
    store_.set_meta("epoch", std::to_string(to));
    for (AuthorityRow& row : store_.authorities()) {
        row.crl_counter = 0;
        sign_list(row, open(row));
    }
    transaction.commit();
}

void Service::refresh_lists() {
    for (AuthorityRow& row : store_.authorities()) {
        pki::Crl crl = pki::Crl::from_pem(row.crl_pem);
        int64_t renew_at = crl.this_update() + (crl.next_update() - crl.this_update()) * 6 / 10;
        if (wall_ms() < renew_at) continue;
        auto transaction = store_.transaction();
        sign_list(row, open(row));
        transaction.commit();
    }
}

}  // namespace mds::ca
