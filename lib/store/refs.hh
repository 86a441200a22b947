#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hh"

namespace mds::store {

/// In a stored document a reference to another object is a string of the control character U+001F
/// and the uid. No text of an administrator can look like one (control characters are refused in
/// input), so every replica finds the references of any document, of any schema version, without
/// knowing its type.
std::string make_reference(const Uid& uid);
/// The uid when `text` is a reference.
std::optional<Uid> parse_reference(std::string_view text);
/// All references in a canonical JSON document, each once.
std::vector<Uid> references_of(std::string_view doc);

}  // namespace mds::store
