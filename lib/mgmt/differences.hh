#pragma once
#include <functional>
#include <optional>
#include <string>

#include "json/json.hh"

namespace mds::mgmt {

/// What people read in place of a text that stands for an object; nothing when it does not.
using Naming = std::function<std::optional<std::string>(const std::string&)>;

/// Every field that is not as it was: [{"field","before","after"}], references as names; null where it was not, or
/// is not any more. First those of `after` in its order.
json::array differences(const Naming& name, const json::object& before, const json::object& after);

}  // namespace mds::mgmt
