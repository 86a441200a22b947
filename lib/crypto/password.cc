#include "crypto/password.hh"

#include <crypt.h>
#include <openssl/crypto.h>

#include <cstdlib>

#include "base/error.hh"
#include "base/ids.hh"
#include "crypto/secret.hh"

namespace mds::crypto {
namespace {

/// crypt(3) with its large work area on the heap, wiped afterwards; "" when it fails.
std::string crypt_text(std::string_view password, const std::string& setting) {
    std::string phrase(password);
    WipeAtEnd wipe_phrase(phrase);
    if (phrase.size() > CRYPT_MAX_PASSPHRASE_SIZE || phrase.find('\0') != std::string::npos) {
        return {};
    }
    void* area = nullptr;
    int size = 0;
    const char* result = crypt_ra(phrase.c_str(), setting.c_str(), &area, &size);
    std::string out = result && result[0] != '*' ? result : "";
    if (area) {
        OPENSSL_cleanse(area, static_cast<size_t>(size));
        free(area);
    }
    return out;
}

}  // namespace

std::string hash_password(std::string_view password, unsigned cost) {
    if (password.empty() || password.size() > 512 ||
        password.find('\0') != std::string_view::npos) {
        throw Error(Code::invalid_parameter, "The password is empty, too long or not text");
    }
    std::string random = random_bytes(16);
    char setting[CRYPT_GENSALT_OUTPUT_SIZE];
    if (!crypt_gensalt_rn("$y$", cost, random.data(), static_cast<int>(random.size()), setting,
                          sizeof setting)) {
        throw Error(Code::internal, "This system's libcrypt has no yescrypt");
    }
    std::string hash = crypt_text(password, setting);
    if (hash.empty()) throw Error(Code::internal, "The password could not be hashed");
    return hash;
}

bool verify_password(std::string_view password, std::string_view hash) {
    if (!is_password_hash(hash)) return false;
    std::string made = crypt_text(password, std::string(hash));
    return !made.empty() && equal(made, hash);
}

bool is_password_hash(std::string_view hash) {
    for (std::string_view prefix : {"$y$", "$gy$", "$7$", "$2b$", "$6$"}) {
        if (hash.starts_with(prefix) && hash.size() > prefix.size() + 20) return true;
    }
    return false;
}

}  // namespace mds::crypto
