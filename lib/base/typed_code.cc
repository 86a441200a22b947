#include "base/typed_code.hh"

#include "base/ids.hh"

namespace mds {
namespace {

constexpr std::string_view k_digits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr size_t k_group = 4;

}  // namespace

std::string generate_typed_code(size_t digits) {
    std::string random = random_bytes(digits);
    std::string out;
    for (size_t i = 0; i < digits; ++i) {
        if (i && i % k_group == 0) out += '-';
        out += k_digits[static_cast<unsigned char>(random[i]) % k_digits.size()];
    }
    return out;
}

std::optional<std::string> normal_typed_code(std::string_view typed, size_t digits) {
    std::string out;
    for (char c : typed) {
        if (c == '-' || c == ' ') continue;
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
        if (c == 'I' || c == 'L') c = '1';
        if (c == 'O') c = '0';
        if (k_digits.find(c) == std::string_view::npos || out.size() == digits) return std::nullopt;
        out += c;
    }
    if (out.size() != digits) return std::nullopt;
    return out;
}

}  // namespace mds
