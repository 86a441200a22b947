#pragma once
#include <string>
#include <vector>

#include "json/json.hh"
#include "pki/crl.hh"
#include "pki/issue.hh"
#include "store.hh"

namespace mds::ca {

/// What IssueServer answers, PEM.
struct ServerCertificates {
    std::string identity, sealing, chain, root, crl;
};

/// The authorities of this server. A key is opened for one signature and wiped after it. One thread;
/// every method is on disk when it returns, and throws mds::Error when it does nothing.
class Service {
  public:
    /// Files in `folder`; makes this server's sealing key the first time.
    explicit Service(const std::string& folder);

    std::string initialize(const std::string& deployment_name);
    json::object status() const;
    std::string create_domain_authority(const std::string& domain_uid, const std::string& name);
    ServerCertificates issue_server(const std::string& csr_identity, const std::string& csr_sealing,
                                    const std::string& name, const std::string& uuid,
                                    const std::string& role);
    /// `identity` is the Domain Server's certificate; `sealing` stays empty.
    ServerCertificates issue_domain_server(const std::string& domain_uid, const std::string& csr,
                                           const std::string& name, const std::string& uuid);
    void revoke(const std::string& serial, const std::string& reason);
    json::array list_authorities() const;
    json::array list_certificates(const std::string& authority) const;
    std::string revocation_list(const std::string& authority) const;
    std::string sealing_certificate() const { return sealing_certificate_.pem(); }
    json::object export_for(const std::string& recipient_pem,
                            const std::vector<std::string>& scopes) const;
    void import(const json::object& document);
    void promote(uint64_t epoch);
    /// Signs lists anew that are at 60 % of their time (K-16). Call it every hour or so.
    void refresh_lists();

    std::string deployment() const { return store_.meta("deployment-id"); }
    uint32_t authorities() const;
    std::string state() const;

  private:
    void require_ready() const;
    AuthorityRow known(const std::string& scope) const;
    pki::Issuer open(const AuthorityRow& row) const;
    AuthorityRow make_row(const pki::Issuer& authority, const std::string& scope,
                          std::string_view kind, const std::string& name) const;
    void sign_list(AuthorityRow& row, const pki::Issuer& authority);
    pki::Certificate issue(const pki::Issuer& authority, const std::string& scope, pki::Kind kind,
                           const pki::Request& request, const pki::Subject& subject,
                           const std::string& role);
    uint64_t epoch() const;
    std::string seal_for(const pki::Issuer& authority, const pki::Certificate& recipient) const;

    Store store_;
    pki::Key sealing_key_;
    pki::Certificate sealing_certificate_;
};

}  // namespace mds::ca
