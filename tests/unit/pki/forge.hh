#pragma once
#include <openssl/x509v3.h>

#include "pki/issue.hh"

// Certificates that no template gives: signed by a real authority key, with any content.
namespace mds::test {

struct Forgery {
    std::string organization, unit, uri;
    std::string second_uri = "";
    std::string usages = "serverAuth,clientAuth";
    bool authority = false;
    int64_t begin_ms = 0, end_ms = 0;
    const pki::Key* key = nullptr;
};

inline void add_extension(X509* x, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509_EXTENSION* e = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
}

inline pki::Certificate forge(const pki::Issuer& issuer, const Forgery& f) {
    pki::Key own = pki::Key::generate();
    X509* x = X509_new();
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 12345678);
    ASN1_TIME_set(X509_getm_notBefore(x), f.begin_ms ? f.begin_ms / 1000 : time(nullptr) - 60);
    ASN1_TIME_set(X509_getm_notAfter(x), f.end_ms ? f.end_ms / 1000 : time(nullptr) + 86400);
    X509_NAME* name = X509_get_subject_name(x);
    for (auto [field, value] : {std::pair{"O", f.organization}, std::pair{"OU", f.unit},
                                std::pair{"CN", std::string("x")}}) {
        X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(value.c_str()), -1, -1,
                                   0);
    }
    X509_set_issuer_name(x, X509_get_subject_name(issuer.certificate().get()));
    X509_set_pubkey(x, (f.key ? *f.key : own).get());
    add_extension(x, NID_basic_constraints, f.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    add_extension(x, NID_key_usage,
                  f.authority ? "critical,keyCertSign" : "critical,digitalSignature");
    if (!f.authority && !f.usages.empty()) add_extension(x, NID_ext_key_usage, f.usages);
    GENERAL_NAMES* names = GENERAL_NAMES_new();
    for (const std::string& uri : {f.uri, f.second_uri}) {
        if (uri.empty()) continue;
        GENERAL_NAME* one = GENERAL_NAME_new();
        ASN1_IA5STRING* text = ASN1_IA5STRING_new();
        ASN1_STRING_set(text, uri.data(), static_cast<int>(uri.size()));
        GENERAL_NAME_set0_value(one, GEN_URI, text);
        sk_GENERAL_NAME_push(names, one);
    }
    if (sk_GENERAL_NAME_num(names)) X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0);
    GENERAL_NAMES_free(names);
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer.certificate().get(), x, nullptr, nullptr, 0);
    for (auto [nid, value] : {std::pair{NID_subject_key_identifier, "hash"},
                              std::pair{NID_authority_key_identifier, "keyid:always"}}) {
        X509_EXTENSION* e = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
        X509_add_ext(x, e, -1);
        X509_EXTENSION_free(e);
    }
    X509_sign(x, issuer.key().get(), EVP_sha256());
    pki::Certificate out = pki::Certificate::share(x);
    X509_free(x);
    return out;
}

}  // namespace mds::test
