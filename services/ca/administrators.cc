// Certificates of administrators (IC-2): from the Servers CA, for logging in and nothing else. Which
// administrator has one is the system data's matter; mds-core of the Primary asks.
#include "authority_store.hh"
#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "crypto/hash.hh"
#include "pki/request.hh"

namespace mds::ca {

AuthorityStore::Personal AuthorityStore::issue_administrator(const std::string& csr, const std::string& name,
                                                             const std::string& uuid) {
    require_authority();
    if (!Uid::parse(uuid)) throw Error(Code::invalid_parameter, uuid + " is not a uid");
    if (name.empty()) throw Error(Code::invalid_parameter, "an administrator has a name");
    pki::Request request = pki::Request::from_pem(csr);
    std::string key = hex(crypto::sha256(request.public_der()));
    // A key that was given up for one reason or another does not come back.
    SQLite::Statement known(*database_, "SELECT 1 FROM personal p JOIN issued i ON i.serial=p.serial WHERE p.key=?");
    known.bind(1, key);
    if (known.executeStep()) {
        throw Error(Code::invalid_parameter, "a certificate was issued for this key before; make a new key");
    }
    const pki::Issuer& ca = issuer("servers");
    pki::Subject subject;
    subject.name = name;
    subject.uuid = uuid;
    Part part = next_part("servers");
    subject.crl = point("servers", part);
    auto certificate = ca.issue(pki::Kind::administrator, request, subject, wall_ms());
    // First: whatever ends this half way, no two are in effect.
    revoke_administrator(uuid, "superseded");
    SQLite::Statement s(*database_, "INSERT INTO personal VALUES(?,?,?,?)");
    s.bind(1, certificate.serial());
    s.bind(2, uuid);
    s.bind(3, key);
    s.bind(4, certificate.pem());
    s.exec();
    record("servers", certificate, part, uuid, "administrator");
    return {certificate.pem(), ca.certificate().pem(), issuer("root").certificate().pem()};
}

int AuthorityStore::revoke_administrator(const std::string& uuid, const std::string& reason) {
    require_authority();
    check_reason(reason);
    SQLite::Transaction transaction(*database_);
    int revoked = revoke_of(uuid, "administrator", reason);
    if (revoked > 0) count();
    transaction.commit();
    return revoked;
}

json::array AuthorityStore::administrator_certificates(const std::string& uuid) {
    json::array out;
    SQLite::Statement s(*database_, "SELECT i.uuid,i.serial,p.key,i.issued_ms,i.not_after,r.at_ms,p.pem "
                                    "FROM issued i JOIN personal p ON p.serial=i.serial LEFT JOIN revoked r ON "
                                    "r.serial=i.serial WHERE i.kind='administrator' AND (?1='' OR i.uuid=?1) "
                                    "ORDER BY i.issued_ms,i.rowid");
    s.bind(1, uuid);
    while (s.executeStep()) {
        json::object row{{"uuid", s.getColumn(0).getString()},
                         {"serial", s.getColumn(1).getString()},
                         {"key", s.getColumn(2).getString()},
                         {"issued", s.getColumn(3).getInt64()},
                         {"not-after", s.getColumn(4).getInt64()},
                         {"revoked", !s.getColumn(5).isNull()}};
        if (!uuid.empty()) row["certificate"] = s.getColumn(6).getString();
        out.push_back(std::move(row));
    }
    return out;
}

}  // namespace mds::ca
