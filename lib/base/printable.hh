#pragma once
#include <string>
#include <string_view>

namespace mds {

/// `text` as one line that a terminal, a log and a bus message can take from a stranger: control
/// characters (C0, DEL, C1, line and paragraph separators, marks that turn the direction of text) and
/// bytes that are no UTF-8 become '?'. At most `limit` bytes, whole characters.
std::string printable(std::string_view text, size_t limit = std::string::npos);

}  // namespace mds
