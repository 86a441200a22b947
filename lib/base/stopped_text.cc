#include "base/stopped_text.hh"

#include <fmt/core.h>

#include "base/clock.hh"

namespace mds {

std::string stopped_text(const std::string& by, int64_t since, const std::string& reason) {
    return fmt::format("stopped by {} {} ago{}{}", by.empty() ? "?" : by, age_text(wall_ms() - since),
                       reason.empty() ? "" : ": ", reason);
}

}  // namespace mds
