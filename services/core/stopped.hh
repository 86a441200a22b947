#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "json/json.hh"

namespace mds::core {

/// Domain Servers of this host that an administrator has stopped, and that nobody has started
/// again: one file SERVER.json each. The folder lies in /run, so that a boot forgets them, and
/// mdsstart empties it.
class StoppedServers {
  public:
    /// `fallback`: used when the service manager gives no folder (a private bus without one).
    explicit StoppedServers(const std::string& fallback);

    /// By server: {"by","since" (wall ms),"reason","domain","on","role"}. Read anew when the folder
    /// has changed.
    const std::map<std::string, json::object>& all();
    /// Null when it was not stopped.
    const json::object* find(const std::string& server);
    void mark(const std::string& server, const json::object& why);
    void clear(const std::string& server);

  private:
    std::string folder_;
    std::map<std::string, json::object> marks_;
    /// When the folder was changed last, as it was read: nanoseconds.
    int64_t read_ = -1;
};

/// "stopped by anna 5 min ago: new disk"; `mark` as above.
std::string stopped_text(const json::object& mark);

}  // namespace mds::core
