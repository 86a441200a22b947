// mdsstart_customer, mdsstop_customer, cpwd_admin.
#include "processes.hh"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "base/error.hh"
#include "control/host.hh"
#include "control/units.hh"

namespace mds::classic {
namespace {

/// Longer names of units are cut, so that a line fits 80 columns.
constexpr size_t k_widest_name = 34;

/// Becomes mdsctl ds start or stop. `-y` is the answer to what that may ask.
int customer(const std::string& verb, const std::vector<std::string>& arguments) {
    std::string word;
    bool yes = false;
    for (const std::string& argument : arguments) {
        if (argument == "-y") {
            yes = true;
        } else if (argument[0] == '-' || !word.empty()) {
            word.clear();
            break;
        } else {
            word = argument;
        }
    }
    if (word.empty()) {
        std::fprintf(stderr, "Usage: mds%s_customer [-y] DOMAIN-SERVER\n", verb.c_str());
        return 2;
    }
    const std::string self = json::get_string(control::identity(), "name");
    if (self.empty()) {
        std::fprintf(stderr, "This server is not set up. Next: mds-setup\n");
        return 8;
    }
    auto server = control::find_domain_server(word);
    if (!server) {
        std::fprintf(stderr, "No Domain Server %s on this host. Next: mdsstat\n", word.c_str());
        return 5;
    }
    std::vector<std::string> words{"mdsctl", "ds", verb, server->domain, self};
    if (yes) words.insert(words.begin() + 1, "-y");
    std::vector<char*> argv;
    for (std::string& one : words) argv.push_back(one.data());
    argv.push_back(nullptr);
    execvp("mdsctl", argv.data());
    throw Error(Code::internal, "mdsctl cannot be run");
}

/// "[17:50:44] 31/5/2019", local time.
std::string start_time(int64_t wall_ms) {
    if (wall_ms == 0) return "-";
    auto seconds = static_cast<std::time_t>(wall_ms / 1000);
    std::tm t{};
    localtime_r(&seconds, &t);
    return fmt::format("[{:02}:{:02}:{:02}] {}/{}/{}", t.tm_hour, t.tm_min, t.tm_sec, t.tm_mday,
                       t.tm_mon + 1, t.tm_year + 1900);
}

}  // namespace

int mdsstart_customer(const std::vector<std::string>& arguments) {
    return customer("start", arguments);
}
int mdsstop_customer(const std::vector<std::string>& arguments) {
    return customer("stop", arguments);
}

int cpwd_admin(const std::vector<std::string>& arguments) {
    if (arguments.size() != 1 || arguments[0] != "list") {
        std::fprintf(stderr, "Usage: cpwd_admin list\n");
        return 2;
    }
    if (!control::is_set_up()) {
        std::fprintf(stderr, "This server is not set up. Next: mds-setup\n");
        return 8;
    }
    struct Process {
        std::string app, unit;
    };
    std::vector<Process> processes;
    for (const char* word : {"mds-core", "mds-sync", "mds-ca", "mds-api", "mds-crl"}) {
        processes.push_back({word, std::string(word) + ".service"});
    }
    for (const control::DomainServer& server : control::domain_servers()) {
        processes.push_back({"mds-domain@" + server.name, server.unit()});
    }
    size_t width = 3;
    for (Process& p : processes) {
        if (p.app.size() > k_widest_name) p.app = p.app.substr(0, k_widest_name - 1) + "~";
        width = std::max(width, p.app.size());
    }
    control::Units units;
    auto line = [&](const auto& app, const auto& pid, const auto& stat, const auto& started,
                    const auto& time) {
        fmt::print("{:<{}}  {:<7}  {:<4}  {:<6}  {}\n", app, width, pid, stat, started, time);
    };
    line("APP", "PID", "STAT", "#START", "START_TIME");
    for (const Process& p : processes) {
        control::UnitRun run = units.run(p.unit);
        // Executing or terminated. The first start is one, each that the service manager does by
        // itself one more.
        line(p.app, run.pid, run.pid ? "E" : "T", run.since ? run.restarts + 1 : 0,
             start_time(run.since));
    }
    return 0;
}

}  // namespace mds::classic
