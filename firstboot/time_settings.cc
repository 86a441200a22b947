#include "time_settings.hh"

#include <filesystem>

#include "base/error.hh"
#include "base/text.hh"

namespace mds::firstboot {
namespace {

constexpr const char* k_timedate = "org.freedesktop.timedate1";

void call_timedate(sdbus::IConnection& bus, const char* method, const auto& value) {
    auto proxy = sdbus::createProxy(bus, mds::bus::ServiceName(k_timedate),
                                    sdbus::ObjectPath("/org/freedesktop/timedate1"));
    proxy->callMethod(method).onInterface(k_timedate).withArguments(value, false);
}

void restart(sdbus::IConnection& bus, const std::string& unit) {
    auto manager = sdbus::createProxy(bus, mds::bus::ServiceName("org.freedesktop.systemd1"),
                                      sdbus::ObjectPath("/org/freedesktop/systemd1"));
    sdbus::ObjectPath job;
    manager->callMethod("RestartUnit").onInterface("org.freedesktop.systemd1.Manager")
        .withArguments(unit, std::string("replace")).storeResultsTo(job);
}

void write(const std::string& path, const std::string& text) {
    std::filesystem::path file = system_root() + path;
    std::filesystem::create_directories(file.parent_path());
    replace_file(file, "# Written by mds-setup(8)\n" + text, 0644);
    // Whatever the umask: they are read by the service's own user.
    std::filesystem::permissions(file, std::filesystem::perms(0644));
    std::filesystem::permissions(file.parent_path(), std::filesystem::perms(0755));
}

}  // namespace

TimeResult set_time(sdbus::IConnection& bus, const HostFacts& host, const std::string& zone,
                    const std::vector<std::string>& servers) {
    TimeResult result;
    auto& notes = result.notes;
    if (!zone.empty() && zone != host.time_zone) {
        try {
            call_timedate(bus, "SetTimezone", zone);
        } catch (const sdbus::Error& e) {
            result.failed.emplace_back("time_zone");
            notes.push_back("the time zone was not set (" + e.getMessage() + "); later: timedatectl set-timezone " + zone);
        }
    }
    if (servers.empty() || servers == host.time_servers) return result;
    try {
        if (host.time_service == "systemd-timesyncd") {
            write(k_timesyncd_file, "[Time]\nNTP=" + join(servers, " ") + "\n");
            call_timedate(bus, "SetNTP", true);
            restart(bus, "systemd-timesyncd.service");
        } else if (host.time_service == "chrony") {
            std::string text;
            for (const std::string& one : servers) text += "server " + one + " iburst\n";
            write(k_chrony_file, text);
            restart(bus, "chrony.service");
        } else if (host.time_service == "ntpd") {
            notes.emplace_back(
                "the time servers were not set: ntpd keeps the time of this host; "
                "set them in its own configuration");
        } else {
            result.failed.emplace_back("time_servers");
            notes.emplace_back("the time servers were not set: no time service is installed; "
                               "apt install systemd-timesyncd, then run mds-setup again");
        }
    } catch (const sdbus::Error& e) {
        notes.push_back("the time servers are written down, but " + host.time_service + " was not restarted (" +
                        e.getMessage() + ")");
    } catch (const std::exception& e) {
        result.failed.emplace_back("time_servers");
        notes.push_back(std::string("the time servers were not set: ") + e.what());
    }
    return result;
}

}  // namespace mds::firstboot
