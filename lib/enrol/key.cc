#include "enrol/key.hh"

#include <algorithm>
#include <set>

#include "base/error.hh"
#include "base/text.hh"
#include "base/typed_code.hh"
#include "crypto/hash.hh"
#include "crypto/secret.hh"
#include "crypto/spake2.hh"

namespace mds::enrol {
namespace {

constexpr size_t k_generated = 16;

constexpr std::string_view k_common[] = {
#include "enrol/common_keys.inc"
};

}  // namespace

std::string normal_key(std::string_view key) {
    return normal_typed_code(key, k_generated).value_or(std::string(key));
}

namespace {

Error bad_key(const std::string& why) {
    return Error(Code::invalid_parameter, why).refusal("RF-32", "mdsctl trust set-key --generate");
}

}  // namespace

void check_key(std::string_view key) {
    if (key.size() < 8 || key.size() > 128) throw bad_key("An activation key has 8 to 128 characters");
    if (std::any_of(key.begin(), key.end(), [](char c) { return c < 0x20 || c > 0x7e; })) {
        throw bad_key("An activation key has only characters of a plain US keyboard");
    }
    std::string folded = fold(key);
    bool common = std::find(std::begin(k_common), std::end(k_common), folded) != std::end(k_common);
    if (common || std::set<char>(folded.begin(), folded.end()).size() < 4) {
        crypto::wipe(folded);
        throw bad_key("This activation key is one of those that are tried first; choose another or let "
                      "one be generated");
    }
    crypto::wipe(folded);
}

std::string generate_key() { return generate_typed_code(k_generated); }

std::string key_scalar(std::string_view key, std::string_view salt) {
    std::string normal = normal_key(key);
    crypto::WipeAtEnd wipe_normal(normal);
    std::string wide = crypto::scrypt(normal, salt, 40);
    crypto::WipeAtEnd wipe_wide(wide);
    return crypto::Spake2::scalar(wide);
}

}  // namespace mds::enrol
