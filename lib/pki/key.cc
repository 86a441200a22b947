#include "pki/key.hh"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/error.hh"
#include "crypto/openssl.hh"
#include "pki/openssl_types.hh"

namespace mds::pki {
using namespace crypto;

Key::Key(evp_pkey_st* owned) : key_(owned, EVP_PKEY_free) {}

Key Key::generate(Curve curve) {
    return Key(require_ptr(EVP_EC_gen(curve == Curve::p256 ? "P-256" : "P-384"), "key generation"));
}

Key Key::from_pem(std::string_view pem) {
    Bio bio = bio_of(pem);
    // A password callback that gives none: a library must not ask on the terminal.
    auto none = [](char*, int, int, void*) { return -1; };
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, none, nullptr);
    if (!key) {
        throw Error(Code::invalid_parameter, "Not a private key in PEM: " + openssl_reason());
    }
    Key out(key);
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) {
        throw Error(Code::invalid_parameter, "The private key is not of an elliptic curve");
    }
    return out;
}

std::string Key::pem() const {
    Bio bio(require_ptr(BIO_new(BIO_s_secmem()), "memory"));
    require(PEM_write_bio_PKCS8PrivateKey(bio.get(), get(), nullptr, nullptr, 0, nullptr,
                                          nullptr) == 1,
            "private key to PEM");
    return text_of(bio.get());
}

std::string Key::public_der() const { return public_der_of(get()); }

Curve Key::curve() const { return EVP_PKEY_get_bits(get()) > 256 ? Curve::p384 : Curve::p256; }

std::string public_der_of(const EVP_PKEY* key) {
    return der_of(key, i2d_PUBKEY, "public key");
}

}  // namespace mds::pki
