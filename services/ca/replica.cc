// The authority of a deployment outlives its host: every Multi-Domain Server keeps a replica, its keys
// sealed for that server's mds-ca alone (security.md 4, K-21 to K-23).
#include <fmt/core.h>

#include <filesystem>

#include "authority_store.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "crypto/secret.hh"
#include "pki/seal.hh"

namespace mds::ca {
namespace {

/// Rows of a table as JSON arrays, every column as text or number.
json::array rows_of(SQLite::Database& database, const std::string& table) {
    SQLite::Statement s(database, "SELECT * FROM " + table);
    json::array rows;
    while (s.executeStep()) {
        json::array row;
        for (int i = 0; i < s.getColumnCount(); ++i) {
            if (s.getColumn(i).isInteger()) {
                row.push_back(json::value(s.getColumn(i).getInt64()));
            } else {
                row.push_back(json::value(s.getColumn(i).getString()));
            }
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

/// What was revoked here stays revoked: a server that was the authority may know of more (K-19).
/// Returns how many rows were written; `or_else` is what a row does that is here already.
size_t take_rows(SQLite::Database& database, const std::string& table, const json::array& rows,
                 const std::string& or_else) {
    size_t written = 0;
    for (const json::value& v : rows) {
        const json::array& row = v.as_array();
        std::string marks = "?";
        for (size_t i = 1; i < row.size(); ++i) marks += ",?";
        SQLite::Statement s(database, "INSERT OR " + or_else + " INTO " + table + " VALUES(" + marks + ")");
        for (size_t i = 0; i < row.size(); ++i) {
            int place = static_cast<int>(i) + 1;
            if (row[i].is_string()) {
                s.bind(place, std::string(row[i].as_string()));
            } else {
                s.bind(place, row[i].to_number<int64_t>());
            }
        }
        written += static_cast<size_t>(s.exec());
    }
    return written;
}

uint64_t number_in(const json::object& state) {
    for (const json::value& v : json::get_array(state, "counter")) {
        const json::array& row = v.as_array();
        if (row.at(0).as_string() == k_state) return row.at(1).to_number<uint64_t>();
    }
    return 0;
}

}  // namespace

void AuthorityStore::require_authority() const {
    if (locked()) {
        throw std::move(Error(Code::ha_invalid, "the keys of deployment " + name_ + " are here, but sealed for another "
                                                "sealing key than the one of this server"))
            .refusal("", "mds-setup --recover, with the words of the recovery key");
    }
    if (!replica_) return;
    throw Error(Code::ha_invalid,
                "the authority of deployment " + name_ + " is on its Primary; this is a replica");
}

void AuthorityStore::count() {
    SQLite::Statement s(*database_, "INSERT INTO counter VALUES(?,1) ON CONFLICT(authority) DO UPDATE "
                                    "SET number=number+1");
    s.bind(1, k_state);
    s.exec();
}

uint64_t AuthorityStore::number() {
    SQLite::Statement s(*database_, "SELECT number FROM counter WHERE authority=?");
    s.bind(1, k_state);
    return s.executeStep() ? static_cast<uint64_t>(s.getColumn(0).getInt64()) : 0;
}

void AuthorityStore::write_deployment() {
    json::object text{{"id", id_}, {"name", name_}};
    if (replica_) text["replica"] = true;
    if (recovery_declined_) text["recovery-declined"] = true;
    replace_file(folder_ + "/deployment.json", json::text(text), 0640);
}

std::string AuthorityStore::export_for(const std::string& recipient_pem) {
    if (id_.empty()) throw Error(Code::ha_invalid, "there is no deployment to export");
    if (locked()) require_authority();
    json::array authorities;
    for (const auto& [word, issuer] : issuers_) {
        authorities.push_back(json::object{{"word", word},
                                           {"certificate", issuer.certificate().pem()},
                                           {"key", issuer.key().pem()}});
    }
    std::string text = json::text(json::object{{"id", id_},
                                               {"name", name_},
                                               {"authorities", std::move(authorities)},
                                               {"issued", rows_of(*database_, "issued")},
                                               {"revoked", rows_of(*database_, "revoked")},
                                               {"by_hand", rows_of(*database_, "by_hand")},
                                               {"barred", rows_of(*database_, "barred")},
                                               {"crl_part", rows_of(*database_, "crl_part")},
                                               {"personal", rows_of(*database_, "personal")},
                                               {"recovery", recovery_ ? recovery_->pem() : ""},
                                               {"recovery-declined", recovery_declined_},
                                               {"counter", rows_of(*database_, "counter")}});
    crypto::WipeAtEnd wipe(text);
    return pki::seal(text, {pki::Certificate::from_pem(recipient_pem)});
}

json::object AuthorityStore::opened(std::string_view sealed) const {
    std::string text = pki::open_sealed(sealed, *sealing_certificate_, *sealing_key_);
    crypto::WipeAtEnd wipe(text);
    json::object state = json::parse_object(text);
    if (!id_.empty() && json::get_string(state, "id") != id_) {
        throw Error(Code::forbidden, "that is the authority of another deployment");
    }
    return state;
}

size_t AuthorityStore::merge(std::string_view sealed) {
    require_authority();
    json::object state = opened(sealed);
    SQLite::Transaction transaction(*database_);
    size_t others = take_rows(*database_, "issued", json::get_array(state, "issued"), "IGNORE") +
                    take_rows(*database_, "barred", json::get_array(state, "barred"), "IGNORE") +
                    take_rows(*database_, "personal", json::get_array(state, "personal"), "IGNORE");
    // What the certificate itself says goes before what was assigned here.
    take_rows(*database_, "crl_part", json::get_array(state, "crl_part"), "REPLACE");
    size_t revoked = take_rows(*database_, "revoked", json::get_array(state, "revoked"), "IGNORE");
    take_rows(*database_, "by_hand", json::get_array(state, "by_hand"), "IGNORE");
    uint64_t number_there = number_in(state);
    if (number_there > number()) {
        go_ahead_of(number_there);
    } else if (revoked + others > 0) {
        count();
    }
    transaction.commit();
    return revoked;
}

void AuthorityStore::go_ahead_of(uint64_t past) {
    SQLite::Statement s(*database_, "UPDATE counter SET number=(MAX(number>>?1,?2)+1)<<?1");
    s.bind(1, k_epoch_bits);
    s.bind(2, static_cast<int64_t>(past >> k_epoch_bits));
    s.exec();
    count();
}

void AuthorityStore::import(std::string_view sealed) {
    if (!id_.empty() && !replica_) {
        throw Error(Code::ha_invalid, "this server is the authority of deployment " + name_ + " itself");
    }
    json::object state = opened(sealed);
    std::string id = json::get_string(state, "id");
    uint64_t number_there = number_in(state);
    if (number_there < number()) {
        throw Error(Code::forbidden, fmt::format("state {} of the authority is older than the one here, {}",
                                                 number_there, number()));
    }
    // All of it is read before anything is changed. Words become names of files.
    std::vector<std::pair<std::string, pki::Issuer>> authorities;
    for (const json::value& v : json::get_array(state, "authorities")) {
        const json::object& a = v.as_object();
        std::string word = json::get_string(a, "word"), key = json::get_string(a, "key");
        crypto::WipeAtEnd wipe_key(key);
        if (word != "root" && word != "servers" && !Uid::parse(word)) {
            throw Error(Code::forbidden, "an authority of an unknown kind");
        }
        authorities.emplace_back(
            word, pki::Issuer(pki::Certificate::from_pem(json::get_string(a, "certificate")),
                              pki::Key::from_pem(key)));
    }
    if (id.empty() || authorities.empty()) throw Error(Code::forbidden, "an authority without content");
    // First that this is a replica: whatever ends this half way, it does not sign.
    id_ = id;
    name_ = json::get_string(state, "name");
    replica_ = true;
    take_recovery(state);
    write_deployment();
    for (const auto& [word, issuer] : authorities) {
        auto known = issuers_.find(word);
        if (known != issuers_.end() &&
            known->second.certificate().serial() == issuer.certificate().serial()) {
            continue;
        }
        if (known != issuers_.end()) issuers_.erase(known);
        keep(word, issuer);
        std::erase(locked_, word);
    }
    SQLite::Transaction transaction(*database_);
    database_->exec("DELETE FROM counter");
    for (const char* table : {"issued", "revoked", "by_hand", "barred", "crl_part", "personal", "counter"}) {
        take_rows(*database_, table, json::get_array(state, table), "REPLACE");
    }
    transaction.commit();
}

void AuthorityStore::retire() {
    if (id_.empty() || replica_) return;
    replica_ = true;
    write_deployment();
}

void AuthorityStore::activate() {
    if (id_.empty()) throw Error(Code::ha_invalid, "there is no replica of an authority here");
    if (!replica_) return;
    if (locked()) require_authority();
    SQLite::Transaction transaction(*database_);
    // The lists of the old one, should it come back, are behind these for ever.
    // So is its state: a replica that had heard of a newer one than this takes what comes from here.
    go_ahead_of(0);
    transaction.commit();
    replica_ = false;
    write_deployment();
}

}  // namespace mds::ca
