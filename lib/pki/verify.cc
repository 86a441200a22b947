#include "pki/verify.hh"

#include <openssl/x509_vfy.h>

#include "base/error.hh"
#include "pki/openssl_types.hh"

namespace mds::pki {
using namespace crypto;
namespace {

using Store = Handle<X509_STORE, X509_STORE_free>;
using StoreContext = Handle<X509_STORE_CTX, X509_STORE_CTX_free>;

[[noreturn]] void refuse(const std::string& why) {
    throw Error(Code::forbidden, "The certificate is refused: " + why);
}

struct Stack {
    STACK_OF(X509)* list = require_ptr(sk_X509_new_null(), "certificates");
    Stack() = default;
    ~Stack() { sk_X509_free(list); }
    Stack(const Stack&) = delete;
    Stack& operator=(const Stack&) = delete;
};

void set_rules(X509_VERIFY_PARAM* rules, const Expectation& expected) {
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_X509_STRICT;
    if (expected.at < 0) flags |= X509_V_FLAG_NO_CHECK_TIME;
    X509_VERIFY_PARAM_set_flags(rules, flags);
    if (expected.at > 0) X509_VERIFY_PARAM_set_time(rules, static_cast<time_t>(expected.at / 1000));
    X509_VERIFY_PARAM_set_depth(rules, 2);
    X509_VERIFY_PARAM_set_auth_level(rules, 2);
    if (expected.usage == Usage::tls_client) {
        X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_CLIENT);
    }
    if (expected.usage == Usage::tls_server) {
        X509_VERIFY_PARAM_set_purpose(rules, X509_PURPOSE_SSL_SERVER);
    }
}

/// The direct issuer in a chain that OpenSSL accepts.
Certificate issuer_of(const Certificate& certificate, const Expectation& expected) {
    Store store(require_ptr(X509_STORE_new(), "certificates"));
    for (const Certificate& anchor : expected.anchors) {
        require(X509_STORE_add_cert(store.get(), anchor.get()) == 1, "certificates");
    }
    Stack between;
    for (const Certificate& one : expected.intermediates) {
        require(sk_X509_push(between.list, one.get()) > 0, "certificates");
    }
    StoreContext context(require_ptr(X509_STORE_CTX_new(), "certificates"));
    require(X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), between.list) == 1,
            "certificates");
    set_rules(X509_STORE_CTX_get0_param(context.get()), expected);
    if (X509_verify_cert(context.get()) != 1) {
        int why = X509_STORE_CTX_get_error(context.get());
        openssl_reason();
        refuse(X509_verify_cert_error_string(why));
    }
    STACK_OF(X509)* chain = X509_STORE_CTX_get0_chain(context.get());
    if (sk_X509_num(chain) < 2) refuse("it was not issued by an authority");
    return Certificate::share(sk_X509_value(chain, 1));
}

}  // namespace

Uri verify(const Certificate& certificate, const Expectation& expected) {
    Uri uri = certificate.uri();
    Certificate issuer = issuer_of(certificate, expected);
    Uri authority = issuer.uri();
    if (certificate.is_authority()) refuse("it is one of an authority");
    // OpenSSL takes one without usages for any.
    if (expected.usage != Usage::any &&
        (X509_get_extension_flags(certificate.get()) & EXFLAG_XKUSAGE) == 0) {
        refuse("it does not say what it is for");
    }
    if (authority.kind != "authority" || authority.scope != uri.scope ||
        authority.deployment != uri.deployment) {
        refuse("the authority of \"" + authority.scope + "\" names a member of \"" + uri.scope +
               "\"");
    }
    if (uri.deployment != expected.deployment) {
        refuse("it belongs to deployment " + uri.deployment + ", not " + expected.deployment);
    }
    if (uri.scope != expected.scope || uri.kind != expected.kind) {
        refuse("it is for a " + uri.kind + " of \"" + uri.scope + "\", expected a " +
               expected.kind + " of \"" + expected.scope + "\"");
    }
    if (!expected.uuid.empty() && uri.uuid != expected.uuid) {
        refuse("it is for " + uri.uuid + ", expected " + expected.uuid);
    }
    for (const Crl& crl : expected.crls) {
        if (crl.is_from(issuer) && crl.revokes(certificate)) {
            refuse("serial " + certificate.serial() + " is revoked");
        }
    }
    return uri;
}

}  // namespace mds::pki
