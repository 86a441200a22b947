#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mds {

/// A random code that people read on one screen and type on another: Crockford base 32, in groups of four
/// with dashes between, 5 bits a digit. `digits`: a multiple of four.
std::string generate_typed_code(size_t digits);
/// What somebody has typed of such a code as its digits alone: in upper case, without dashes and spaces, I and
/// L read as 1, O as 0. Nothing for what has other characters or another length.
std::optional<std::string> normal_typed_code(std::string_view typed, size_t digits);

}  // namespace mds
