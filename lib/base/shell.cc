#include "base/shell.hh"

#include <algorithm>
#include <cctype>
#include <string_view>

namespace mds {

std::string shell_quoted(const std::string& text) {
    std::string out = "'";
    for (char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

std::string shell_word(const std::string& text) {
    auto harmless = [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) ||
               std::string_view("_./:=@%+,-").find(c) != std::string_view::npos;
    };
    return !text.empty() && std::all_of(text.begin(), text.end(), harmless) ? text : shell_quoted(text);
}

}  // namespace mds
