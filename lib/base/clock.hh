#pragma once
#include <cstdint>
#include <string>

namespace mds {

/// Wall clock in milliseconds since 1970, as the management API's `posix` fields.
int64_t wall_ms();
/// Monotonic clock in milliseconds; only differences mean something.
int64_t mono_ms();
/// "2026-11-23T12:13+0000": the management API's form, to the minute, in UTC.
std::string iso_minutes(int64_t wall_milliseconds);
/// RFC 3339 in UTC to the second, for command line JSON: "2026-11-23T12:13:14Z".
std::string rfc3339(int64_t wall_milliseconds);
/// "2 min", "41 d", "3 s": how long ago, for people; never negative.
std::string age_text(int64_t milliseconds);

}  // namespace mds
