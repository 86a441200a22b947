#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace mds {

/// ASCII lower case; other bytes stay (names compare by this form).
std::string fold(std::string_view text);
/// The whole file; throws mds::Error(internal) naming the path and the reason.
std::string read_file(const std::string& path);
/// Replaces the file durably: temporary file, fsync, rename, fsync of the folder.
void replace_file(const std::string& path, std::string_view content, unsigned mode = 0640);
/// fsync of a folder, so that a rename in it survives a power cut.
void sync_folder(const std::string& path);
/// Without leading and trailing white space.
std::string trim(std::string_view text);
std::vector<std::string> split(std::string_view text, char separator);
std::string join(const std::vector<std::string>& parts, std::string_view separator);
/// The candidate nearest to `word` within two edits; empty when none is near ("did you mean").
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace mds
