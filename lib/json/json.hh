#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace mds::json {

using boost::json::array;
using boost::json::object;
using boost::json::value;

/// Parses one JSON document; a body that is empty or only white space counts as `{}`.
/// Throws Error(invalid_syntax, "Payload is not valid") for anything else, also when nested
/// deeper than 32 levels.
value parse(std::string_view text);
/// As parse(), and the document must be an object.
object parse_object(std::string_view text);

/// Compact text in the order the members were inserted.
std::string text(const value& v);
/// Canonical text: members sorted by key bytes, no white space, numbers in shortest form, so that
/// equal content has equal bytes (the digest and the log hash these bytes).
std::string canonical(const value& v);
/// Indented for people.
std::string pretty(const value& v);

/// The member `key`, or null when it is absent.
const value* find(const object& o, std::string_view key);
/// The string member `key`; `otherwise` when absent or of another type.
std::string get_string(const object& o, std::string_view key, std::string_view otherwise = "");
int64_t get_int(const object& o, std::string_view key, int64_t otherwise = 0);
bool get_bool(const object& o, std::string_view key, bool otherwise = false);
/// The object or array member `key`; an empty one when absent.
const object& get_object(const object& o, std::string_view key);
const array& get_array(const object& o, std::string_view key);

}  // namespace mds::json
