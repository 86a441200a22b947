// The revocation lists for gateways and third parties (security.md 3, K-16 to K-18): one per authority and
// part of its certificates, none larger than 10 kB.
#include "authority_store.hh"
#include "base/clock.hh"
#include "base/error.hh"

namespace mds::ca {
namespace {

/// So many certificates fill half a list of k_max_crl_bytes should all be revoked (51 bytes each, 600 bytes
/// for the rest): two promoted servers that did not hear each other may both have filled a part.
constexpr int64_t k_part_size = 90;
/// Clocks of those who verify may be behind.
constexpr int64_t k_early_ms = 300'000;
constexpr int64_t k_renew_ms = pki::k_crl_valid_ms / 10 * 6;

constexpr char k_lists[] = "lists";

}  // namespace

int64_t AuthorityStore::epoch() { return static_cast<int64_t>(number() >> k_epoch_bits); }

void AuthorityStore::set_servers(const std::vector<std::string>& urls) {
    for (const std::string& url : urls) {
        if (!url.starts_with("http://") || url.find_first_of(", \n") != std::string::npos) {
            throw Error(Code::invalid_parameter, "Not the address of a server of revocation lists: " + url);
        }
    }
    SQLite::Transaction transaction(*database_);
    database_->exec("DELETE FROM list_server");
    for (const std::string& url : urls) {
        SQLite::Statement s(*database_, "INSERT OR IGNORE INTO list_server VALUES(?)");
        s.bind(1, url);
        s.exec();
    }
    transaction.commit();
    urls_ = urls;
}

AuthorityStore::Part AuthorityStore::next_part(const std::string& authority) {
    Part part;
    part.epoch = epoch();
    SQLite::Statement s(*database_, "SELECT number,count(*) FROM crl_part WHERE authority=? AND epoch=? "
                                    "GROUP BY number ORDER BY number DESC LIMIT 1");
    s.bind(1, authority);
    s.bind(2, part.epoch);
    if (!s.executeStep()) return part;
    part.number = s.getColumn(0).getInt64();
    if (s.getColumn(1).getInt64() >= k_part_size) ++part.number;
    return part;
}

pki::CrlPoint AuthorityStore::point(const std::string& authority, const Part& part) const {
    pki::CrlPoint point;
    point.name = "CRL " + part.text();
    for (const std::string& url : urls_) {
        point.urls.push_back(url + "/" + authority + "/" + part.text() + ".crl");
    }
    return point;
}

void AuthorityStore::assign_parts() {
    SQLite::Statement s(*database_, "SELECT serial,authority FROM issued WHERE serial NOT IN "
                                    "(SELECT serial FROM crl_part) ORDER BY issued_ms,serial");
    while (s.executeStep()) {
        std::string authority = s.getColumn(1).getString();
        Part part = next_part(authority);
        SQLite::Statement in(*database_, "INSERT INTO crl_part VALUES(?,?,?,?)");
        in.bind(1, s.getColumn(0).getString());
        in.bind(2, authority);
        in.bind(3, part.epoch);
        in.bind(4, part.number);
        in.exec();
    }
}

bool AuthorityStore::lists_are_due() {
    if (replica_ || locked() || id_.empty()) return false;
    SQLite::Statement s(*database_, "SELECT 1 FROM lists WHERE begin_ms<=?1 OR begin_ms>?2 LIMIT 1");
    s.bind(1, wall_ms() - k_renew_ms);
    s.bind(2, wall_ms());  // a clock that was ahead
    return s.executeStep();
}

bool AuthorityStore::renew_lists() {
    if (replica_ || locked() || id_.empty()) return false;
    int64_t now = wall_ms(), current = epoch();
    SQLite::Transaction transaction(*database_);
    assign_parts();
    // Every authority has a list, whether it has issued something or not.
    for (const auto& [word, issuer] : issuers_) {
        SQLite::Statement s(*database_, "INSERT OR IGNORE INTO lists(authority,epoch,number) VALUES(?,0,1)");
        s.bind(1, word);
        s.exec();
    }
    database_->exec("INSERT OR IGNORE INTO lists(authority,epoch,number) "
                    "SELECT DISTINCT authority,epoch,number FROM crl_part");
    struct Due {
        std::string authority;
        Part part;
        int64_t number, revoked;
    };
    std::vector<Due> due;
    SQLite::Statement s(*database_,
                        "SELECT authority,epoch,number,crl_number,count,revoked,begin_ms FROM (SELECT l.*,"
                        "(SELECT count(*) FROM crl_part p JOIN revoked r ON r.serial=p.serial WHERE "
                        "p.authority=l.authority AND p.epoch=l.epoch AND p.number=l.number) AS count "
                        "FROM lists l) WHERE count<>revoked OR begin_ms<=?1 OR begin_ms>?2 OR "
                        "crl_number>>?3<?4");
    s.bind(1, now - k_renew_ms);
    s.bind(2, now);
    s.bind(3, k_epoch_bits);
    s.bind(4, current);
    while (s.executeStep()) {
        due.push_back({s.getColumn(0).getString(),
                       {s.getColumn(1).getInt64(), s.getColumn(2).getInt64()},
                       std::max(s.getColumn(3).getInt64(), current << k_epoch_bits) + 1,
                       s.getColumn(4).getInt64()});
    }
    if (due.empty()) return false;
    SQLite::Statement next(*database_, "INSERT INTO counter VALUES(?1,?2) ON CONFLICT(authority) DO UPDATE "
                                       "SET number=MAX(number,?2-1)+1 RETURNING number");
    next.bind(1, k_lists);
    next.bind(2, (current << k_epoch_bits) + 1);
    next.executeStep();
    int64_t version = next.getColumn(0).getInt64();
    next.reset();
    for (const Due& list : due) {
        std::vector<pki::Revoked> revoked;
        SQLite::Statement rows(*database_,
                               "SELECT r.serial,r.at_ms,r.reason FROM crl_part p JOIN revoked r ON "
                               "r.serial=p.serial WHERE p.authority=? AND p.epoch=? AND p.number=?");
        rows.bind(1, list.authority);
        rows.bind(2, list.part.epoch);
        rows.bind(3, list.part.number);
        while (rows.executeStep()) {
            revoked.push_back({rows.getColumn(0).getString(), rows.getColumn(1).getInt64(),
                               rows.getColumn(2).getString()});
        }
        pki::Crl crl = pki::Crl::make(issuer(list.authority), static_cast<uint64_t>(list.number), revoked,
                                      now - k_early_ms, "CRL " + list.part.text());
        SQLite::Statement put(*database_, "UPDATE lists SET crl_number=?,version=?,begin_ms=?,revoked=?,"
                                          "pem=? WHERE authority=? AND epoch=? AND number=?");
        put.bind(1, list.number);
        put.bind(2, version);
        put.bind(3, now - k_early_ms);
        put.bind(4, list.revoked);
        put.bind(5, crl.pem());
        put.bind(6, list.authority);
        put.bind(7, list.part.epoch);
        put.bind(8, list.part.number);
        put.exec();
    }
    count();
    transaction.commit();
    return true;
}

json::object AuthorityStore::lists_after(uint64_t version) {
    require_authority();
    SQLite::Statement now(*database_, "SELECT number FROM counter WHERE authority=?");
    now.bind(1, k_lists);
    uint64_t current = now.executeStep() ? static_cast<uint64_t>(now.getColumn(0).getInt64()) : 0;
    // Who is ahead had them from an authority that has been restored since: it gets everything.
    uint64_t after = version > current ? 0 : version;
    json::array lists;
    SQLite::Statement s(*database_, "SELECT authority,epoch,number,pem FROM lists WHERE version>?");
    s.bind(1, static_cast<int64_t>(after));
    while (s.executeStep()) {
        Part part{s.getColumn(1).getInt64(), s.getColumn(2).getInt64()};
        lists.push_back(json::object{{"name", s.getColumn(0).getString() + "/" + part.text()},
                                     {"pem", s.getColumn(3).getString()}});
    }
    return {{"version", current}, {"after", after}, {"lists", std::move(lists)}};
}

}  // namespace mds::ca
