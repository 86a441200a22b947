#include "units.hh"

#include <sdbus-c++/sdbus-c++.h>

#include <chrono>
#include <thread>

#include "base/clock.hh"
#include "base/error.hh"
#include "bus/connection.hh"

namespace mds::classic {
namespace {

const char k_manager[] = "org.freedesktop.systemd1.Manager";

}  // namespace

Units::Units() : connection_(sdbus::createSystemBusConnection()) {}
Units::~Units() = default;

UnitState Units::state(const std::string& unit) {
    UnitState result{"down", 0};
    try {
        auto manager = sdbus::createProxy(*connection_, bus::ServiceName{"org.freedesktop.systemd1"},
                                          sdbus::ObjectPath{"/org/freedesktop/systemd1"});
        sdbus::ObjectPath path;
        manager->callMethod(bus::MemberName{"LoadUnit"})
            .onInterface(bus::InterfaceName{k_manager})
            .withArguments(unit)
            .storeResultsTo(path);
        auto proxy = sdbus::createProxy(*connection_, bus::ServiceName{"org.freedesktop.systemd1"},
                                        path);
        std::string active = proxy->getProperty("ActiveState")
                                 .onInterface("org.freedesktop.systemd1.Unit")
                                 .get<std::string>();
        result.pid = proxy->getProperty("MainPID")
                         .onInterface("org.freedesktop.systemd1.Service")
                         .get<uint32_t>();
        if (active == "active") result.word = "up";
        if (active == "activating") result.word = result.pid ? "init" : "pnd";
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
    return result;
}

void Units::job(const char* method, const std::string& unit, const std::string& wanted) {
    try {
        auto manager = sdbus::createProxy(*connection_, bus::ServiceName{"org.freedesktop.systemd1"},
                                          sdbus::ObjectPath{"/org/freedesktop/systemd1"});
        sdbus::ObjectPath job;
        manager->callMethod(bus::MemberName{method})
            .onInterface(bus::InterfaceName{k_manager})
            .withArguments(unit, std::string("replace"))
            .storeResultsTo(job);
        sdbus::ObjectPath path;
        manager->callMethod(bus::MemberName{"LoadUnit"})
            .onInterface(bus::InterfaceName{k_manager})
            .withArguments(unit)
            .storeResultsTo(path);
        auto proxy = sdbus::createProxy(*connection_, bus::ServiceName{"org.freedesktop.systemd1"},
                                        path);
        // Jobs may end before a signal match could be in place: the state itself is asked.
        for (int64_t end = mono_ms() + 120'000; mono_ms() < end;) {
            std::string state = proxy->getProperty("ActiveState")
                                    .onInterface("org.freedesktop.systemd1.Unit")
                                    .get<std::string>();
            if (state == wanted || (wanted == "inactive" && state == "failed")) return;
            if (state == "failed") throw Error(Code::internal, unit + " failed to start");
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
    throw Error(Code::timed_out, unit + " did not become " + wanted + " in 120 s");
}

void Units::start(const std::string& unit) { job("StartUnit", unit, "active"); }
void Units::stop(const std::string& unit) { job("StopUnit", unit, "inactive"); }

}  // namespace mds::classic
