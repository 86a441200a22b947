#pragma once
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "base/ids.hh"

namespace mds::core {

class Service;

/// Tells the journal, once each, what the status of the deployment shows as a problem without any event of
/// its own: nobody announces that a Domain has no Active server or that a clock drifts.
class Alarms {
  public:
    explicit Alarms(Service& service) : service_(service) {}

    /// Every few seconds, on the loop thread.
    void look();

  private:
    void look_at_domains();
    void look_at_clocks();
    void look_at_certificates();
    void look_at_fence();

    Service& service_;
    /// Looks in a row at which a Domain had no Active server.
    std::map<Uid, int> without_active_;
    std::set<Uid> wrong_clocks_;
    /// Server and end of the certificate that was told.
    std::map<Uid, int64_t> ending_;
    std::string fence_;
};

}  // namespace mds::core
