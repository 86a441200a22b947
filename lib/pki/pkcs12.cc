#include "pki/pkcs12.hh"

#include <openssl/pkcs12.h>

#include "pki/openssl_types.hh"

namespace mds::pki {
using namespace crypto;
namespace {

/// What makes a guess at the password slow; clients feel a tenth of a second.
constexpr int k_rounds = 100'000;

/// The certificates in it are not its own.
void free_list(STACK_OF(X509)* list) { sk_X509_free(list); }

}  // namespace

std::string pkcs12(const Key& key, const Certificate& certificate, const std::vector<Certificate>& chain,
                   const std::string& password, const std::string& name) {
    Handle<STACK_OF(X509), free_list> above(require_ptr(sk_X509_new_null(), "certificates"));
    for (const Certificate& one : chain) {
        require(sk_X509_push(above.get(), one.get()) > 0, "certificates");
    }
    // mac_iter -1: the check sum is made below, with SHA-256.
    Handle<PKCS12, PKCS12_free> file(require_ptr(
        PKCS12_create(password.c_str(), name.c_str(), key.get(), certificate.get(), above.get(),
                      NID_aes_256_cbc, NID_aes_256_cbc, k_rounds, -1, 0),
        "PKCS#12"));
    require(PKCS12_set_mac(file.get(), password.c_str(), static_cast<int>(password.size()), nullptr, 0,
                           k_rounds, EVP_sha256()) == 1,
            "PKCS#12");
    return der_of(file.get(), i2d_PKCS12, "PKCS#12");
}

}  // namespace mds::pki
