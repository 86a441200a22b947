#include "crypto/totp.hh"

#include <liboath/oath.h>

#include <cstdlib>
#include <memory>

#include "base/error.hh"
#include "base/ids.hh"
#include "crypto/secret.hh"

namespace mds::crypto {
namespace {

constexpr size_t k_secret_bytes = 20;
constexpr unsigned k_digits = 6;
constexpr int64_t k_step_s = 30;

void require(int result) {
    if (result != OATH_OK) throw Error(Code::internal, std::string("one-time codes: ") + oath_strerror(result));
}

struct Free {
    void operator()(char* text) const { std::free(text); }
};

}  // namespace

std::string new_totp_secret() {
    std::string bytes = random_bytes(k_secret_bytes);
    WipeAtEnd wipe(bytes);
    char* text = nullptr;
    size_t size = 0;
    require(oath_base32_encode(bytes.data(), bytes.size(), &text, &size));
    std::unique_ptr<char, Free> owner(text);
    return {text, size};
}

std::optional<int64_t> totp_step(std::string_view secret, std::string_view code, int64_t now_ms, int64_t after) {
    char* bytes = nullptr;
    size_t size = 0;
    require(oath_base32_decode(secret.data(), secret.size(), &bytes, &size));
    std::unique_ptr<char, Free> owner(bytes);
    int64_t now = now_ms / 1000 / k_step_s;
    std::optional<int64_t> found;
    // All of them, whichever it is: the time says nothing.
    for (int64_t step = now - 1; step <= now + 1; ++step) {
        char wanted[k_digits + 1] = {};
        require(oath_totp_generate(bytes, size, static_cast<time_t>(step * k_step_s), k_step_s, 0, k_digits, wanted));
        if (equal(code, wanted) && step > after && !found) found = step;
    }
    return found;
}

}  // namespace mds::crypto
