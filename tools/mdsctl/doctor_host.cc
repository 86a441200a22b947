// What is wrong with this machine: settings, disk, bus, clock, network.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "base/clock.hh"
#include "base/text.hh"
#include "doctor_checks.hh"
#include "doctor_probe.hh"
#include "draw.hh"

namespace mds::ctl::doctor {
namespace {

namespace fs = std::filesystem;

/// Less is full for every practical purpose: a full copy, a journal and a large publish need more.
constexpr uint64_t k_full_bytes = 64ULL << 20;
constexpr uint64_t k_full_percent = 1, k_scarce_percent = 5;

std::string size_text(uint64_t bytes) {
    if (bytes >= 1ULL << 30)
        return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / (1ULL << 30));
    return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

/// The largest file of those that may have filled the disk: what is named is looked at first.
std::string largest_file(const World& world) {
    std::string name;
    uintmax_t most = 0;
    for (const std::string& folder :
         {world.state_folder, world.backups_folder, std::string("/var/log")}) {
        std::error_code error;
        fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied,
                                            error),
            end;
        for (; !error && it != end; it.increment(error)) {
            std::error_code gone;
            if (!it->is_regular_file(gone) || it->is_symlink(gone)) continue;
            uintmax_t size = it->file_size(gone);
            if (gone || size <= most) continue;
            most = size;
            name = it->path();
        }
    }
    return name.empty() ? "" : fmt::format("; the largest file is {} ({})", name, size_text(most));
}

/// Why no file can be made in a folder; 0 when it can.
int write_problem(const std::string& folder) {
    int fd = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
    if (fd < 0) return errno == EOPNOTSUPP || errno == EISDIR ? 0 : errno;
    char block[4096] = {};
    int problem = write(fd, block, sizeof block) == sizeof block && fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return problem;
}

}  // namespace

Findings look_at_configuration(const World& world) {
    Next restart{"systemctl restart mds.target", ""};
    if (!world.config) {
        // "FILE line N: ..." or "FILE: KEY=...".
        std::string file = world.config_problem.substr(0, world.config_problem.find_first_of(": "));
        Finding f = found(
            Verdict::bad, file, "settings: " + world.config_problem,
            "the settings cannot be read, no service starts with them: " + world.config_problem,
            {{"editor " + shell_word(file), ""}, restart});
        f.breaks = {"configuration"};
        return {f};
    }
    Findings out;
    for (const std::string& warning : world.config->warnings()) {
        std::string file = warning.substr(0, warning.find(':'));
        out.push_back(found(Verdict::warning, file, "settings: " + warning,
                            "a setting that does not exist has no effect: " + warning,
                            {{"editor " + shell_word(file), ""}, restart}));
    }
    if (out.empty()) out.push_back(good("settings are right"));
    return out;
}

