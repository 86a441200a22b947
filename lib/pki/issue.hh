#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "pki/certificate.hh"
#include "pki/key.hh"
#include "pki/request.hh"

namespace mds::pki {

/// The templates: lifetime, usages and constraints of a certificate follow from its kind (section 2
/// of the trust design) and cannot be asked for.
enum class Kind {
    root,           // P-384, 20 years, signs authorities only
    servers_ca,     // P-256, 10 years, path length 0, constrained to scope "servers"
    domain_ca,      // P-256, 10 years, path length 0, constrained to one Domain
    server,         // 180 days, TLS client and server; URI kind "server"
    sealing,        // 180 days, key agreement only; URI kind "sealing"
    console,        // 180 days, TLS server; URI kind "console"
    domain_server,  // 180 days, TLS client and server; URI kind "domain-server"
    administrator,  // 1 year, TLS client; URI kind "administrator", uuid of the administrator
    gateway,        // 1 year, TLS client and server; URI kind "gateway", uuid of the machine
};

/// "root", "servers-ca", …, "administrator".
std::string_view kind_text(Kind kind);
/// The kind in the URI name: "authority" for the first three.
std::string_view uri_kind(Kind kind);
/// Lifetime in milliseconds.
int64_t lifetime_ms(Kind kind);

/// The revocation list in which a certificate will stand should it be revoked (K-16, K-18): where it is
/// served, and its name, which stays when servers come and go.
struct CrlPoint {
    /// "http://…"; may be empty.
    std::vector<std::string> urls;
    /// Common name below the issuer's deployment and scope, for example "CRL 0-1"; empty = none.
    std::string name;
};

/// Who a certificate is for. The deployment and the scope come from the issuer.
struct Subject {
    std::string name;
    std::string uuid;
    /// Console certificates only: DNS names and addresses of the host.
    std::vector<std::string> dns_names, addresses;
    CrlPoint crl;
};

/// An authority: its certificate and its key. Every certificate gets a serial number of 128 random
/// bits and a beginning 5 minutes before `now` (milliseconds since 1970).
class Issuer {
  public:
    Issuer(Certificate certificate, Key key);

    /// A new deployment's root, self-signed. `deployment` is the id, `name` for people.
    static Issuer make_root(const std::string& deployment, const std::string& name, int64_t now);
    /// A new authority below the root; `kind` is servers_ca or domain_ca; the scope of a Domain's
    /// authority is the Domain's uuid.
    Issuer make_authority(Kind kind, const std::string& scope, const std::string& name, int64_t now,
                          const CrlPoint& crl = {}) const;
    /// A certificate for the key of a verified request. Throws mds::Error(forbidden) for a kind that
    /// this authority must not issue.
    Certificate issue(Kind kind, const Request& request, const Subject& subject, int64_t now) const;
    /// As above for a key of this process.
    Certificate issue(Kind kind, const Key& key, const Subject& subject, int64_t now) const;

    const Certificate& certificate() const { return certificate_; }
    const Key& key() const { return key_; }

  private:
    Certificate issue_public(Kind kind, void* public_key, const Subject& subject,
                             int64_t now) const;
    Certificate certificate_;
    Key key_;
};

/// A self-signed certificate that proves nothing: for a TLS listener whose peer is authenticated
/// otherwise (SIC), or as the recipient of seal() before there is an authority. Valid `days`.
Certificate self_signed(const Key& key, Kind kind, std::string_view name, int64_t now, int days);

}  // namespace mds::pki
