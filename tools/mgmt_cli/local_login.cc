#include "local_login.hh"

#include "bus/connection.hh"

namespace mds::cli {

json::object local_login(const json::object& request) {
    try {
        auto connection = sdbus::createSystemBusConnection();
        auto core = sdbus::createProxy(*connection, bus::ServiceName{"org.openmds.Core1"},
                                       sdbus::ObjectPath{"/org/openmds/Core1"});
        std::string reply;
        core->callMethod(bus::MemberName{"LoginLocal"})
            .onInterface(bus::InterfaceName{"org.openmds.Core1"})
            .withArguments(json::text(request))
            .storeResultsTo(reply);
        return json::parse_object(reply);
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
}

}  // namespace mds::cli
