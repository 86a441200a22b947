#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "json/json.hh"
#include "pki/crl.hh"
#include "pki/issue.hh"

namespace mds::ca {

/// The authorities that this server may sign with, and what they have issued. Keys lie in the folder
/// only as CMS blobs sealed for this server (K-21); serials and revocations in a database with
/// synchronous=FULL, because a forgotten revocation must not happen (K-19).
class AuthorityStore {
  public:
    explicit AuthorityStore(std::string folder);

    const std::string& deployment_id() const { return id_; }
    const std::string& deployment_name() const { return name_; }
    size_t authorities() const { return issuers_.size(); }

    std::string initialize(const std::string& name);
    std::string create_domain(const std::string& uid, const std::string& name);

    struct Server {
        std::string identity, sealing, chain, root, crl;
    };
    Server issue_server(const std::string& csr_identity, const std::string& csr_sealing,
                        const std::string& name, const std::string& uuid);
    void revoke(const std::string& serial, const std::string& reason);
    /// Every certificate of a server; none is issued to it any more.
    void revoke_server(const std::string& uuid, const std::string& reason);
    /// Of the Servers CA and the root, PEM.
    std::string revocation_lists();

    // replica.cc
    /// Whether this is a copy of another server's authority that may not sign.
    bool replica() const { return replica_; }
    /// Grows with every change.
    uint64_t number();
    std::string sealing_certificate() const { return sealing_certificate_->pem(); }
    std::string export_for(const std::string& recipient_pem);
    void import(std::string_view sealed);
    void activate();
    /// What only another copy of the authority knew; returns how many revocations were new.
    size_t merge(std::string_view sealed);
    void retire();
    json::array list_authorities();
    json::array list_certificates(const std::string& authority);

  private:
    void load(const std::string& word);
    void keep(const std::string& word, const pki::Issuer& issuer);
    const pki::Issuer& issuer(const std::string& word) const;
    /// Throws on a replica.
    void require_authority() const;
    /// Something was changed.
    void count();
    void write_deployment();
    /// Numbers of lists and state from the next epoch on, past this one too.
    void go_ahead_of(uint64_t past);
    /// Another mds-ca's export, which must be of this deployment when there is one.
    json::object opened(std::string_view sealed) const;
    void record(const std::string& authority, const pki::Certificate& certificate,
                const std::string& uuid, const std::string& kind);
    pki::Crl crl(const std::string& authority);

    std::string folder_, id_, name_;
    bool replica_ = false;
    std::unique_ptr<SQLite::Database> database_;
    std::optional<pki::Key> sealing_key_;
    std::optional<pki::Certificate> sealing_certificate_;
    /// "root", "servers", or a Domain's uid.
    std::map<std::string, pki::Issuer> issuers_;
};

}  // namespace mds::ca
