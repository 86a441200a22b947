#include "pki/signature.hh"

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "crypto/openssl.hh"

namespace mds::pki {
namespace {
using Context = crypto::Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
}

std::string sign(const Key& key, std::string_view data) {
    Context context(crypto::require_ptr(EVP_MD_CTX_new(), "signing"));
    crypto::require(EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1,
                    "signing");
    size_t size = 0;
    crypto::require(
        EVP_DigestSign(context.get(), nullptr, &size, crypto::as_bytes(data), data.size()) == 1, "signing");
    std::string out(size, '\0');
    crypto::require(
        EVP_DigestSign(context.get(), crypto::as_bytes(out), &size, crypto::as_bytes(data), data.size()) == 1,
        "signing");
    out.resize(size);
    return out;
}

bool signed_by(const Certificate& certificate, std::string_view data, std::string_view signature) {
    Context context(crypto::require_ptr(EVP_MD_CTX_new(), "verifying"));
    crypto::require(EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr,
                                         X509_get0_pubkey(certificate.get())) == 1,
                    "verifying");
    bool good = EVP_DigestVerify(context.get(), crypto::as_bytes(signature), signature.size(),
                                 crypto::as_bytes(data), data.size()) == 1;
    if (!good) crypto::openssl_reason();  // empties the queue
    return good;
}

}  // namespace mds::pki
