#pragma once
#include <string>
#include <vector>

// The table of settings, for what reads them (config.cc) and what shows and changes them (settings.cc).
namespace mds::app {

struct Key {
    const char* name;
    const char* standard;
    /// Numbers must lie between; both 0 = text.
    int low, high;
    const char* text;
};

const std::vector<Key>& config_keys();
/// In any case; null when there is no such key.
const Key* find_key(const std::string& name);
/// Throws Error(invalid_parameter) with range; `where` is the file, or empty.
void check_value(const Key& key, const std::string& value, const std::string& where);
std::string etc_folder();
/// mds.conf and mds.conf.d/*.conf in the order in which they are read; those that may not be there too.
std::vector<std::string> config_files();
struct ConfigLine {
    /// "Section.Key".
    std::string key, value;
};
/// What the text of such a file sets, in order; also unknown keys.
std::vector<ConfigLine> config_lines(const std::string& text);

}  // namespace mds::app
