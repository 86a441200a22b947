#pragma once
#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/openssl.hh"

// Inside lib/pki only: owners of OpenSSL's X.509 objects and conversions to text.
namespace mds::pki {

using Bio = crypto::Handle<BIO, BIO_free_all>;
using CertificateHandle = crypto::Handle<X509, X509_free>;
using RequestHandle = crypto::Handle<X509_REQ, X509_REQ_free>;
using CrlHandle = crypto::Handle<X509_CRL, X509_CRL_free>;
using NameHandle = crypto::Handle<X509_NAME, X509_NAME_free>;
using CmsHandle = crypto::Handle<CMS_ContentInfo, CMS_ContentInfo_free>;
using TimeHandle = crypto::Handle<ASN1_TIME, ASN1_TIME_free>;
using IntegerHandle = crypto::Handle<ASN1_INTEGER, ASN1_INTEGER_free>;
using NumberHandle = crypto::Handle<BIGNUM, BN_free>;
using NamesHandle = crypto::Handle<GENERAL_NAMES, GENERAL_NAMES_free>;

inline Bio bio_of(std::string_view text) {
    return Bio(crypto::require_ptr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())),
                                   "memory"));
}

inline Bio new_bio() { return Bio(crypto::require_ptr(BIO_new(BIO_s_mem()), "memory")); }

inline std::string text_of(BIO* bio) {
    char* data = nullptr;
    long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<size_t>(size)};
}

/// DER of an object by its i2d function.
template <class T, class Function>
std::string der_of(const T* object, Function to_der, const char* what) {
    int size = to_der(const_cast<std::remove_const_t<T>*>(object), nullptr);
    crypto::require(size > 0, what);
    std::string out(static_cast<size_t>(size), '\0');
    unsigned char* at = crypto::as_bytes(out);
    crypto::require(to_der(const_cast<std::remove_const_t<T>*>(object), &at) == size, what);
    return out;
}

/// Milliseconds since 1970 of an ASN.1 time.
int64_t ms_of(const ASN1_TIME* time);
TimeHandle time_of(int64_t wall_milliseconds);
/// "O=…,OU=…,CN=…" (RFC 2253 escapes, in the order of the certificate).
std::string name_text(const X509_NAME* name);
/// Hexadecimal, lower case, even length, of a serial number.
std::string serial_text(const ASN1_INTEGER* serial);
/// Throws mds::Error(invalid_parameter) for anything but 1 to 20 hexadecimal bytes.
IntegerHandle serial_of(std::string_view hexadecimal);
std::string public_der_of(const EVP_PKEY* key);
/// What is signed with this key is hashed with: SHA-256, SHA-384 for P-384.
const EVP_MD* digest_for(const EVP_PKEY* key);
/// The one URI among the names; throws mds::Error(forbidden) for none, several, NUL bytes (K-9).
std::string single_uri(const GENERAL_NAMES* names);

}  // namespace mds::pki
