#include "base/clock.hh"

#include <fmt/core.h>

#include <chrono>
#include <ctime>

namespace mds {
namespace {

std::string format_utc(int64_t wall_milliseconds, const char* format) {
    std::time_t seconds = static_cast<std::time_t>(wall_milliseconds / 1000);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    size_t size = std::strftime(text, sizeof text, format, &parts);
    return {text, size};
}

}  // namespace

int64_t wall_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
}

int64_t mono_ms() {
    using namespace std::chrono;
    return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

std::string iso_minutes(int64_t wall_milliseconds) {
    return format_utc(wall_milliseconds, "%Y-%m-%dT%H:%M+0000");
}

std::string rfc3339(int64_t wall_milliseconds) {
    return format_utc(wall_milliseconds, "%Y-%m-%dT%H:%M:%SZ");
}

std::string age_text(int64_t milliseconds) {
    int64_t seconds = milliseconds < 0 ? 0 : milliseconds / 1000;
    if (seconds < 120) return fmt::format("{} s", seconds);
    if (seconds < 2 * 3600) return fmt::format("{} min", seconds / 60);
    if (seconds < 2 * 86400) return fmt::format("{} h", seconds / 3600);
    return fmt::format("{} d", seconds / 86400);
}

}  // namespace mds
