#include "crypto/hash.hh"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <vector>

#include "crypto/openssl.hh"

namespace mds::crypto {
namespace {

constexpr size_t k_size = 32;

/// Looked up once: a lookup by name costs more than the digest of a short text.
const EVP_MD* md() {
    static const EVP_MD* fetched = require_ptr(EVP_MD_fetch(nullptr, "SHA256", nullptr), "SHA-256");
    return fetched;
}

OSSL_PARAM bytes_param(const char* name, std::string_view value) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<char*>(value.data()), value.size());
}

std::string derive(const char* algorithm, std::vector<OSSL_PARAM> params, size_t length) {
    params.push_back(OSSL_PARAM_construct_end());
    Handle<EVP_KDF, EVP_KDF_free> kdf(
        require_ptr(EVP_KDF_fetch(nullptr, algorithm, nullptr), algorithm));
    Handle<EVP_KDF_CTX, EVP_KDF_CTX_free> context(
        require_ptr(EVP_KDF_CTX_new(kdf.get()), algorithm));
    std::string out(length, '\0');
    require(EVP_KDF_derive(context.get(), as_bytes(out), length, params.data()) == 1, algorithm);
    return out;
}

}  // namespace

std::string sha256(std::string_view data) {
    std::string out(k_size, '\0');
    require(EVP_Digest(data.data(), data.size(), as_bytes(out), nullptr, md(), nullptr) == 1,
            "SHA-256");
    return out;
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(require_ptr(EVP_MD_CTX_new(), "SHA-256")) {
    require(EVP_DigestInit_ex2(context_.get(), md(), nullptr) == 1, "SHA-256");
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(std::string_view piece) {
    require(EVP_DigestUpdate(context_.get(), piece.data(), piece.size()) == 1, "SHA-256");
    return *this;
}

std::string Sha256::finish() {
    std::string out(k_size, '\0');
    require(EVP_DigestFinal_ex(context_.get(), as_bytes(out), nullptr) == 1, "SHA-256");
    require(EVP_DigestInit_ex2(context_.get(), md(), nullptr) == 1, "SHA-256");
    return out;
}

std::string hmac_sha256(std::string_view key, std::string_view data) {
    std::string out(k_size, '\0');
    size_t size = 0;
    require(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(),
                      as_bytes(data), data.size(), as_bytes(out), out.size(), &size) != nullptr,
            "HMAC");
    return out;
}

std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info,
                        size_t length) {
    char digest[] = "SHA256";
    std::vector<OSSL_PARAM> params = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        bytes_param(OSSL_KDF_PARAM_KEY, key), bytes_param(OSSL_KDF_PARAM_INFO, info)};
    if (!salt.empty()) params.push_back(bytes_param(OSSL_KDF_PARAM_SALT, salt));
    return derive("HKDF", std::move(params), length);
}

std::string scrypt(std::string_view password, std::string_view salt, size_t length,
                   ScryptCost cost) {
    uint64_t memory = 128 * cost.r * (cost.n + cost.p + 2) + (1 << 20);
    return derive("SCRYPT",
                  {bytes_param(OSSL_KDF_PARAM_PASSWORD, password),
                   bytes_param(OSSL_KDF_PARAM_SALT, salt),
                   OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &cost.n),
                   OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_R, &cost.r),
                   OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_P, &cost.p),
                   OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory)},
                  length);
}

}  // namespace mds::crypto
