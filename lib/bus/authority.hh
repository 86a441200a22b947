#pragma once
#include <functional>
#include <memory>
#include <string>

#include "bus/connection.hh"

namespace mds::bus {

/// Asks polkit whether the sender of a bus message may do an action.
class Authority {
  public:
    explicit Authority(Connection& connection);
    ~Authority();

    /// Calls `then(true)` when `sender` (a unique bus name) may do `action`
    /// ("org.openmds.<noun>.<verb>"). Anything else, an error of polkit too, is no (S-17). The
    /// user is asked for a password only when `interactive`.
    void check(const std::string& sender, const std::string& action, bool interactive,
               std::function<void(bool)> then);

  private:
    std::unique_ptr<sdbus::IProxy> polkit_;
};

}  // namespace mds::bus
