#pragma once
#include <openssl/ssl.h>

#include <boost/asio/ssl/context.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.hh"
#include "pki/verify.hh"

namespace mds::wire {

/// The credentials of this server, all PEM.
struct Credentials {
    std::string key, certificate;
    /// The Servers CA; several certificates while it is rolled over.
    std::string chain;
    std::string root;
    /// Revocation lists of the Servers CA and the root; may be empty.
    std::string crl;
    /// Id of the deployment, as in the names of the certificates.
    std::string deployment;
};

/// Who a certificate says the other end is.
struct PeerIdentity {
    Uid uid;
    std::string name;
    /// Lower-case hexadecimal.
    std::string serial;
    /// Of a gateway: the uid of its Domain, and the name in its certificate (sic-name).
    std::string domain, sic_name;
    /// When the certificate ends, milliseconds since 1970.
    int64_t not_after = 0;
    bool gateway() const { return !domain.empty(); }
};

/// The protocols of the port (ALPN): between servers, and of gateways with their management servers.
inline constexpr std::string_view k_sync_protocol = "mds-sync/1", k_gateway_protocol = "mds-gateway/1";

/// TLS of "mds-sync/1" and, on the listening side, "mds-gateway/1": 1.3 only, mutual, suites and groups of K-12, no tickets. One context for
/// both directions. Immutable; connections keep it alive.
class Tls {
  public:
    /// Throws mds::Error(not_set_up) that says which part of the credentials is of no use.
    explicit Tls(const Credentials& credentials);
    Tls(const Tls&) = delete;
    Tls& operator=(const Tls&) = delete;

    boost::asio::ssl::context& context() { return context_; }
    /// Who this server is by its own certificate.
    const PeerIdentity& self() const { return self_; }
    /// When this server's certificate ends, milliseconds since 1970.
    int64_t expires_ms() const { return expires_ms_; }
    /// Checks the other end after the handshake (K-9, K-10): the chain went through the Servers CA,
    /// both key usages, exactly one URI name, our deployment, not revoked. Whether the server is a
    /// member is the caller's question. Of a gateway: that it has a certificate of some Domain's authority;
    /// whether the Domain knows it, and still does, is the Domain Server's question.
    /// Throws mds::Error(forbidden) with the reason.
    PeerIdentity check(SSL* connection) const;

  private:
    PeerIdentity check_gateway(SSL* connection, const pki::Certificate& shown) const;
    static PeerIdentity identity(const pki::Uri& uri, const pki::Certificate& certificate);

    boost::asio::ssl::context context_;
    pki::Expectation expected_;
    PeerIdentity self_;
    int64_t expires_ms_ = 0;
};

/// The reason of the last failed handshake on a connection in words, and whether it is a matter of
/// trust (a certificate was refused by either side) rather than of the network.
struct Failure {
    std::string reason;
    bool trust = false;
};
Failure handshake_failure(SSL* connection, const boost::system::error_code& error);

}  // namespace mds::wire
