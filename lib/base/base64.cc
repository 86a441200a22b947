#include "base/base64.hh"

#include <cstdint>

#include "base/ids.hh"

namespace mds {

std::string base64(std::string_view raw) {
    std::string out = base64url(raw);
    for (char& c : out) c = c == '-' ? '+' : c == '_' ? '/' : c;
    out.append((4 - out.size() % 4) % 4, '=');
    return out;
}

std::optional<std::string> unbase64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string out;
    uint32_t bits = 0;
    int count = 0;
    size_t end = text.find_last_not_of('=') + 1;
    if (text.size() - end > 2) return std::nullopt;
    for (char c : text.substr(0, end)) {
        int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                    : c >= 'a' && c <= 'z' ? c - 'a' + 26
                    : c >= '0' && c <= '9' ? c - '0' + 52
                    : c == '+'             ? 62
                    : c == '/'             ? 63
                                           : -1;
        if (value < 0) return std::nullopt;
        bits = bits << 6 | static_cast<uint32_t>(value);
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out += static_cast<char>(bits >> count & 255);
    }
    // One text for the same bytes.
    if (base64(out) != text) return std::nullopt;
    return out;
}

}  // namespace mds