Findings look_at_disk(const World& world) {
    struct statvfs disk {};
    const std::string& folder = world.state_folder;
    Next look{"df -h " + shell_word(folder), ""}, journal{"journalctl -k -p err -n 20", ""};
    auto wrong = [&](const std::string& what, const std::string& cause, std::vector<Next> next) {
        Finding f = found(Verdict::bad, folder, what, cause, std::move(next));
        f.breaks = {"disk"};
        return Findings{f};
    };
    if (statvfs(folder.c_str(), &disk) != 0) {
        return wrong(
            fmt::format("disk: {}: {}", folder, std::strerror(errno)),
            fmt::format("the disk below {} cannot be read: {}", folder, std::strerror(errno)),
            {journal, look});
    }
    if (disk.f_flag & ST_RDONLY) {
        return wrong("disk: " + folder + " is read-only",
                     "the file system of " + folder +
                         " is mounted read-only; kernels do that after an error of the disk",
                     {journal, {"findmnt -T " + shell_word(folder), ""}});
    }
    uint64_t left = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize,
             whole = static_cast<uint64_t>(disk.f_blocks) * disk.f_frsize;
    uint64_t percent = whole ? left * 100 / whole : 100;
    Next biggest{
        "du -xhd2 " + shell_word(folder) + " " + shell_word(world.backups_folder) + " /var/log",
        ""};
    if (left < k_full_bytes || percent < k_full_percent) {
        return wrong(fmt::format("disk: {} is full, {} left", folder, size_text(left)),
                     fmt::format("the disk of {} is full: {} of {} left{}", folder, size_text(left),
                                 size_text(whole), largest_file(world)),
                     {biggest, {"journalctl --vacuum-size=200M", ""}});
    }
    if (disk.f_files > 0 && disk.f_favail * 100 / disk.f_files < k_full_percent) {
        return wrong(fmt::format("disk: {} has {} inodes left", folder, disk.f_favail),
                     "the file system of " + folder + " has no inodes left: too many small files",
                     {{"df -i " + shell_word(folder), ""}, {"du --inodes -xd2 /var", ""}});
    }
    if (int problem = world.root ? write_problem(folder) : 0) {
        return wrong(
            fmt::format("disk: {} cannot be written: {}", folder, std::strerror(problem)),
            fmt::format("writing to the disk of {} fails: {}", folder, std::strerror(problem)),
            {journal, look});
    }
    if (percent < k_scarce_percent) {
        return {found(Verdict::warning, folder,
                      fmt::format("disk: {} % of {} left", percent, size_text(whole)),
                      fmt::format("the disk of {} is nearly full: {} left{}", folder,
                                  size_text(left), largest_file(world)),
                      {biggest})};
    }
    return {good(fmt::format("disk: {} % of {} free", percent, size_text(whole)))};
}

Findings look_at_bus(const World& world) {
    auto wrong = [](const std::string& what, const std::string& cause, std::vector<Next> next) {
        Finding f = found(Verdict::bad, "", what, cause, std::move(next));
        f.breaks = {"bus"};
        return Findings{f};
    };
    if (!world.bus_problem.empty()) {
        const Unit* unit = world.unit("dbus.service");
        bool runs = unit && unit->runs();
        return wrong(
            "system bus: " + world.bus_problem,
            runs
                ? "dbus.service runs, but does not let this program in: " + world.bus_problem
                : "the system bus does not run; no service can do without it: " + world.bus_problem,
            {{runs ? "systemctl status dbus.service" : "systemctl start dbus.service", ""},
             {"journalctl -u dbus.service -n 20", ""}});
    }
    bool refused = std::any_of(world.answers.begin(), world.answers.end(),
                               [](const auto& a) { return a.second == Answer::refused; });
    if (refused) {
        return wrong("system bus: access is refused",
                     "the policy of the bus refuses what every user may: a file org.openmds.*.conf "
                     "is missing or was changed",
                     {{"ls -l /usr/share/dbus-1/system.d", ""},
                      {"apt-get install --reinstall openmds-server", ""}});
    }
    if (const Unit* polkit = world.unit("polkit.service");
        polkit && (polkit->active == "failed" || polkit->load == "masked")) {
        Finding f = found(Verdict::bad, "polkit.service",
                          "polkit: " + (polkit->load == "masked" ? polkit->load : polkit->active),
                          "polkit does not run: mds-core may not start Domain Servers, and nobody "
                          "but root may do anything",
                          {{polkit->load == "masked" ? "systemctl unmask polkit.service"
                                                     : "systemctl restart polkit.service",
                            ""}});
        f.breaks = {"polkit"};
        if (polkit->load != "masked") {
            f.fix = Fix{"start polkit.service", [] {
                            carry_out({"systemctl", "restart", "polkit.service"});
                        }};
        }
        return {f};
    }
    return {good("system bus answers")};
}

