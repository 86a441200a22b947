#include "pki/crl.hh"

#include <openssl/pem.h>

#include "base/error.hh"
#include "pki/extensions.hh"
#include "pki/openssl_types.hh"

namespace mds::pki {
using namespace crypto;
namespace {

int reason_code(const std::string& reason) {
    if (reason == "key-compromise") return 1;
    if (reason == "affiliation-changed") return 3;
    if (reason == "superseded") return 4;
    if (reason == "cessation-of-operation") return 5;
    if (reason == "unspecified" || reason.empty()) return 0;
    throw Error(Code::invalid_parameter,
                "The reason of a revocation must be one of unspecified, key-compromise, "
                "affiliation-changed, superseded, cessation-of-operation; not \"" +
                    reason + "\"");
}

void add_revoked(X509_CRL* crl, const Revoked& row) {
    Handle<X509_REVOKED, X509_REVOKED_free> entry(require_ptr(X509_REVOKED_new(), "CRL"));
    IntegerHandle serial = serial_of(row.serial);
    TimeHandle at = time_of(row.at);
    require(X509_REVOKED_set_serialNumber(entry.get(), serial.get()) == 1 &&
                X509_REVOKED_set_revocationDate(entry.get(), at.get()) == 1,
            "CRL");
    // RFC 5280, 5.3.1: the reason "unspecified" is left out.
    if (int code = reason_code(row.reason)) {
        Handle<ASN1_ENUMERATED, ASN1_ENUMERATED_free> value(
            require_ptr(ASN1_ENUMERATED_new(), "CRL"));
        require(ASN1_ENUMERATED_set(value.get(), code) == 1 &&
                    X509_REVOKED_add1_ext_i2d(entry.get(), NID_crl_reason, value.get(), 0, 0) == 1,
                "CRL");
    }
    require(X509_CRL_add0_revoked(crl, entry.get()) == 1, "CRL");
    entry.release();
}

}  // namespace

Crl::Crl(X509_crl_st* owned) : crl_(owned, X509_CRL_free) {}

Crl Crl::make(const Issuer& issuer, uint64_t number, const std::vector<Revoked>& revoked,
              int64_t now, const std::string& name) {
    CrlHandle crl(require_ptr(X509_CRL_new(), "CRL"));
    X509* authority = issuer.certificate().get();
    TimeHandle begin = time_of(now), end = time_of(now + k_crl_valid_ms);
    require(X509_CRL_set_version(crl.get(), X509_CRL_VERSION_2) == 1 &&
                X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(authority)) == 1 &&
                X509_CRL_set1_lastUpdate(crl.get(), begin.get()) == 1 &&
                X509_CRL_set1_nextUpdate(crl.get(), end.get()) == 1,
            "CRL");
    for (const Revoked& row : revoked) add_revoked(crl.get(), row);
    IntegerHandle count(require_ptr(ASN1_INTEGER_new(), "CRL"));
    require(ASN1_INTEGER_set_uint64(count.get(), number) == 1 &&
                X509_CRL_add1_ext_i2d(crl.get(), NID_crl_number, count.get(), 0, 0) == 1,
            "CRL");
    if (!name.empty()) add_issuing_point(crl.get(), name, issuer.certificate().uri());
    X509V3_CTX context;
    X509V3_set_ctx(&context, authority, nullptr, nullptr, crl.get(), 0);
    Handle<X509_EXTENSION, X509_EXTENSION_free> key_id(require_ptr(
        X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"),
        "CRL"));
    require(X509_CRL_add_ext(crl.get(), key_id.get(), -1) == 1 && X509_CRL_sort(crl.get()) == 1 &&
                X509_CRL_sign(crl.get(), issuer.key().get(), digest_for(issuer.key().get())) > 0,
            "CRL");
    // Read back: the fields for look-ups are filled by the decoder only.
    return from_der(der_of(crl.get(), i2d_X509_CRL, "CRL"));
}

Crl Crl::from_der(std::string_view der) {
    const unsigned char* at = as_bytes(der);
    X509_CRL* read = d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size()));
    if (!read) throw Error(Code::invalid_parameter, "Not a revocation list: " + openssl_reason());
    Crl crl(read);
    if (at != as_bytes(der) + der.size()) {
        throw Error(Code::invalid_parameter, "Not a revocation list: something follows it");
    }
    return crl;
}

Crl Crl::from_pem(std::string_view pem) {
    Bio bio = bio_of(pem);
    X509_CRL* read = PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr);
    if (!read) throw Error(Code::invalid_parameter, "Not a revocation list: " + openssl_reason());
    return Crl(read);
}

std::vector<Crl> Crl::list_from_pem(std::string_view pem) {
    std::vector<Crl> list;
    Bio bio = bio_of(pem);
    while (X509_CRL* read = PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)) {
        list.push_back(Crl(read));
    }
    openssl_reason();
    return list;
}

std::string Crl::pem() const {
    Bio bio = new_bio();
    require(PEM_write_bio_X509_CRL(bio.get(), get()) == 1, "CRL to PEM");
    return text_of(bio.get());
}

std::string Crl::der() const { return der_of(get(), i2d_X509_CRL, "CRL"); }

std::string Crl::issuer() const { return name_text(X509_CRL_get_issuer(get())); }

uint64_t Crl::number() const {
    IntegerHandle count(static_cast<ASN1_INTEGER*>(
        X509_CRL_get_ext_d2i(get(), NID_crl_number, nullptr, nullptr)));
    uint64_t value = 0;
    if (count) ASN1_INTEGER_get_uint64(&value, count.get());
    return value;
}

int64_t Crl::this_update() const { return ms_of(X509_CRL_get0_lastUpdate(get())); }

int64_t Crl::next_update() const {
    const ASN1_TIME* end = X509_CRL_get0_nextUpdate(get());
    return end ? ms_of(end) : this_update();
}

size_t Crl::entries() const {
    int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(get()));
    return count > 0 ? static_cast<size_t>(count) : 0;  // -1 when there is no list in it
}

bool Crl::is_from(const Certificate& authority) const {
    bool same = X509_NAME_cmp(X509_CRL_get_issuer(get()), X509_get_subject_name(authority.get())) ==
                    0 &&
                X509_CRL_verify(get(), X509_get0_pubkey(authority.get())) == 1;
    openssl_reason();
    return same;
}

bool Crl::revokes(const Certificate& certificate) const {
    X509_REVOKED* entry = nullptr;
    return X509_CRL_get0_by_cert(get(), &entry, certificate.get()) == 1;
}

}  // namespace mds::pki
