#pragma once
#include <cstdint>
#include <string>

namespace mds {

/// What is said everywhere of a Domain Server that somebody has stopped: "stopped by anna 5 min ago: new disk".
/// `since` is wall milliseconds; the reason may be empty.
std::string stopped_text(const std::string& by, int64_t since, const std::string& reason);

}  // namespace mds
