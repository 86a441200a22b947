#include "pki/signature.hh"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/error.hh"
#include "crypto/openssl.hh"

namespace mds::pki {
namespace {
using Context = crypto::Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using Public = crypto::Handle<EVP_PKEY, EVP_PKEY_free>;
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

CheckpointKey::CheckpointKey(evp_pkey_st* owned) : key_(owned, EVP_PKEY_free) {}

CheckpointKey CheckpointKey::generate() {
    return CheckpointKey(crypto::require_ptr(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), "Ed25519 key"));
}

CheckpointKey CheckpointKey::from_pem(std::string_view pem) {
    crypto::Handle<BIO, BIO_free_all> bio(
        crypto::require_ptr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), "reading a key"));
    auto none = [](char*, int, int, void*) { return -1; };
    evp_pkey_st* key = PEM_read_bio_PrivateKey(bio.get(), nullptr, none, nullptr);
    if (!key || EVP_PKEY_is_a(key, "ED25519") != 1) {
        EVP_PKEY_free(key);
        crypto::openssl_reason();
        throw Error(Code::invalid_parameter, "not an Ed25519 key");
    }
    return CheckpointKey(key);
}

std::string CheckpointKey::pem() const {
    crypto::Handle<BIO, BIO_free_all> bio(crypto::require_ptr(BIO_new(BIO_s_secmem()), "writing a key"));
    crypto::require(PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
                    "writing a key");
    char* data = nullptr;
    long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<size_t>(size)};
}

std::string CheckpointKey::public_bytes() const {
    std::string out(32, '\0');
    size_t size = out.size();
    crypto::require(EVP_PKEY_get_raw_public_key(key_.get(), crypto::as_bytes(out), &size) == 1 && size == out.size(),
                    "Ed25519 key");
    return out;
}

std::string CheckpointKey::sign(std::string_view data) const {
    Context context(crypto::require_ptr(EVP_MD_CTX_new(), "signing"));
    std::string out(64, '\0');
    size_t size = out.size();
    crypto::require(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1 &&
                        EVP_DigestSign(context.get(), crypto::as_bytes(out), &size, crypto::as_bytes(data),
                                       data.size()) == 1,
                    "signing");
    return out;
}

bool checkpoint_signed_by(std::string_view public_bytes, std::string_view data, std::string_view signature) {
    Public key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, crypto::as_bytes(public_bytes),
                                           public_bytes.size()));
    Context context(crypto::require_ptr(EVP_MD_CTX_new(), "verifying"));
    bool good = key && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                EVP_DigestVerify(context.get(), crypto::as_bytes(signature), signature.size(),
                                 crypto::as_bytes(data), data.size()) == 1;
    if (!good) crypto::openssl_reason();  // empties the queue
    return good;
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
