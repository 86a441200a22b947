#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace mds {

/// RFC 4648 section 4, with padding; base64url() is in ids.hh.
std::string base64(std::string_view raw);
/// The bytes of such a text; nothing for other text.
std::optional<std::string> unbase64(std::string_view text);

}  // namespace mds
