#pragma once
#include <string>

// Names in commands that people paste: a Domain may be called anything that can be printed.
namespace mds {

/// A name as one word of a shell; quoted when it has to be.
std::string shell_word(const std::string& text);
std::string shell_quoted(const std::string& text);

}  // namespace mds
