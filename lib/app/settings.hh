#pragma once
#include <optional>
#include <string>
#include <vector>

namespace mds::app {

/// One setting of this host, for people who look at it or change it (mds.conf(5)).
struct Setting {
    /// "Section.Key"; its value now, the value without any file, and what it is.
    std::string name, value, standard, text;
    /// The file that sets it; empty when none does.
    std::string file;
    /// Numbers lie between; both 0 = text.
    int low = 0, high = 0;
    /// Why the value is not taken by the services; empty when it is.
    std::string problem;
};

/// All settings, in the order of mds.conf.
std::vector<Setting> settings();
/// One of them, in any case. Throws Error(object_not_found) with the nearest one.
Setting setting(const std::string& name);

/// The file of mds.conf.d that set_setting() writes.
std::string settings_file();
/// Throws what set_setting() would: a value out of its range (invalid_parameter), a file that is read later and sets
/// it too (ha_invalid).
void check_setting(const std::string& name, const std::string& value);
/// Sets it in settings_file(), from the next start of the services on; nothing: takes what is set there away.
void set_setting(const std::string& name, const std::optional<std::string>& value);

}  // namespace mds::app
