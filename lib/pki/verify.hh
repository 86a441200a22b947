#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "pki/certificate.hh"
#include "pki/crl.hh"

namespace mds::pki {

/// What a certificate is shown for.
enum class Usage { any, tls_client, tls_server };

/// What the caller expects of a certificate and which authorities it trusts (K-9, K-10).
struct Expectation {
    std::string deployment;
    /// "servers" or a Domain's uuid.
    std::string scope;
    /// "server", "sealing", "console", "domain-server", "gateway", "administrator".
    std::string kind;
    /// The member's uuid; empty = any, then the caller compares the result with its members.
    std::string uuid;
    Usage usage = Usage::any;
    /// Root, or a pinned authority: whoever the caller trusts.
    std::vector<Certificate> anchors;
    /// Authorities between; nothing here is trusted by itself.
    std::vector<Certificate> intermediates;
    /// Lists of the direct issuer; a list of another issuer is ignored, one that has expired still
    /// revokes what it names.
    std::vector<Crl> crls;
    /// Milliseconds since 1970 at which everything must be valid; 0 = now, -1 = times are ignored
    /// (renewal with an expired certificate, K-14).
    int64_t at = 0;
};

/// Checks chain, names, constraints, usages and revocation. Beside OpenSSL's own check of name
/// constraints this one compares the scope of the direct issuer with the certificate's, also when
/// the issuer is the pinned anchor. Returns the name in the certificate.
/// Throws mds::Error(forbidden) saying what is wrong with it.
Uri verify(const Certificate& certificate, const Expectation& expected);

}  // namespace mds::pki
