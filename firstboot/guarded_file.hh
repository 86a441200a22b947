#pragma once
#include <string>

namespace mds::firstboot {

/// The content of a file, at most 1 MiB; false with a reason when it cannot be read. `guarded`: others
/// can neither read nor write it.
bool load(const std::string& path, std::string& text, std::string& reason, bool& guarded);
/// Trimmed, without the quotes around it.
std::string plain_quotes(std::string text);

}  // namespace mds::firstboot
