#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "model/document.hh"

namespace mds::model {

/// The normal form of `given` for a field (management-api.md 6, leniency). Null means "clear".
/// `path` names the parameter in errors. `base` is the present value (maps are merged into it,
/// lists take {"add","remove"}), null when there is none.
/// Throws invalid_parameter, invalid_parameter_name, object_not_found.
json::value coerce(const Field& field, const json::value& given, const std::string& path,
                   const json::value& base, World& world);

std::string coerce_string(const json::value& given, const std::string& path,
                          bool lines_allowed = false);
bool coerce_boolean(const json::value& given, const std::string& path);
int64_t coerce_integer(const json::value& given, const std::string& path);
std::string coerce_colour(const json::value& given, const std::string& path);
/// One tag or a list of tags, with add and remove; unknown ones are made by world.tag().
json::array coerce_tags(const json::value& given, const json::value& base, World& world);
/// `given` as a list: the list itself, or one item; an empty string is an empty list.
json::array as_list(const json::value& given);

[[noreturn]] void invalid(const std::string& path, const std::string& why);

/// Rewrites the address aliases of `given` to field names (ip-address -> ipv4-address ...).
/// `present` is the document as it is, for lone mask lengths; may be null.
json::object expand_addresses(Addressing addressing, const json::object& given,
                              const json::object* present, const std::string& prefix);
/// Subnets match their masks, ranges are in order, something is there when `required`.
void check_addresses(Addressing addressing, bool required, const json::object& document,
                     const std::string& prefix);

}  // namespace mds::model
