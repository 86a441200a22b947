#pragma once
#include <cstdio>
#include <string>
#include <vector>

namespace mds::firstboot {

/// Text in lines of at most `width` characters; line breaks stay.
std::vector<std::string> wrapped(const std::string& text, size_t width);
/// The same as one text, every line after a margin and with its end.
std::string indented(const std::string& text, const std::string& margin, size_t columns = 79);

/// The same in the width of a terminal; in one line where programs read it.
std::string indented_for(FILE* out, const std::string& text, const std::string& margin);

/// Hexadecimal digits as fingerprints are shown: "4F:9A:11".
std::string in_pairs(const std::string& hex);
/// The same in two lines, the second one after a margin, each with its end.
std::string in_two_lines(const std::string& hex, const std::string& margin);

}  // namespace mds::firstboot
