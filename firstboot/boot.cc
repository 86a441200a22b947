#include "boot.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "base/clock.hh"
#include "base/text.hh"
#include "bus/connection.hh"
#include "consoles.hh"
#include "wrap.hh"

namespace mds::firstboot {
namespace {

constexpr const char* k_issue = "/run/issue.d/mds.issue";
constexpr const char* k_manager = "org.freedesktop.systemd1.Manager";
constexpr int k_stop_ms = 3000;

using Proxy = std::unique_ptr<sdbus::IProxy>;

Proxy manager_of(sdbus::IConnection& bus) {
    return sdbus::createProxy(bus, bus::ServiceName("org.freedesktop.systemd1"),
                              sdbus::ObjectPath("/org/freedesktop/systemd1"));
}

/// `mode` fail: a machine that shuts down is not held up.
void order(sdbus::IProxy& manager, const char* method, const std::string& unit, const std::string& mode) {
    sdbus::ObjectPath job;
    manager.callMethod(method).onInterface(k_manager).withArguments(unit, mode).storeResultsTo(job);
}

void stop_login(sdbus::IConnection& bus, sdbus::IProxy& manager, const std::string& unit) {
    order(manager, "StopUnit", unit, "replace");
    sdbus::ObjectPath path;
    manager.callMethod("LoadUnit").onInterface(k_manager).withArguments(unit).storeResultsTo(path);
    auto proxy = sdbus::createProxy(bus, bus::ServiceName("org.freedesktop.systemd1"), path);
    for (int64_t end = mono_ms() + k_stop_ms; mono_ms() < end;) {
        auto state = proxy->getProperty("ActiveState").onInterface("org.freedesktop.systemd1.Unit").get<std::string>();
        if (state == "inactive" || state == "failed") return;
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

}  // namespace

void write_issue(const std::vector<Problem>& missing, const std::vector<std::string>& consoles) {
    std::string text = "This server is not set up yet.";
    if (!missing.empty()) text += " Missing:";
    text += "\n";
    for (const Problem& one : missing) {
        text += indented((one.refusal.empty() ? "" : one.refusal + " ") + one.where + ": " + one.text, "  ");
    }
    const std::string by_hand = "ign in as root and run: mds-setup";
    text += consoles.empty() ? "S" + by_hand + "\n" : indented("Setup asks on " + join(consoles, " and ") + "; or s" + by_hand, "");
    text += "\n";
    // agetty takes a backslash for a command.
    std::string quoted;
    for (char c : text) quoted += c == '\\' ? std::string("\\\\") : std::string(1, c);
    mkdir("/run/issue.d", 0755);
    replace_file(k_issue, quoted, 0644);
}

void remove_issue() {
    unlink(k_issue);
}

std::vector<std::string> ask_on_consoles() {
    std::vector<std::string> taken;
    auto bus = sdbus::createSystemBusConnection();
    auto manager = manager_of(*bus);
    // "[ OK ] Started ..." would be printed into the questions.
    try {
        manager->callMethod("SetShowStatus").onInterface(k_manager).withArguments(std::string("no"));
    } catch (const sdbus::Error&) {  // older than this method
    }
    for (const std::string& console : consoles()) {
        if (in_use(console)) continue;
        try {
            stop_login(*bus, *manager, login_unit(console));
        } catch (const sdbus::Error&) {  // there is none on this console
        }
        try {
            order(*manager, "StartUnit", "mds-firstboot-console@" + escaped(console) + ".service", "fail");
            taken.push_back(console);
        } catch (const sdbus::Error& e) {
            std::fprintf(stderr, "%s: no questions there: %s\n", console.c_str(), e.what());
            give_console_back(console);
        }
    }
    return taken;
}

void start_in_background(const std::string& unit) {
    try {
        auto bus = sdbus::createSystemBusConnection();
        order(*manager_of(*bus), "StartUnit", unit, "fail");
    } catch (const sdbus::Error& e) {  // a machine that stops
        std::fprintf(stderr, "%s is not started: %s\n", unit.c_str(), e.what());
    }
}

void stop_in_background(const std::string& unit) {
    try {
        auto bus = sdbus::createSystemBusConnection();
        order(*manager_of(*bus), "StopUnit", unit, "replace");
    } catch (const sdbus::Error&) {  // it never ran
    }
}

void give_console_back(const std::string& console) { start_in_background(login_unit(console)); }

}  // namespace mds::firstboot
