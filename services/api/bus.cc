#include "bus.hh"

#include "service.hh"

namespace mds::api {

BusObject::BusObject(bus::Connection& connection, Service& service)
    : AdaptorInterfaces(connection.raw(), sdbus::ObjectPath{"/org/openmds/Api1"}),
      service_(service) {
    registerAdaptor();
}

BusObject::~BusObject() { unregisterAdaptor(); }

void BusObject::changed() {
    if (shown_requests_ == Requests() && shown_connections_ == Connections()) return;
    shown_requests_ = Requests();
    shown_connections_ = Connections();
    bus::emit_changed(getObject(), "org.openmds.Api1", {"Requests", "Connections"});
}

std::string BusObject::FingerprintSha1() {
    return http::fingerprint(service_.certificate_file(), false);
}
std::string BusObject::Fingerprint() {
    return http::fingerprint(service_.certificate_file(), true);
}
uint16_t BusObject::Port() { return service_.port(); }
uint64_t BusObject::Requests() { return service_.server().requests(); }
uint32_t BusObject::Connections() { return static_cast<uint32_t>(service_.server().connections()); }
std::string BusObject::State() { return "serving"; }

}  // namespace mds::api
