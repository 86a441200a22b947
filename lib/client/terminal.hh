#pragma once
#include <string>

namespace mds::client {

/// A line of the terminal, which is not shown; throws mds::Error(missing_parameters) with `otherwise` without one.
std::string ask_hidden(const char* prompt, const std::string& otherwise);

}  // namespace mds::client
