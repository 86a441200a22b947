// What the authorities are and what they have issued, for people: any part of it, on replicas too.
#include <algorithm>
#include <cstdlib>
#include <map>

#include "authority_store.hh"
#include "base/clock.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "pki/issue.hh"

namespace mds::ca {
namespace {

/// Most rows of one answer.
constexpr int64_t k_most = 500;
/// A certificate begins so much before it is made; the database knows when it was made, which may
/// be in the next second.
constexpr int64_t k_early_ms = 300'000, k_rounding_ms = 60'000;

/// Where a certificate stands: one that was replaced and has not ended yet is still taken by
/// everybody.
constexpr char k_standing[] =
    "CASE WHEN r.serial IS NOT NULL THEN 'revoked' WHEN i.not_after<=?1 THEN 'expired' WHEN "
    "i.uuid<>'' AND "
    "EXISTS(SELECT 1 FROM issued n WHERE n.uuid=i.uuid AND n.kind=i.kind AND "
    "n.authority=i.authority AND "
    "(n.issued_ms>i.issued_ms OR (n.issued_ms=i.issued_ms AND n.rowid>i.rowid))) THEN 'renewed' "
    "ELSE 'valid' END";

/// From the template, to the second; a certificate that its authority's end has cut short began
/// when it was made.
int64_t begin_of(const std::string& kind, int64_t issued, int64_t not_after) {
    for (pki::Kind k : {pki::Kind::servers_ca, pki::Kind::domain_ca, pki::Kind::server,
                        pki::Kind::sealing, pki::Kind::console, pki::Kind::domain_server,
                        pki::Kind::administrator, pki::Kind::gateway}) {
        if (kind != pki::kind_text(k)) continue;
        int64_t begin = not_after - pki::lifetime_ms(k) - k_early_ms;
        if (std::abs(begin - (issued - k_early_ms)) < k_rounding_ms) return begin;
    }
    return issued - k_early_ms;
}

std::string kind_of(const std::string& word) {
    return word == "root" ? "root" : word == "servers" ? "servers-ca" : "domain-ca";
}

}  // namespace

json::array AuthorityStore::find_authorities(const std::string& only) {
    std::map<std::string, bool> words;
    for (const auto& [word, issuer] : issuers_) words[word] = true;
    for (const std::string& word : locked_) words[word] = false;
    json::array out;
    for (const auto& [word, opened] : words) {
        if (!only.empty() && word != only) continue;
        const pki::Certificate certificate =
            opened ? issuer(word).certificate()
                   : pki::Certificate::from_pem(read_file(folder_ + "/" + word + ".pem"));
        SQLite::Statement s(*database_,
                            std::string("SELECT state,count(*) FROM (SELECT ") + k_standing +
                                " AS state FROM issued i LEFT JOIN revoked r ON r.serial=i.serial "
                                "WHERE i.authority=?2) GROUP BY state");
        s.bind(1, wall_ms());
        s.bind(2, word);
        json::object counts{{"valid", 0}, {"renewed", 0}, {"revoked", 0}, {"expired", 0}};
        int64_t issued = 0;
        while (s.executeStep()) {
            counts[s.getColumn(0).getString()] = s.getColumn(1).getInt64();
            issued += s.getColumn(1).getInt64();
        }
        json::object row{{"name", word},
                         {"kind", kind_of(word)},
                         {"subject", certificate.subject()},
                         {"serial", certificate.serial()},
                         {"not-before", certificate.not_before()},
                         {"not-after", certificate.not_after()},
                         {"key", opened},
                         {"issued", issued},
                         {"counts", std::move(counts)}};
        if (!only.empty()) {
            row["certificate"] = certificate.pem();
            row["fingerprint"] = hex(certificate.fingerprint());
        }
        out.push_back(std::move(row));
    }
    return out;
}

json::object AuthorityStore::find_certificates(const json::object& query) {
    // Each condition is left out by the empty value of its parameter.
    const std::string rows =
        std::string(
            "SELECT i.serial,i.authority,i.subject,i.uuid,i.kind,i.issued_ms,i.not_after,"
            "r.at_ms,r.reason,p.epoch,p.number,i.rowid AS place,") +
        k_standing +
        " AS state FROM issued i LEFT JOIN revoked r ON r.serial=i.serial LEFT JOIN crl_part p "
        "ON p.serial=i.serial WHERE (?2='' OR i.authority=?2) AND (?3='' OR i.kind=?3) AND "
        "(?4='' OR i.uuid=?4) AND (?5='' OR substr(i.serial,1,length(?5))=?5) AND (?6='' OR "
        "instr(lower(i.subject),lower(?6))>0 OR instr(i.serial,lower(?6))>0) AND (?7=0 OR "
        "i.not_after<=?7)";
    const std::string all = "FROM (" + rows + ") WHERE (?8='' OR state=?8)";
    auto bind = [&](SQLite::Statement& s) {
        s.bind(1, wall_ms());
        s.bind(2, json::get_string(query, "authority"));
        s.bind(3, json::get_string(query, "kind"));
        s.bind(4, json::get_string(query, "uuid"));
        s.bind(5, fold(json::get_string(query, "serial")));
        s.bind(6, json::get_string(query, "text"));
        s.bind(7, json::get_int(query, "until"));
        s.bind(8, json::get_string(query, "state"));
    };
    SQLite::Statement count(*database_, "SELECT count(*) " + all);
    bind(count);
    count.executeStep();
    int64_t total = count.getColumn(0).getInt64();
    // What ends next is asked for in that order.
    const char* order =
        json::get_int(query, "until") != 0 ? "not_after,place" : "authority,issued_ms,place";
    SQLite::Statement s(*database_,
                        "SELECT * " + all + " ORDER BY " + order + " LIMIT ?9 OFFSET ?10");
    bind(s);
    s.bind(9, std::clamp<int64_t>(json::get_int(query, "limit", k_most), 0, k_most));
    s.bind(10, std::max<int64_t>(json::get_int(query, "offset"), 0));
    json::array out;
    while (s.executeStep()) {
        std::string kind = s.getColumn(4).getString();
        int64_t issued = s.getColumn(5).getInt64(), end = s.getColumn(6).getInt64();
        json::object row{{"serial", s.getColumn(0).getString()},
                         {"authority", s.getColumn(1).getString()},
                         {"subject", s.getColumn(2).getString()},
                         {"uuid", s.getColumn(3).getString()},
                         {"kind", kind},
                         {"issued", issued},
                         {"not-before", begin_of(kind, issued, end)},
                         {"not-after", end},
                         {"state", s.getColumn("state").getString()}};
        if (!s.getColumn(7).isNull()) {
            row["revoked-at"] = s.getColumn(7).getInt64();
            row["reason"] = s.getColumn(8).getString();
        }
        if (!s.getColumn(9).isNull()) {
            row["part"] = Part{s.getColumn(9).getInt64(), s.getColumn(10).getInt64()}.text();
        }
        out.push_back(std::move(row));
    }
    return {{"certificates", std::move(out)}, {"total", total}};
}

}  // namespace mds::ca
