#include "authority_store.hh"

#include <filesystem>
#include <set>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "crypto/secret.hh"
#include "pki/request.hh"
#include "pki/seal.hh"

namespace mds::ca {
namespace fs = std::filesystem;

AuthorityStore::AuthorityStore(std::string folder) : folder_(std::move(folder)) {
    fs::create_directories(folder_);
    database_ = std::make_unique<SQLite::Database>(
        folder_ + "/ca.db", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database_->exec("PRAGMA journal_mode=WAL");
    // What a killed process had written counts from here on: it must be on the disk (K-19).
    database_->exec("PRAGMA wal_checkpoint(PASSIVE)");
    database_->exec("PRAGMA synchronous=FULL");
    database_->exec(
        "CREATE TABLE IF NOT EXISTS issued(serial TEXT PRIMARY KEY, authority TEXT, subject TEXT,"
        " uuid TEXT, kind TEXT, issued_ms INTEGER, not_after INTEGER);"
        "CREATE TABLE IF NOT EXISTS revoked(serial TEXT PRIMARY KEY, authority TEXT, at_ms INTEGER,"
        " reason TEXT);"
        // Of gateways, by an administrator and not because the gateway is gone: every server is told of these.
        "CREATE TABLE IF NOT EXISTS by_hand(serial TEXT PRIMARY KEY);"
        "CREATE INDEX IF NOT EXISTS issued_to ON issued(uuid, kind, issued_ms);"
        "CREATE TABLE IF NOT EXISTS barred(uuid TEXT PRIMARY KEY, at_ms INTEGER);"
        "CREATE TABLE IF NOT EXISTS counter(authority TEXT PRIMARY KEY, number INTEGER);"
        // administrators.cc: what was issued for which key, and the certificate itself, which its owner may
        // fetch anywhere.
        "CREATE TABLE IF NOT EXISTS personal(serial TEXT PRIMARY KEY, uuid TEXT, key TEXT, pem TEXT);"
        // lists.cc. The lists themselves are not in the replicas: another authority signs its own.
        "CREATE TABLE IF NOT EXISTS crl_part(serial TEXT PRIMARY KEY, authority TEXT, epoch INTEGER,"
        " number INTEGER);"
        "CREATE INDEX IF NOT EXISTS crl_part_of ON crl_part(authority, epoch, number);"
        "CREATE TABLE IF NOT EXISTS lists(authority TEXT, epoch INTEGER, number INTEGER,"
        " crl_number INTEGER DEFAULT 0, version INTEGER DEFAULT 0, begin_ms INTEGER DEFAULT 0,"
        " revoked INTEGER DEFAULT -1, pem TEXT DEFAULT '', PRIMARY KEY(authority, epoch, number));"
        "CREATE TABLE IF NOT EXISTS list_server(url TEXT PRIMARY KEY)");
    SQLite::Statement urls(*database_, "SELECT url FROM list_server ORDER BY rowid");
    while (urls.executeStep()) urls_.push_back(urls.getColumn(0).getString());
    if (!fs::exists(folder_ + "/sealing.key")) {
        pki::Key key = pki::Key::generate();
        replace_file(folder_ + "/sealing.key", key.pem(), 0600);
        replace_file(folder_ + "/sealing.pem",
                     pki::self_signed(key, pki::Kind::sealing, "mds-ca", wall_ms(), 7300).pem(),
                     0600);
    }
    sealing_key_ = pki::Key::from_pem(read_file(folder_ + "/sealing.key"));
    sealing_certificate_ = pki::Certificate::from_pem(read_file(folder_ + "/sealing.pem"));
    if (!fs::exists(folder_ + "/deployment.json")) return;
    json::object deployment = json::parse_object(read_file(folder_ + "/deployment.json"));
    id_ = json::get_string(deployment, "id");
    name_ = json::get_string(deployment, "name");
    replica_ = json::get_bool(deployment, "replica");
    recovery_declined_ = json::get_bool(deployment, "recovery-declined");
    if (fs::exists(folder_ + "/recovery.pem")) {
        recovery_ = pki::Certificate::from_pem(read_file(folder_ + "/recovery.pem"));
    }
    for (const auto& entry : fs::directory_iterator(folder_)) {
        if (entry.path().extension() == ".cms") load(entry.path().stem());
    }
    go_on_with_recovery();
}

void AuthorityStore::load(const std::string& word) {
    auto certificate = pki::Certificate::from_pem(read_file(folder_ + "/" + word + ".pem"));
    std::string key;
    crypto::WipeAtEnd wipe(key);
    try {
        key = pki::open_sealed(read_file(folder_ + "/" + word + ".cms"), *sealing_certificate_, *sealing_key_);
    } catch (const Error& e) {
        if (e.code() != Code::forbidden) throw;
        locked_.push_back(word);
        return;
    }
    issuers_.emplace(word, pki::Issuer(std::move(certificate), pki::Key::from_pem(key)));
}

void AuthorityStore::keep(const std::string& word, const pki::Issuer& issuer) {
    // The certificate first: a blob without one is never found at the next start.
    replace_file(folder_ + "/" + word + ".pem", issuer.certificate().pem(), 0640);
    replace_file(folder_ + "/" + word + ".cms", sealed_key(issuer, recovery_), 0600);
    issuers_.emplace(word, issuer);
}

const pki::Issuer& AuthorityStore::issuer(const std::string& word) const {
    auto it = issuers_.find(word);
    if (it == issuers_.end()) {
        throw Error(Code::object_not_found, "this server has no authority " + word);
    }
    return it->second;
}

std::string AuthorityStore::initialize(const std::string& name) {
    require_authority();
    if (!id_.empty()) {
        if (name == name_) return id_;
        throw Error(Code::ha_invalid, "this server is the authority of deployment " + name_ + " already");
    }
    if (name.empty() || name.size() > 64) {
        throw Error(Code::invalid_parameter, "a deployment name has 1 to 64 characters");
    }
    std::string id = hex(random_bytes(8));
    if (!issuers_.count("root")) keep("root", pki::Issuer::make_root(id, name, wall_ms()));
    Part part = next_part("root");
    keep("servers", issuer("root").make_authority(pki::Kind::servers_ca, "servers", name + " Servers CA",
                                                  wall_ms(), point("root", part)));
    record("root", issuer("servers").certificate(), part, "", "servers-ca");
    // Last: without this file the next Initialize begins anew.
    id_ = id;
    name_ = name;
    write_deployment();
    return id;
}

std::string AuthorityStore::create_domain(const std::string& uid, const std::string& name) {
    if (!Uid::parse(uid)) throw Error(Code::invalid_parameter, uid + " is not a uid");
    require_authority();
    if (!issuers_.count(uid)) {
        Part part = next_part("root");
        keep(uid, issuer("root").make_authority(pki::Kind::domain_ca, uid, name + " ICA", wall_ms(),
                                                point("root", part)));
        record("root", issuer(uid).certificate(), part, uid, "domain-ca");
    }
    return issuer(uid).certificate().pem();
}

AuthorityStore::Server AuthorityStore::issue_server(const std::string& csr_identity,
                                                    const std::string& csr_sealing,
                                                    const std::string& name,
                                                    const std::string& uuid) {
    require_authority();
    const pki::Issuer& ca = issuer("servers");
    for (const std::string& csr : {csr_identity, csr_sealing}) {
        pki::Request request = pki::Request::from_pem(csr);
        if (request.name() != name || request.uuid() != uuid) {
            throw Error(Code::forbidden, "the certificate request is for another server than " + name);
        }
    }
    SQLite::Statement barred(*database_, "SELECT 1 FROM barred WHERE uuid=?");
    barred.bind(1, uuid);
    if (barred.executeStep()) {
        throw Error(Code::forbidden, name + " was taken out of the deployment; set it up anew to join again");
    }
    pki::Subject subject;
    subject.name = name;
    subject.uuid = uuid;
    Part part = next_part("servers");
    subject.crl = point("servers", part);
    auto identity = ca.issue(pki::Kind::server, pki::Request::from_pem(csr_identity), subject, wall_ms());
    record("servers", identity, part, uuid, "server");
    part = next_part("servers");
    subject.crl = point("servers", part);
    auto sealing = ca.issue(pki::Kind::sealing, pki::Request::from_pem(csr_sealing), subject, wall_ms());
    record("servers", sealing, part, uuid, "sealing");
    return {identity.pem(), sealing.pem(), ca.certificate().pem(),
            issuer("root").certificate().pem(), revocation_lists()};
}

void AuthorityStore::record(const std::string& authority, const pki::Certificate& certificate,
                            const Part& part, const std::string& uuid, const std::string& kind) {
    SQLite::Statement s(*database_, "INSERT OR REPLACE INTO issued VALUES(?,?,?,?,?,?,?)");
    s.bind(1, certificate.serial());
    s.bind(2, authority);
    s.bind(3, certificate.subject());
    s.bind(4, uuid);
    s.bind(5, kind);
    s.bind(6, wall_ms());
    s.bind(7, certificate.not_after());
    SQLite::Statement in(*database_, "INSERT OR REPLACE INTO crl_part VALUES(?,?,?,?)");
    in.bind(1, certificate.serial());
    in.bind(2, authority);
    in.bind(3, part.epoch);
    in.bind(4, part.number);
    SQLite::Transaction transaction(*database_);
    s.exec();
    in.exec();
    count();
    transaction.commit();
}

/// Checked before it is stored: a list with an unknown reason could never be signed again.
void AuthorityStore::check_reason(const std::string& reason) {
    static const std::set<std::string> k_reasons = {"", "unspecified", "key-compromise",
                                                    "affiliation-changed", "superseded",
                                                    "cessation-of-operation"};
    if (!k_reasons.count(reason)) {
        throw Error(Code::invalid_parameter, "Invalid parameter for [reason]. " + reason);
    }
}

void AuthorityStore::revoke(const std::string& serial, const std::string& reason) {
    require_authority();
    check_reason(reason);
    SQLite::Statement find(*database_, "SELECT 1 FROM issued WHERE serial=?");
    find.bind(1, fold(serial));
    if (!find.executeStep()) {
        throw Error(Code::object_not_found, "no certificate with serial " + serial + " was issued here");
    }
    // A connection that is older than a renewal was made with an earlier one of the same server.
    SQLite::Statement s(*database_,
                        "INSERT OR IGNORE INTO revoked SELECT e.serial,e.authority,?2,?3 FROM issued i "
                        "JOIN issued e ON e.serial=i.serial OR (i.uuid<>'' AND e.uuid=i.uuid AND "
                        "e.authority=i.authority AND e.kind=i.kind AND e.issued_ms<=i.issued_ms) "
                        "WHERE i.serial=?1");
    s.bind(1, fold(serial));
    s.bind(2, wall_ms());
    s.bind(3, reason.empty() ? "unspecified" : reason);
    SQLite::Statement gateways(*database_,
                               "INSERT OR IGNORE INTO by_hand SELECT e.serial FROM issued i JOIN issued e ON "
                               "e.authority=i.authority AND e.uuid=i.uuid AND e.kind=i.kind AND "
                               "e.issued_ms<=i.issued_ms WHERE i.serial=? AND i.kind='gateway'");
    gateways.bind(1, fold(serial));
    SQLite::Transaction transaction(*database_);
    s.exec();
    gateways.exec();
    count();
    transaction.commit();
}

int AuthorityStore::revoke_of(const std::string& uuid, const std::string& kind, const std::string& reason) {
    SQLite::Statement s(*database_, "INSERT OR IGNORE INTO revoked SELECT serial,authority,?2,?3 FROM "
                                    "issued WHERE uuid=?1 AND (?4='' OR kind=?4) AND not_after>?2");
    s.bind(1, uuid);
    s.bind(2, wall_ms());
    s.bind(3, reason.empty() ? "cessation-of-operation" : reason);
    s.bind(4, kind);
    return s.exec();
}

void AuthorityStore::revoke_server(const std::string& uuid, const std::string& reason) {
    require_authority();
    if (!Uid::parse(uuid)) throw Error(Code::invalid_parameter, uuid + " is not a uid");
    check_reason(reason);
    SQLite::Transaction transaction(*database_);
    revoke_of(uuid, "", reason);
    // Also a server that never had a certificate of ours gets none.
    SQLite::Statement barred(*database_, "INSERT OR IGNORE INTO barred VALUES(?,?)");
    barred.bind(1, uuid);
    barred.bind(2, wall_ms());
    barred.exec();
    count();
    transaction.commit();
}

std::string AuthorityStore::revocation_lists() {
    require_authority();
    count();
    return crl("servers").pem() + crl("root").pem();
}

std::string AuthorityStore::server_revocations() {
    std::string lists = revocation_lists();
    std::vector<std::string> domains;
    SQLite::Statement s(*database_,
                        "SELECT DISTINCT i.authority FROM by_hand JOIN issued i USING(serial) WHERE i.not_after>?");
    s.bind(1, wall_ms());
    while (s.executeStep()) domains.push_back(s.getColumn(0).getString());
    for (const std::string& domain : domains) {
        // That of a deleted Domain is revoked itself.
        auto authority = issuers_.find(domain);
        if (authority != issuers_.end()) lists += authority->second.certificate().pem() + crl(domain, true).pem();
    }
    return lists;
}

pki::Crl AuthorityStore::crl(const std::string& authority, bool by_hand) {
    // An authority that has taken over is ahead of whatever the other one has signed, also for a list that it
    // never signed itself (K-16).
    SQLite::Statement next(*database_,
                           "INSERT INTO counter VALUES(?1,?2) ON CONFLICT(authority) DO UPDATE SET"
                           " number=MAX(number,?2-1)+1 RETURNING number");
    next.bind(1, authority);
    next.bind(2, (epoch() << k_epoch_bits) + 1);
    next.executeStep();
    auto of_list = static_cast<uint64_t>(next.getColumn(0).getInt64());
    next.reset();
    std::vector<pki::Revoked> revoked;
    SQLite::Statement s(*database_, by_hand ? "SELECT serial,at_ms,reason FROM by_hand JOIN revoked USING(serial) WHERE "
                                              "authority=?"
                                            : "SELECT serial,at_ms,reason FROM revoked WHERE authority=?");
    s.bind(1, authority);
    while (s.executeStep()) {
        revoked.push_back({s.getColumn(0).getString(), s.getColumn(1).getInt64(),
                           s.getColumn(2).getString()});
    }
    return pki::Crl::make(issuer(authority), of_list, revoked, wall_ms());
}

json::array AuthorityStore::list_authorities() {
    json::array out;
    for (const auto& [word, ca] : issuers_) {
        SQLite::Statement s(*database_,
                            "SELECT (SELECT count(*) FROM issued WHERE authority=?1),"
                            " (SELECT count(*) FROM revoked WHERE authority=?1)");
        s.bind(1, word);
        s.executeStep();
        out.push_back(json::object{{"name", word},
                                   {"subject", ca.certificate().subject()},
                                   {"serial", ca.certificate().serial()},
                                   {"not-after", ca.certificate().not_after()},
                                   {"issued", s.getColumn(0).getInt64()},
                                   {"revoked", s.getColumn(1).getInt64()}});
    }
    return out;
}

json::array AuthorityStore::list_certificates(const std::string& authority) {
    json::array out;
    SQLite::Statement s(*database_,
                        "SELECT i.serial,i.subject,i.uuid,i.kind,i.issued_ms,i.not_after,r.at_ms"
                        " FROM issued i LEFT JOIN revoked r ON r.serial=i.serial"
                        " WHERE i.authority=? ORDER BY i.issued_ms");
    s.bind(1, authority);
    while (s.executeStep()) {
        out.push_back(json::object{{"serial", s.getColumn(0).getString()},
                                   {"subject", s.getColumn(1).getString()},
                                   {"uuid", s.getColumn(2).getString()},
                                   {"kind", s.getColumn(3).getString()},
                                   {"issued", s.getColumn(4).getInt64()},
                                   {"not-after", s.getColumn(5).getInt64()},
                                   {"revoked", !s.getColumn(6).isNull()}});
    }
    return out;
}

}  // namespace mds::ca
