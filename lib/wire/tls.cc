#include "wire/tls.hh"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <boost/asio/ssl/error.hpp>
#include <ctime>

#include "base/error.hh"
#include "wire/name.hh"

namespace mds::wire {
namespace {

constexpr char k_suites[] =
    "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
constexpr char k_groups[] = "X25519:P-256:P-384";
/// As ALPN wants it: length, then the name.
constexpr unsigned char k_protocol[] = "\x0amds-sync/1";
constexpr unsigned k_protocol_size = sizeof k_protocol - 1;

template <auto function>
struct Free {
    template <class T>
    void operator()(T* object) const {
        function(object);
    }
};
using CertificatePtr = std::unique_ptr<X509, Free<X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Free<X509_CRL_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, Free<BIO_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Free<BN_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;

BioPtr bio_of(const std::string& text) {
    return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::vector<CertificatePtr> read_certificates(const std::string& pem) {
    std::vector<CertificatePtr> list;
    BioPtr bio = bio_of(pem);
    while (X509* one = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
        list.emplace_back(one);
    }
    ERR_clear_error();
    return list;
}

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
    int result = SSL_select_next_proto(&chosen, out_size, k_protocol, k_protocol_size, in, in_size);
    *out = chosen;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::string serial_of(const X509* certificate) {
    NumberPtr number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
    if (!number) return "";
    std::string raw(static_cast<size_t>(BN_num_bytes(number.get())), '\0');
    BN_bn2bin(number.get(), reinterpret_cast<unsigned char*>(raw.data()));
    return hex(raw);
}

/// The only URI name of the certificate; refuses none, several and NUL bytes (K-9).
std::string uri_of(const X509* certificate) {
    NamesPtr names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
    std::string uri;
    int count = names ? sk_GENERAL_NAME_num(names.get()) : 0;
    for (int i = 0; i < count; ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_URI) continue;
        if (!uri.empty()) refuse("the certificate has more than one URI name");
        const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
        uri.assign(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                   static_cast<size_t>(ASN1_STRING_length(text)));
        if (uri.empty() || uri.find('\0') != std::string::npos) {
            refuse("the URI name of the certificate is malformed");
        }
    }
    if (uri.empty()) refuse("the certificate has no URI name");
    return uri;
}

}  // namespace

struct Tls::Parts {
    std::vector<CertificatePtr> authorities;
    std::vector<CrlPtr> crls;
};

Tls::~Tls() = default;

Tls::Tls(const Credentials& c)
    : context_(boost::asio::ssl::context::tlsv13),
      parts_(std::make_unique<Parts>()),
      deployment_(c.deployment) {
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
    if (SSL_CTX_set_alpn_protos(ctx, k_protocol, k_protocol_size) != 0) useless("the protocol");
    SSL_CTX_set_alpn_select_cb(ctx, select_protocol, nullptr);

    std::vector<CertificatePtr> own = read_certificates(c.certificate);
    BioPtr key_bio = bio_of(c.key);
    KeyPtr key(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, nullptr, nullptr));
    std::vector<CertificatePtr> roots = read_certificates(c.root);
    parts_->authorities = read_certificates(c.chain);
    if (own.empty()) useless("no certificate");
    if (!key) useless("no key");
    if (parts_->authorities.empty()) useless("no Servers CA");
    if (roots.empty()) useless("no deployment root");
    require(SSL_CTX_use_certificate(ctx, own[0].get()), "the certificate");
    require(SSL_CTX_use_PrivateKey(ctx, key.get()), "the key does not belong to the certificate");
    X509_STORE* store = SSL_CTX_get_cert_store(ctx);
    for (const CertificatePtr& authority : parts_->authorities) {
        X509_up_ref(authority.get());
        require(static_cast<int>(SSL_CTX_add_extra_chain_cert(ctx, authority.get())), "the chain");
        require(X509_STORE_add_cert(store, authority.get()), "the chain");
    }
    for (const CertificatePtr& root : roots)
        require(X509_STORE_add_cert(store, root.get()), "root");
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_verify_depth(ctx, 4);

    // Lists are looked at here and not by the chain check: a list that is out of date must not lock
    // the deployment out, and what it revokes stays revoked (K-14, K-15).
    BioPtr crl_bio = bio_of(c.crl);
    while (X509_CRL* crl = PEM_read_bio_X509_CRL(crl_bio.get(), nullptr, nullptr, nullptr)) {
        CrlPtr list(crl);
        for (const CertificatePtr& authority : parts_->authorities) {
            if (X509_CRL_verify(crl, X509_get0_pubkey(authority.get())) == 1) {
                parts_->crls.push_back(std::move(list));
                break;
            }
        }
    }
    ERR_clear_error();
    try {
        self_ = identify(own[0].get());
    } catch (const Error& e) {
        useless(e.message());
    }
    std::tm end{};
    if (ASN1_TIME_to_tm(X509_get0_notAfter(own[0].get()), &end) == 1) expires_ = timegm(&end);
}

PeerIdentity Tls::identify(X509* certificate) const {
    auto uri = parse_server_uri(uri_of(certificate));
    if (!uri) refuse("the certificate is not one of a server");
    if (uri->deployment != deployment_) {
        refuse("the certificate belongs to another deployment, " + uri->deployment);
    }
    return PeerIdentity{uri->uid, uri->name, serial_of(certificate)};
}

PeerIdentity Tls::check(SSL* connection) const {
    const unsigned char* protocol = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(connection, &protocol, &size);
    if (size != k_protocol_size - 1 ||
        std::string_view(reinterpret_cast<const char*>(protocol), size) != "mds-sync/1") {
        refuse("the other end does not speak mds-sync/1");
    }
    X509* certificate = SSL_get0_peer_certificate(connection);
    STACK_OF(X509)* chain = SSL_get0_verified_chain(connection);
    if (!certificate || !chain || SSL_get_verify_result(connection) != X509_V_OK) {
        refuse("no verified certificate");
    }
    bool through_servers_ca = false;
    for (const CertificatePtr& authority : parts_->authorities) {
        through_servers_ca |=
            sk_X509_num(chain) > 1 && X509_cmp(sk_X509_value(chain, 1), authority.get()) == 0;
    }
    if (!through_servers_ca) refuse("the certificate was not issued by the Servers CA");
    constexpr uint32_t k_both = XKU_SSL_SERVER | XKU_SSL_CLIENT;
    bool usages = (X509_get_extension_flags(certificate) & EXFLAG_XKUSAGE) != 0 &&
                  (X509_get_extended_key_usage(certificate) & k_both) == k_both;
    if (!usages) refuse("the certificate is not for both ends of a connection");
    PeerIdentity peer = identify(certificate);
    for (const CrlPtr& crl : parts_->crls) {
        X509_REVOKED* entry = nullptr;
        if (X509_NAME_cmp(X509_CRL_get_issuer(crl.get()), X509_get_issuer_name(certificate)) == 0 &&
            X509_CRL_get0_by_cert(crl.get(), &entry, certificate) == 1) {
            refuse("the certificate of " + peer.name + " is revoked");
        }
    }
    return peer;
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
