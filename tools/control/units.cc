#include "control/units.hh"

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <thread>

#include "base/clock.hh"
#include "base/error.hh"
#include "bus/connection.hh"

namespace mds::control {
namespace {

const char k_manager[] = "org.freedesktop.systemd1.Manager",
           k_systemd[] = "org.freedesktop.systemd1", k_unit[] = "org.freedesktop.systemd1.Unit",
           k_service[] = "org.freedesktop.systemd1.Service";

std::unique_ptr<sdbus::IProxy> manager_on(sdbus::IConnection& connection) {
    return sdbus::createProxy(connection, bus::ServiceName{k_systemd},
                              sdbus::ObjectPath{"/org/freedesktop/systemd1"});
}

std::unique_ptr<sdbus::IProxy> unit_on(sdbus::IConnection& connection, const std::string& unit) {
    auto manager = manager_on(connection);
    sdbus::ObjectPath path;
    manager->callMethod(bus::MemberName{"LoadUnit"})
        .onInterface(bus::InterfaceName{k_manager})
        .withArguments(unit)
        .storeResultsTo(path);
    return sdbus::createProxy(connection, bus::ServiceName{k_systemd}, path);
}

void order(sdbus::IConnection& connection, const char* method, const std::string& unit) {
    auto manager = manager_on(connection);
    sdbus::ObjectPath job;
    manager->callMethod(bus::MemberName{method})
        .onInterface(bus::InterfaceName{k_manager})
        .withArguments(unit, std::string("replace"))
        .storeResultsTo(job);
}

}  // namespace

Units::Units() : connection_(sdbus::createSystemBusConnection()) {}
Units::~Units() = default;

UnitState Units::state(const std::string& unit) {
    UnitState result{"down", 0};
    try {
        auto proxy = unit_on(*connection_, unit);
        std::string active =
            proxy->getProperty("ActiveState").onInterface(k_unit).get<std::string>();
        result.pid = proxy->getProperty("MainPID").onInterface(k_service).get<uint32_t>();
        if (active == "active") result.word = "up";
        if (active == "activating") result.word = result.pid ? "init" : "pnd";
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
    return result;
}

UnitRun Units::run(const std::string& unit) {
    UnitRun out;
    try {
        auto proxy = unit_on(*connection_, unit);
        std::string active =
            proxy->getProperty("ActiveState").onInterface(k_unit).get<std::string>();
        out.runs = active == "active" || active == "activating" || active == "reloading";
        out.pid = proxy->getProperty("MainPID").onInterface(k_service).get<uint32_t>();
        out.restarts = proxy->getProperty("NRestarts").onInterface(k_service).get<uint32_t>();
        out.since = static_cast<int64_t>(proxy->getProperty("ExecMainStartTimestamp")
                                             .onInterface(k_service)
                                             .get<uint64_t>()) /
                    1000;
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
    return out;
}

std::string Units::active_state(const std::string& unit) {
    try {
        return unit_on(*connection_, unit)
            ->getProperty("ActiveState")
            .onInterface(k_unit)
            .get<std::string>();
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
}

void Units::job(const char* method, const std::string& unit, const std::string& wanted) {
    try {
        order(*connection_, method, unit);
        auto proxy = unit_on(*connection_, unit);
        // Jobs may end before a signal match could be in place: the state itself is asked.
        for (int64_t end = mono_ms() + 120'000; mono_ms() < end;) {
            std::string state =
                proxy->getProperty("ActiveState").onInterface(k_unit).get<std::string>();
            if (state == wanted || (wanted == "inactive" && state == "failed")) return;
            if (state == "failed") throw Error(Code::internal, unit + " failed to start");
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
    throw Error(Code::timed_out, unit + " did not become " + wanted + " in 120 s");
}

void Units::order_start(const std::string& unit) {
    try {
        order(*connection_, "StartUnit", unit);
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
}

void Units::start(const std::string& unit) {
    job("StartUnit", unit, "active");
}
void Units::stop(const std::string& unit) {
    job("StopUnit", unit, "inactive");
}

void Units::restart(const std::string& unit) {
    stop(unit);
    start(unit);
}

}  // namespace mds::control
