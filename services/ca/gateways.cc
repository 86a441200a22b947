// Certificates of gateways (LS-7, K-7): from the authority of their Domain. Which gateways a Domain has is
// its own data's matter; mds-core of the Primary asks.
#include <set>

#include "authority_store.hh"
#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "pki/request.hh"

namespace mds::ca {
namespace {

/// A certificate whose gateway was not published by then never will be: its session was discarded.
constexpr int64_t k_publish_ms = 7 * 86'400'000LL;

}  // namespace

AuthorityStore::Gateway AuthorityStore::issue_gateway(const std::string& domain, const std::string& csr,
                                                      const std::string& name, const std::string& uuid) {
    require_authority();
    if (!Uid::parse(domain) || !Uid::parse(uuid)) throw Error(Code::invalid_parameter, "not a uid");
    pki::Request request = pki::Request::from_pem(csr);
    if (request.uuid() != uuid) {
        throw Error(Code::forbidden, "the certificate request is for another gateway than " + name);
    }
    const pki::Issuer& ca = issuer(domain);
    pki::Subject subject;
    subject.name = name;
    subject.uuid = uuid;
    Part part = next_part(domain);
    subject.crl = point(domain, part);
    auto certificate = ca.issue(pki::Kind::gateway, request, subject, wall_ms());
    record(domain, certificate, part, uuid, "gateway");
    // The Servers CA too: the gateway knows its management servers by it.
    return {certificate.pem(), ca.certificate().pem() + issuer("servers").certificate().pem(),
            issuer("root").certificate().pem(), revocation_lists()};
}

int AuthorityStore::settle_gateways(const std::string& domain, const std::vector<std::string>& in_effect,
                                    const std::vector<std::string>& gone) {
    require_authority();
    if (!Uid::parse(domain)) throw Error(Code::invalid_parameter, domain + " is not a uid");
    const std::set<std::string> kept(in_effect.begin(), in_effect.end()), ended(gone.begin(), gone.end());
    std::vector<std::string> revoke;
    int64_t now = wall_ms();
    SQLite::Statement s(*database_, "SELECT serial,issued_ms FROM issued WHERE authority=? AND kind='gateway' AND "
                                    "not_after>? AND serial NOT IN (SELECT serial FROM revoked)");
    s.bind(1, domain);
    s.bind(2, now);
    while (s.executeStep()) {
        std::string serial = s.getColumn(0).getString();
        if (kept.count(serial)) continue;
        if (ended.count(serial) || now - s.getColumn(1).getInt64() > k_publish_ms) revoke.push_back(serial);
    }
    if (revoke.empty()) return 0;
    SQLite::Transaction transaction(*database_);
    for (const std::string& serial : revoke) {
        SQLite::Statement add(*database_, "INSERT OR IGNORE INTO revoked VALUES(?,?,?,'cessation-of-operation')");
        add.bind(1, serial);
        add.bind(2, domain);
        add.bind(3, now);
        add.exec();
    }
    count();
    transaction.commit();
    return static_cast<int>(revoke.size());
}

}  // namespace mds::ca
