#include "pki/recovery_key.hh"

#include <algorithm>
#include <cstdint>

#include "base/base64.hh"
#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "crypto/hash.hh"
#include "crypto/secret.hh"
#include "pki/issue.hh"

namespace mds::pki {
namespace {

constexpr const char* k_list[] = {
#include "pki/recovery_words.inc"
};
static_assert(std::size(k_list) == 256);

/// As many letters say which word is meant.
constexpr size_t k_telling = 4;
constexpr int k_days = 36500;

/// Order of the curve P-256: a private key is below it.
constexpr std::string_view k_order(
    "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
    "\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51",
    32);
/// ECPrivateKey of RFC 5915 around 32 bytes; the public key is computed when it is read.
constexpr std::string_view k_before("\x30\x31\x02\x01\x01\x04\x20", 7);
constexpr std::string_view k_after("\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 12);

unsigned char check_of(const std::string& secret) {
    return static_cast<unsigned char>(crypto::sha256("openmds recovery check" + secret)[0]);
}

Error wrong(const std::string& why) {
    return {Code::invalid_parameter, why};
}

}  // namespace

RecoveryKey::RecoveryKey(std::string secret) : secret_(std::move(secret)) {
    for (unsigned char c : secret_) words_.emplace_back(k_list[c]);
    words_.emplace_back(k_list[check_of(secret_)]);
}

RecoveryKey RecoveryKey::make() {
    return RecoveryKey(random_bytes(k_words - 1));
}

RecoveryKey RecoveryKey::from_words(std::string_view text) {
    std::vector<std::string> typed;
    bool inside = false;
    for (char c : fold(text)) {
        bool letter = c >= 'a' && c <= 'z';
        if (letter && !inside) typed.emplace_back();
        if (letter) typed.back() += c;
        inside = letter;
    }
    std::string secret;
    for (size_t i = 0; i < typed.size(); ++i) {
        const std::string& word = typed[i];
        const auto* at = std::find_if(std::begin(k_list), std::end(k_list), [&](const char* one) {
            return word == one || (word.size() == k_telling && std::string_view(one).starts_with(word));
        });
        if (at == std::end(k_list)) {
            throw wrong("word " + std::to_string(i + 1) + ", \"" + word + "\", is no word of a recovery key");
        }
        secret += static_cast<char>(at - std::begin(k_list));
    }
    if (secret.size() != k_words) {
        throw wrong("a recovery key has " + std::to_string(k_words) + " words, not " +
                    std::to_string(secret.size()));
    }
    auto check = static_cast<unsigned char>(secret.back());
    secret.pop_back();
    if (check != check_of(secret)) {
        throw wrong("the words do not fit together: one of them is another, or two have changed places");
    }
    return RecoveryKey(std::move(secret));
}

Key RecoveryKey::key() const {
    std::string scalar;
    crypto::WipeAtEnd wipe_scalar(scalar);
    for (int i = 0; scalar.empty() || scalar >= k_order || scalar.find_first_not_of('\0') == scalar.npos; ++i) {
        scalar = crypto::hkdf_sha256(secret_, "", "openmds recovery key " + std::to_string(i), 32);
    }
    std::string der = std::string(k_before) + scalar + std::string(k_after), body = base64(der), pem;
    crypto::WipeAtEnd wipe_der(der), wipe_body(body), wipe_pem(pem);
    pem = "-----BEGIN EC PRIVATE KEY-----\n";
    for (size_t i = 0; i < body.size(); i += 64) pem += body.substr(i, 64) + "\n";
    pem += "-----END EC PRIVATE KEY-----\n";
    return Key::from_pem(pem);
}

Certificate RecoveryKey::certificate() const {
    return self_signed(key(), Kind::sealing, "offline recovery key", wall_ms(), k_days);
}

}  // namespace mds::pki
