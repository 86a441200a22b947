#pragma once
#include <string>

#include "json/json.hh"

namespace mds::claim {

/// The page of a reply of the root side; of "applying" the begin, which ends in the middle of a list of lines.
std::string page(const json::object& reply);
/// A page with a heading and a sentence.
std::string notice_page(const std::string& heading, const std::string& text);
/// What follows the page of "applying".
std::string progress_line(const std::string& text);
std::string progress_done();
std::string progress_failed(const std::string& form_token);
std::string progress_lost();
/// Content-Security-Policy: nothing but the style that stands in the page, by its hash, and forms to this server.
std::string content_policy();

}  // namespace mds::claim
