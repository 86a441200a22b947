#include "pki/certificate.hh"

#include <openssl/pem.h>

#include <ctime>

#include "base/error.hh"
#include "base/ids.hh"
#include "crypto/hash.hh"
#include "pki/openssl_types.hh"

namespace mds::pki {
using namespace crypto;

Certificate::Certificate(x509_st* owned) : certificate_(owned, X509_free) {}

Certificate Certificate::from_pem(std::string_view pem) {
    Bio bio = bio_of(pem);
    X509* read = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr);
    if (!read) throw Error(Code::invalid_parameter, "Not a certificate: " + openssl_reason());
    return Certificate(read);
}

Certificate Certificate::from_der(std::string_view der) {
    const unsigned char* at = as_bytes(der);
    CertificateHandle read(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    if (!read || at != as_bytes(der) + der.size()) {
        throw Error(Code::invalid_parameter, "Not a certificate: " + openssl_reason());
    }
    return Certificate(read.release());
}

std::vector<Certificate> Certificate::list_from_pem(std::string_view pem) {
    std::vector<Certificate> list;
    Bio bio = bio_of(pem);
    while (X509* read = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
        list.push_back(Certificate(read));
    }
    openssl_reason();
    return list;
}

Certificate Certificate::share(x509_st* certificate) {
    X509_up_ref(certificate);
    return Certificate(certificate);
}

std::string Certificate::pem() const {
    Bio bio = new_bio();
    require(PEM_write_bio_X509(bio.get(), get()) == 1, "certificate to PEM");
    return text_of(bio.get());
}

std::string Certificate::der() const { return der_of(get(), i2d_X509, "certificate"); }
std::string Certificate::subject() const { return name_text(X509_get_subject_name(get())); }
std::string Certificate::issuer() const { return name_text(X509_get_issuer_name(get())); }
std::string Certificate::serial() const { return serial_text(X509_get0_serialNumber(get())); }
int64_t Certificate::not_before() const { return ms_of(X509_get0_notBefore(get())); }
int64_t Certificate::not_after() const { return ms_of(X509_get0_notAfter(get())); }
std::string Certificate::fingerprint() const { return sha256(der()); }
std::string Certificate::public_der() const { return public_der_of(X509_get0_pubkey(get())); }
bool Certificate::is_authority() const { return X509_check_ca(get()) == 1; }

bool Certificate::is_from(const Certificate& authority) const {
    bool same = X509_NAME_cmp(X509_get_issuer_name(get()), X509_get_subject_name(authority.get())) == 0 &&
                X509_verify(get(), X509_get0_pubkey(authority.get())) == 1;
    openssl_reason();
    return same;
}

Uri Certificate::uri() const {
    NamesHandle names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(get(), NID_subject_alt_name, nullptr, nullptr)));
    openssl_reason();
    return Uri::parse(single_uri(names.get()));
}

std::string single_uri(const GENERAL_NAMES* names) {
    std::string found;
    int count = 0;
    for (int i = 0; i < (names ? sk_GENERAL_NAME_num(names) : 0); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names, i);
        int type = 0;
        void* value = GENERAL_NAME_get0_value(name, &type);
        if (type != GEN_URI && type != GEN_DNS && type != GEN_IPADD) {
            throw Error(Code::forbidden, "The certificate has a name of an unknown kind");
        }
        auto* text = static_cast<const ASN1_STRING*>(value);
        std::string_view view(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                              static_cast<size_t>(ASN1_STRING_length(text)));
        if (type != GEN_IPADD && view.find_first_of(std::string_view("\0*", 2)) != view.npos) {
            throw Error(Code::forbidden, "A name in the certificate has a NUL byte or a wildcard");
        }
        if (type == GEN_URI) {
            found = view;
            ++count;
        }
    }
    if (count != 1) {
        throw Error(Code::forbidden, "The certificate must have exactly one URI name, it has " +
                                         std::to_string(count));
    }
    return found;
}

int64_t ms_of(const ASN1_TIME* time) {
    std::tm parts{};
    require(ASN1_TIME_to_tm(time, &parts) == 1, "time in a certificate");
    return static_cast<int64_t>(timegm(&parts)) * 1000;
}

TimeHandle time_of(int64_t wall_milliseconds) {
    return TimeHandle(require_ptr(
        ASN1_TIME_set(nullptr, static_cast<time_t>(wall_milliseconds / 1000)), "time"));
}

std::string name_text(const X509_NAME* name) {
    Bio bio = new_bio();
    X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~XN_FLAG_DN_REV);
    return text_of(bio.get());
}

std::string serial_text(const ASN1_INTEGER* serial) {
    NumberHandle number(require_ptr(ASN1_INTEGER_to_BN(serial, nullptr), "serial number"));
    std::string raw(static_cast<size_t>(BN_num_bytes(number.get())), '\0');
    BN_bn2bin(number.get(), as_bytes(raw));
    return hex(raw);
}

IntegerHandle serial_of(std::string_view hexadecimal) {
    auto raw = unhex(hexadecimal);
    if (!raw || raw->empty() || raw->size() > 20) {
        throw Error(Code::invalid_parameter,
                    "Not a serial number: " + std::string(hexadecimal.substr(0, 64)));
    }
    NumberHandle number(
        require_ptr(BN_bin2bn(as_bytes(*raw), static_cast<int>(raw->size()), nullptr), "serial"));
    return IntegerHandle(require_ptr(BN_to_ASN1_INTEGER(number.get(), nullptr), "serial"));
}

const EVP_MD* digest_for(const EVP_PKEY* key) {
    return EVP_PKEY_get_bits(key) > 256 ? EVP_sha384() : EVP_sha256();
}

}  // namespace mds::pki
