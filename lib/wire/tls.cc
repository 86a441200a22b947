#include "wire/tls.hh"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/error.hpp>
#include <string_view>

#include "base/error.hh"
#include "pki/issue.hh"
#include "pki/key.hh"

namespace mds::wire {
namespace {

constexpr char k_suites[] =
    "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
constexpr char k_groups[] = "X25519:P-256:P-384";
/// As ALPN wants it: length, then the name. A server never dials as a gateway.
constexpr unsigned char k_dialled[] = "\x0amds-sync/1", k_taken[] = "\x0amds-sync/1\x0dmds-gateway/1";

[[noreturn]] void useless(const std::string& what) {
    ERR_clear_error();
    throw Error(Code::not_set_up, "the trust credentials are of no use: " + what);
}

[[noreturn]] void refuse(const std::string& why) {
    throw Error(Code::forbidden, why);
}

void require(int result, const char* what) {
    if (result != 1) useless(what);
}

int select_protocol(SSL*, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* in, unsigned in_size, void*) {
    unsigned char* chosen = nullptr;
    int result = SSL_select_next_proto(&chosen, out_size, k_taken, sizeof k_taken - 1, in, in_size);
    *out = chosen;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

}  // namespace

Tls::Tls(const Credentials& c) : context_(boost::asio::ssl::context::tlsv13) {
    ERR_clear_error();
    SSL_CTX* ctx = context_.native_handle();
    require(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION), "TLS 1.3");
    require(SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION), "TLS 1.3");
    require(SSL_CTX_set_ciphersuites(ctx, k_suites), "the cipher suites");
    require(static_cast<int>(SSL_CTX_set1_groups_list(ctx, k_groups)), "the groups");
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    require(SSL_CTX_set_num_tickets(ctx, 0), "tickets");
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    if (SSL_CTX_set_alpn_protos(ctx, k_dialled, sizeof k_dialled - 1) != 0) useless("the protocol");
    SSL_CTX_set_alpn_select_cb(ctx, select_protocol, nullptr);

    expected_.deployment = c.deployment;
    expected_.scope = "servers";
    expected_.kind = "server";
    try {
        pki::Certificate own = pki::Certificate::from_pem(c.certificate);
        pki::Key key = pki::Key::from_pem(c.key);
        expected_.anchors = pki::Certificate::list_from_pem(c.root);
        expected_.intermediates = pki::Certificate::list_from_pem(c.chain);
        expected_.crls = pki::Crl::list_from_pem(c.crl);
        require(SSL_CTX_use_certificate(ctx, own.get()), "the certificate");
        require(SSL_CTX_use_PrivateKey(ctx, key.get()),
                "the key does not belong to the certificate");
        // Its own dates are the peers' matter: an expired server says so when it is refused.
        pki::Expectation now = expected_;
        now.at = -1;
        self_ = identity(pki::verify(own, now), own);
        expires_ms_ = own.not_after();
    } catch (const Error& e) {
        if (e.code() == Code::not_set_up) throw;
        useless(e.message());
    }
    X509_STORE* store = SSL_CTX_get_cert_store(ctx);
    for (const pki::Certificate& authority : expected_.intermediates) {
        require(static_cast<int>(SSL_CTX_add1_chain_cert(ctx, authority.get())), "the chain");
        require(X509_STORE_add_cert(store, authority.get()), "the chain");
    }
    for (const pki::Certificate& root : expected_.anchors) {
        require(X509_STORE_add_cert(store, root.get()), "the root");
    }
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_verify_depth(ctx, 4);
}

PeerIdentity Tls::identity(const pki::Uri& uri, const pki::Certificate& certificate) {
    auto uid = Uid::parse(uri.uuid);
    if (!uid) refuse("the uuid in the certificate is malformed");
    return {*uid, uri.name, certificate.serial(), "", "", certificate.not_after()};
}

PeerIdentity Tls::check_gateway(SSL* connection, const pki::Certificate& shown) const {
    pki::Expectation expected = expected_;
    pki::Uri uri = shown.uri();
    if (!Uid::parse(uri.scope)) refuse("the certificate is not one of a Domain");
    expected.scope = uri.scope;
    expected.kind = pki::uri_kind(pki::Kind::gateway);
    // The authority of its Domain came with it; the root decides whether it is one.
    expected.intermediates.clear();
    STACK_OF(X509)* chain = SSL_get_peer_cert_chain(connection);
    for (int i = 0; i < sk_X509_num(chain); ++i) {
        expected.intermediates.push_back(pki::Certificate::share(sk_X509_value(chain, i)));
    }
    PeerIdentity gateway = identity(pki::verify(shown, expected), shown);
    gateway.domain = uri.scope;
    gateway.sic_name = uri.text();
    return gateway;
}

PeerIdentity Tls::check(SSL* connection) const {
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(connection, &protocol, &size);
    std::string_view selected(reinterpret_cast<const char*>(protocol), size);
    bool gateway = selected == k_gateway_protocol;
    if (!gateway && selected != k_sync_protocol) refuse("the other end does not speak mds-sync/1");
    X509* shown = SSL_get0_peer_certificate(connection);
    if (!shown || SSL_get_verify_result(connection) != X509_V_OK) refuse("no verified certificate");
    constexpr uint32_t k_both = XKU_SSL_SERVER | XKU_SSL_CLIENT;
    bool usages = (X509_get_extension_flags(shown) & EXFLAG_XKUSAGE) != 0 &&
                  (X509_get_extended_key_usage(shown) & k_both) == k_both;
    if (!usages) refuse("the certificate is not for both ends of a connection");
    // OpenSSL has checked the chain that the other end showed; this checks it against the Servers
    // CA alone, with names and revocation, and again when the credentials changed.
    pki::Certificate certificate = pki::Certificate::share(shown);
    if (gateway) return check_gateway(connection, certificate);
    return identity(pki::verify(certificate, expected_), certificate);
}

Failure handshake_failure(SSL* connection, const boost::system::error_code& error) {
    if (error.category() != boost::asio::error::get_ssl_category()) return {error.message(), false};
    long verified = SSL_get_verify_result(connection);
    if (verified != X509_V_OK) {
        return {std::string("its certificate was refused here: ") +
                    X509_verify_cert_error_string(verified),
                true};
    }
    switch (ERR_GET_REASON(static_cast<unsigned long>(error.value()))) {
        case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
            return {"it refused the certificate of this server: expired", true};
        case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
            return {"it refused the certificate of this server: revoked", true};
        case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
            return {"it refused the certificate of this server: unknown authority", true};
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
        case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
            return {"it refused the certificate of this server", true};
        default:
            return {error.message(), false};
    }
}

}  // namespace mds::wire
