#include "bus.hh"

#include "service.hh"

namespace mds::helper {

BusObject::BusObject(sdbus::IConnection& connection, Service& service)
    : AdaptorInterfaces(connection, sdbus::ObjectPath("/org/openmds/Helper1")), service_(service) {
    registerAdaptor();
}

BusObject::~BusObject() { unregisterAdaptor(); }

void BusObject::AddAddress(const std::string& address, const std::string& interface,
                           const std::string& beside) {
    bus::guarded([&] { service_.add_address(address, interface, beside); });
}

void BusObject::RemoveAddress(const std::string& address) {
    bus::guarded([&] { service_.remove_address(address); });
}

void BusObject::SetHostName(const std::string& name) {
    bus::guarded([&] { service_.set_host_name(name); });
}

void set_static_host_name(sdbus::IConnection&, const std::string& name) {
    // A connection of its own: this waits for an answer, which the loop's connection must not.
    auto connection = sdbus::createSystemBusConnection();
    auto proxy = sdbus::createProxy(*connection, bus::ServiceName("org.freedesktop.hostname1"),
                                    sdbus::ObjectPath("/org/freedesktop/hostname1"));
    const bus::InterfaceName interface("org.freedesktop.hostname1");
    try {
        for (const char* method : {"SetStaticHostname", "SetHostname"}) {
            proxy->callMethod(method)
                .onInterface(interface)
                .withTimeout(std::chrono::seconds(20))
                .withArguments(name, false);
        }
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
}

}  // namespace mds::helper
