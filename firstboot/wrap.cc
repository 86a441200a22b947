#include "wrap.hh"

#include <unistd.h>

#include "base/text.hh"

namespace mds::firstboot {

// (newtReflowText evens lines out and makes them short.)
std::vector<std::string> wrapped(const std::string& text, size_t width) {
    std::vector<std::string> lines;
    for (const std::string& paragraph : split(text, '\n')) {
        std::string rest = paragraph;
        while (rest.size() > width) {
            size_t cut = rest.rfind(' ', width);
            if (cut == std::string::npos || rest.find_first_not_of(' ') >= cut) {
                cut = width;
                while (cut > 1 && (static_cast<unsigned char>(rest[cut]) & 0xC0) == 0x80) --cut;
            }
            lines.push_back(rest.substr(0, cut));
            rest = rest.substr(rest[cut] == ' ' ? cut + 1 : cut);
        }
        lines.push_back(rest);
    }
    return lines;
}

std::string indented(const std::string& text, const std::string& margin, size_t columns) {
    std::string out;
    for (const std::string& line : wrapped(text, columns - margin.size())) out += margin + line + "\n";
    return out;
}

std::string in_pairs(const std::string& hex) {
    std::string text;
    for (size_t i = 0; i + 1 < hex.size(); i += 2) text += (i ? ":" : "") + hex.substr(i, 2);
    return text;
}

std::string in_two_lines(const std::string& hex, const std::string& margin) {
    size_t half = hex.size() / 4 * 2;
    return in_pairs(hex.substr(0, half)) + "\n" + margin + in_pairs(hex.substr(half)) + "\n";
}

std::string indented_for(FILE* out, const std::string& text, const std::string& margin) {
    return isatty(fileno(out)) ? indented(text, margin) : margin + text + "\n";
}

}  // namespace mds::firstboot
