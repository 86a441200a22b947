#include "pki/extensions.hh"

#include <openssl/asn1.h>

#include "base/error.hh"

namespace mds::pki {
using namespace crypto;
namespace {

using GeneralName = Handle<GENERAL_NAME, GENERAL_NAME_free>;

void add_text(X509* certificate, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    Handle<X509_EXTENSION, X509_EXTENSION_free> extension(
        require_ptr(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), "extension"));
    require(X509_add_ext(certificate, extension.get(), -1) == 1, "extension");
}

void add_object(X509* certificate, int nid, void* object, bool critical) {
    require(X509_add1_ext_i2d(certificate, nid, object, critical, X509V3_ADD_APPEND) == 1,
            "extension");
}

GeneralName text_name(int type, const std::string& text) {
    Handle<ASN1_IA5STRING, ASN1_IA5STRING_free> value(
        require_ptr(ASN1_IA5STRING_new(), "name in a certificate"));
    require(ASN1_STRING_set(value.get(), text.data(), static_cast<int>(text.size())) == 1, "name");
    GeneralName name(require_ptr(GENERAL_NAME_new(), "name in a certificate"));
    GENERAL_NAME_set0_value(name.get(), type, value.release());
    return name;
}

GeneralName address_name(const std::string& address) {
    ASN1_OCTET_STRING* raw = a2i_IPADDRESS(address.c_str());
    if (!raw) throw Error(Code::invalid_parameter, "Not an address: " + address);
    GeneralName name(require_ptr(GENERAL_NAME_new(), "name in a certificate"));
    GENERAL_NAME_set0_value(name.get(), GEN_IPADD, raw);
    return name;
}

void push(GENERAL_NAMES* names, GeneralName name) {
    require(sk_GENERAL_NAME_push(names, name.get()) > 0, "name in a certificate");
    name.release();
}

NamesHandle new_names() {
    return NamesHandle(require_ptr(GENERAL_NAMES_new(), "name in a certificate"));
}

/// Owned by the caller.
DIST_POINT_NAME* point_names(const CrlPoint& point, const Uri& issuer) {
    NamesHandle names = new_names();
    for (const std::string& url : point.urls) {
        if (url.find_first_of(", \n") != std::string::npos || !url.starts_with("http://")) {
            throw Error(Code::invalid_parameter, "Not the address of a revocation list: " + url);
        }
        push(names.get(), text_name(GEN_URI, url));
    }
    if (!point.name.empty()) {
        GeneralName folder(require_ptr(GENERAL_NAME_new(), "distribution point"));
        std::string scope = issuer.scope == "deployment" ? "" : issuer.scope;
        GENERAL_NAME_set0_value(folder.get(), GEN_DIRNAME,
                                make_name(issuer.deployment, scope, point.name).release());
        push(names.get(), std::move(folder));
    }
    DIST_POINT_NAME* out = require_ptr(DIST_POINT_NAME_new(), "distribution point");
    out->type = 0;
    out->name.fullname = names.release();
    return out;
}

}  // namespace

