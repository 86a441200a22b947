#pragma once
#include "bus/connection.hh"
#include "dbus/helper-adaptor.h"

namespace mds::helper {

class Service;

/// /org/openmds/Helper1: who may call is decided by the bus policy (mds and root only).
class BusObject final
    : public sdbus::AdaptorInterfaces<org::openmds::Helper1_adaptor> {
  public:
    BusObject(sdbus::IConnection& connection, Service& service);
    ~BusObject();

  private:
    void AddAddress(const std::string& address, const std::string& interface,
                    const std::string& beside) override;
    void RemoveAddress(const std::string& address) override;
    void SetHostName(const std::string& name) override;

    Service& service_;
};

/// Asks systemd-hostnamed to set the static and the running host name.
void set_static_host_name(sdbus::IConnection& connection, const std::string& name);

}  // namespace mds::helper
