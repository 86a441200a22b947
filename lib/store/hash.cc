#include "store/hash.hh"

#include <openssl/evp.h>

#include <cstring>

#include "base/error.hh"
#include "base/ids.hh"

namespace mds::store {

std::string_view raw(const Hash& hash) {
    return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

Hash hash_from(std::string_view bytes) {
    Hash hash;
    if (bytes.size() != hash.size()) throw Error(Code::internal, "a hash has the wrong length");
    std::memcpy(hash.data(), bytes.data(), hash.size());
    return hash;
}

std::string text(const Hash& hash) { return hex(raw(hash)); }

struct Hasher::Impl {
    EVP_MD* algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    EVP_MD_CTX* context = EVP_MD_CTX_new();
};

Hasher::Hasher() : impl_(std::make_unique<Impl>()) {}

Hasher::~Hasher() {
    EVP_MD_CTX_free(impl_->context);
    EVP_MD_free(impl_->algorithm);
}

Hasher& Hasher::begin() {
    EVP_DigestInit_ex2(impl_->context, impl_->algorithm, nullptr);
    return *this;
}

Hasher& Hasher::part(std::string_view bytes) {
    number(bytes.size());
    EVP_DigestUpdate(impl_->context, bytes.data(), bytes.size());
    return *this;
}

Hasher& Hasher::number(uint64_t value) {
    uint8_t bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
    EVP_DigestUpdate(impl_->context, bytes, sizeof bytes);
    return *this;
}

Hash Hasher::end() {
    Hash hash;
    unsigned size = 0;
    EVP_DigestFinal_ex(impl_->context, hash.data(), &size);
    return hash;
}

Hash sha256(std::string_view bytes) {
    Hash hash;
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(), nullptr);
    return hash;
}

namespace {

uint64_t lane(const Hash& hash, size_t index) {
    uint64_t value = 0;
    for (size_t i = 0; i < 8; ++i) value |= static_cast<uint64_t>(hash[index * 8 + i]) << (8 * i);
    return value;
}

}  // namespace

void Digest::add(const Hash& row) {
    for (size_t i = 0; i < 4; ++i) lanes[i] += lane(row, i);
}

void Digest::subtract(const Hash& row) {
    for (size_t i = 0; i < 4; ++i) lanes[i] -= lane(row, i);
}

Hash Digest::value() const {
    Hash hash;
    for (size_t i = 0; i < 32; ++i) hash[i] = static_cast<uint8_t>(lanes[i / 8] >> (8 * (i % 8)));
    return hash;
}

Digest Digest::from(const Hash& value) {
    Digest digest;
    for (size_t i = 0; i < 4; ++i) digest.lanes[i] = lane(value, i);
    return digest;
}

}  // namespace mds::store
