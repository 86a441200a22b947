#include "base/printable.hh"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace mds {
namespace {

/// The character at the beginning of `text` and its length in bytes; length 0: that is no UTF-8.
std::pair<uint32_t, size_t> first_character(std::string_view text) {
    auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    uint32_t lead = byte(0);
    if (lead < 0x80) return {lead, 1};
    size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {0, 0};
    uint32_t code = lead & (0x7fu >> size);
    for (size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {0, 0};
        code = code << 6 | (byte(i) & 0x3fu);
    }
    static constexpr uint32_t k_least[] = {0, 0, 0x80, 0x800, 0x10000};
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    if (code < k_least[size] || code > 0x10ffff || surrogate) return {0, 0};
    return {code, size};
}

/// Characters that steer what shows the text: controls, separators of lines, marks of direction.
bool steers(uint32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x061c ||
           (code >= 0x200e && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

}  // namespace

std::string printable(std::string_view text, size_t limit) {
    std::string out;
    while (!text.empty()) {
        auto [code, size] = first_character(text);
        bool bad = size == 0 || steers(code);
        if (out.size() + (bad ? 1 : size) > limit) break;
        out += bad ? "?" : text.substr(0, size);
        text.remove_prefix(std::max<size_t>(1, size));
    }
    return out;
}

}  // namespace mds
