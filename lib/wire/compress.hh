#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace mds::wire {

/// The payload of a frame with codec zlib: size of the content u32 | zlib stream (level 1).
/// Nothing when that would not save a tenth.
std::optional<std::string> compress(std::string_view content);
/// The content of such a payload. Throws mds::Error(invalid_syntax) when the announced size is
/// above `limit`, or the stream is broken or does not give exactly the announced size.
std::string decompress(std::string_view payload, size_t limit);

}  // namespace mds::wire
