#pragma once
#include <map>
#include <string>
#include <vector>

namespace mds::app {

/// The settings of /etc/mds/mds.conf and /etc/mds/mds.conf.d/*.conf (INI, in order of name, later
/// files win). One table in config.cc lists every key with its default and range.
class Config {
  public:
    /// Reads the files below `etc` ("/etc/mds"; MDS_ETC overrides it in tests). Throws
    /// mds::Error(invalid_parameter) with file, key and range for a wrong value. Unknown keys are
    /// collected as warnings with the nearest known one.
    static Config load();

    /// The value of "Section.Key"; the key must be in the table.
    std::string get(const std::string& key) const;
    int get_int(const std::string& key) const;
    const std::vector<std::string>& warnings() const { return warnings_; }
    /// All keys with value, default and explanation, in the form of a configuration file.
    static std::string print_defaults();

  private:
    std::map<std::string, std::string> values_;
    std::vector<std::string> warnings_;
};

}  // namespace mds::app