void add_usages(X509* certificate, Kind kind) {
    switch (kind) {
        case Kind::root:
            add_text(certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:1");
            add_text(certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
            return;
        case Kind::servers_ca:
        case Kind::domain_ca:
            add_text(certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
            add_text(certificate, NID_key_usage, "critical,keyCertSign,cRLSign");
            return;
        case Kind::sealing:
            add_text(certificate, NID_basic_constraints, "critical,CA:FALSE");
            add_text(certificate, NID_key_usage, "critical,keyAgreement");
            add_text(certificate, NID_ext_key_usage, "emailProtection");
            return;
        case Kind::console:
            add_text(certificate, NID_basic_constraints, "critical,CA:FALSE");
            add_text(certificate, NID_key_usage, "critical,digitalSignature");
            add_text(certificate, NID_ext_key_usage, "serverAuth");
            return;
        case Kind::server:
        case Kind::domain_server:
        case Kind::gateway:
            add_text(certificate, NID_basic_constraints, "critical,CA:FALSE");
            add_text(certificate, NID_key_usage, "critical,digitalSignature");
            add_text(certificate, NID_ext_key_usage, "serverAuth,clientAuth");
            return;
        case Kind::administrator:
            // Never a server, whoever looks at usages alone.
            add_text(certificate, NID_basic_constraints, "critical,CA:FALSE");
            add_text(certificate, NID_key_usage, "critical,digitalSignature");
            add_text(certificate, NID_ext_key_usage, "clientAuth");
            return;
    }
}

void add_key_ids(X509* certificate, const X509* issuer) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, const_cast<X509*>(issuer), certificate, nullptr, nullptr, 0);
    for (auto [nid, value] : {std::pair{NID_subject_key_identifier, "hash"},
                              std::pair{NID_authority_key_identifier, "keyid:always"}}) {
        Handle<X509_EXTENSION, X509_EXTENSION_free> extension(
            require_ptr(X509V3_EXT_conf_nid(nullptr, &context, nid, value), "key identifier"));
        require(X509_add_ext(certificate, extension.get(), -1) == 1, "key identifier");
    }
}

void add_names(X509* certificate, const Uri& uri, const Subject& subject) {
    NamesHandle names = new_names();
    push(names.get(), text_name(GEN_URI, uri.text()));
    for (const std::string& name : subject.dns_names) {
        push(names.get(), text_name(GEN_DNS, name));
    }
    for (const std::string& address : subject.addresses) push(names.get(), address_name(address));
    single_uri(names.get());
    add_object(certificate, NID_subject_alt_name, names.get(), false);
}

void add_constraints(X509* certificate, const std::string& deployment, const std::string& scope) {
    Handle<NAME_CONSTRAINTS, NAME_CONSTRAINTS_free> constraints(
        require_ptr(NAME_CONSTRAINTS_new(), "name constraints"));
    constraints->permittedSubtrees = require_ptr(sk_GENERAL_SUBTREE_new_null(), "name constraints");
    auto permit = [&](GeneralName name) {
        GENERAL_SUBTREE* tree = require_ptr(GENERAL_SUBTREE_new(), "name constraints");
        GENERAL_NAME_free(tree->base);
        tree->base = name.release();
        require(sk_GENERAL_SUBTREE_push(constraints->permittedSubtrees, tree) > 0, "constraints");
    };
    GeneralName folder(require_ptr(GENERAL_NAME_new(), "name constraints"));
    GENERAL_NAME_set0_value(folder.get(), GEN_DIRNAME, make_name(deployment, scope, "").release());
    permit(std::move(folder));
    permit(text_name(GEN_URI, "." + scope + "." + deployment + ".mds.internal"));
    add_object(certificate, NID_name_constraints, constraints.get(), true);
}

void add_crl_point(X509* certificate, const CrlPoint& point, const Uri& issuer) {
    if (point.urls.empty() && point.name.empty()) return;
    Handle<CRL_DIST_POINTS, CRL_DIST_POINTS_free> points(
        require_ptr(CRL_DIST_POINTS_new(), "distribution point"));
    DIST_POINT* one = require_ptr(DIST_POINT_new(), "distribution point");
    require(sk_DIST_POINT_push(points.get(), one) > 0, "distribution point");
    one->distpoint = point_names(point, issuer);
    add_object(certificate, NID_crl_distribution_points, points.get(), false);
}

void add_issuing_point(X509_CRL* crl, const std::string& name, const Uri& issuer) {
    Handle<ISSUING_DIST_POINT, ISSUING_DIST_POINT_free> point(
        require_ptr(ISSUING_DIST_POINT_new(), "distribution point"));
    point->distpoint = point_names({{}, name}, issuer);
    require(X509_CRL_add1_ext_i2d(crl, NID_issuing_distribution_point, point.get(), 1, 0) == 1,
            "distribution point");
}

NameHandle make_name(const std::string& deployment, const std::string& scope,
                     const std::string& common_name) {
    NameHandle name(require_ptr(X509_NAME_new(), "name in a certificate"));
    for (auto [field, text] : {std::pair{"O", &deployment}, std::pair{"OU", &scope},
                               std::pair{"CN", &common_name}}) {
        if (text->empty()) continue;
        // Common names hold 64 characters; the full name is in the records, not here.
        std::string part = text->substr(0, 64);
        while (!part.empty() && (static_cast<unsigned char>(part.back()) & 0xc0) == 0x80 &&
               part.size() < text->size()) {
            part.pop_back();
        }
        require(X509_NAME_add_entry_by_txt(name.get(), field, MBSTRING_UTF8, as_bytes(part),
                                           static_cast<int>(part.size()), -1, 0) == 1,
                "name in a certificate");
    }
    return name;
}

}  // namespace mds::pki