Findings look_at_clock(const World& world) {
    if (world.own_clock_wrong_ms) {
        int64_t ahead = *world.own_clock_wrong_ms;
        Finding f = found(
            Verdict::bad, world.name,
            fmt::format("clock {} {}", apart(ahead), ahead > 0 ? "ahead" : "behind"),
            fmt::format("the clock of this server is {} {} those of all other servers; "
                        "certificates go by clocks",
                        apart(ahead), ahead > 0 ? "ahead of" : "behind"),
            {{"timedatectl set-ntp true", ""}, {"timedatectl", ""}});
        f.breaks = {"clock"};
        return {f};
    }
    // A container has its machine's clock and cannot set it.
    if (access("/run/systemd/container", F_OK) == 0)
        return {good("clock is kept by the machine of this container")};
    timex time{};
    if (adjtimex(&time) == TIME_ERROR || (time.status & STA_UNSYNC) != 0) {
        return {found(Verdict::warning, world.name, "clock is not synchronized",
                      "nothing keeps the clock of this machine right; in the end its certificates "
                      "are refused",
                      {{"timedatectl set-ntp true", ""}, {"timedatectl", ""}})};
    }
    return {good("clock is synchronized")};
}

Findings look_at_network(const World& world) {
    std::vector<Interface> all = interfaces();
    auto wrong = [](const std::string& about, const std::string& what, const std::string& cause,
                    std::vector<Next> next) {
        Finding f = found(Verdict::bad, about, what, cause, std::move(next));
        f.breaks = {"network"};
        return Findings{f};
    };
    auto has = [&](const Interface& i) {
        return std::find(i.addresses.begin(), i.addresses.end(), world.address) !=
               i.addresses.end();
    };
    auto own = std::find_if(all.begin(), all.end(), has);
    if (own == all.end()) {
        // Without mds-core the address of this server is not known; the first real interface stands
        // for it.
        own = std::find_if(all.begin(), all.end(),
                           [](const Interface& i) { return !i.loopback && !i.addresses.empty(); });
        if (!world.address.empty()) {
            return wrong(
                world.address, "address " + world.address + " is on no interface",
                fmt::format(
                    "this server is {} for all others, but no interface here has that address",
                    world.address),
                {{"ip address", ""}, {"networkctl status", ""}});
        }
        if (own == all.end()) {
            return wrong("", "no interface has an address",
                         "no interface of this machine has an address",
                         {{"ip address", ""}, {"networkctl status", ""}});
        }
    }
    if (!own->up || !own->carrier) {
        const char* state = own->up ? "has no carrier" : "is down";
        return wrong(
            own->name, fmt::format("interface {} {}", own->name, state),
            fmt::format(
                "interface {} {}: {}; no other server can be reached", own->name, state,
                own->up ? "its cable is out or the switch is off" : "somebody took it down"),
            own->up ? std::vector<Next>{{"ip link show " + own->name, ""}}
                    : std::vector<Next>{{"ip link set " + own->name + " up", ""}});
    }
    return {good("interface " + own->name + " is connected")};
}

Findings look_at_addresses(const World& world) {
    std::vector<Interface> all = interfaces();
    auto there = [&](const std::string& address) {
        return std::any_of(all.begin(), all.end(), [&](const Interface& i) {
            return std::find(i.addresses.begin(), i.addresses.end(), address) != i.addresses.end();
        });
    };
    Findings out;
    size_t count = 0;
    for (const World::DomainServer& server : world.domain_servers()) {
        if (server.address.empty() || server.address == world.address) continue;
        ++count;
        if (there(server.address)) continue;
        Finding f = found(Verdict::bad, server.name,
                          fmt::format("{} is on no interface ({})", server.address, server.name),
                          fmt::format("the address {} of Domain Server {} was taken off the "
                                      "interface; clients of {} reach nobody",
                                      server.address, server.name, server.domain),
                          {{"mdsctl doctor --fix", ""}});
        f.needs = {"unit:mds-domain@" + server.name + ".service", "network"};
        f.fix = Fix{
            "put " + server.address + " back", [address = server.address, beside = world.address] {
                carry_out({"busctl", "call", "org.openmds.Helper1", "/org/openmds/Helper1",
                           "org.openmds.Helper1", "AddAddress", "sss", address, "", beside});
            }};
        out.push_back(std::move(f));
    }
    if (out.empty() && count > 0)
        out.push_back(
            good(fmt::format("{} Domain Server address{} up", count, count == 1 ? "" : "es")));
    return out;
}

}  // namespace mds::ctl::doctor
