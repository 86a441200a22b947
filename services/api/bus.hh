#pragma once
#include <string>

#include "bus/connection.hh"
#include "dbus/api-adaptor.h"

namespace mds::api {

class Service;

/// /org/openmds/Api1: what an operator may know of the HTTPS face.
class BusObject final
    : public sdbus::AdaptorInterfaces<org::openmds::Api1_adaptor, sdbus::Properties_adaptor> {
  public:
    BusObject(bus::Connection& connection, Service& service);
    ~BusObject();
    /// Announces the counters when they differ; at most once a second.
    void changed();

  private:
    std::string FingerprintSha1() override;
    std::string Fingerprint() override;
    uint16_t Port() override;
    uint64_t Requests() override;
    uint32_t Connections() override;
    std::string State() override;

    Service& service_;
    uint64_t shown_requests_ = 0;
    uint32_t shown_connections_ = 0;
};

}  // namespace mds::api
