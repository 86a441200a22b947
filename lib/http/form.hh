#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace mds::http {

/// The fields of a form as browsers send it (application/x-www-form-urlencoded). Nothing for what no browser
/// sends: broken escapes, control characters but line breaks and tabs, a name twice, more fields than `most`.
std::optional<std::map<std::string, std::string>> parse_form(std::string_view body, size_t most = 64);
/// The value of a cookie in the header Cookie, empty when it is not there or there twice.
std::string cookie_value(std::string_view header, std::string_view name);
/// Text as it can stand in HTML, also in a quoted attribute.
std::string escape_html(std::string_view text);

}  // namespace mds::http
