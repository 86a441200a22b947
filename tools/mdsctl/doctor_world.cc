#include "base/environment.hh"
#include "doctor_world.hh"

#include <fcntl.h>
#include <poll.h>
#include <sdbus-c++/sdbus-c++.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <mutex>
#include <regex>

#include "base/clock.hh"
#include "base/text.hh"
#include "bus/connection.hh"

extern char** environ;

namespace mds::ctl::doctor {
namespace {

namespace fs = std::filesystem;

/// Who does not answer in this time hangs, as far as people are concerned.
constexpr int k_patience_ms = 1200;
constexpr char k_units[] =
    "Id,LoadState,ActiveState,SubState,Result,UnitFileState,ExecMainStatus,NRestarts,StatusText";

std::map<std::string, Unit> gather_units() {
    std::map<std::string, Unit> out;
    auto text = output_of(
        {"systemctl", "show", "--no-pager", "-p", k_units, "mds.target", "mds-core.service",
         "mds-sync.service", "mds-ca.service", "mds-api.service", "mds-api.socket",
         "mds-crl.socket", "mds-metrics.socket", "dbus.service", "polkit.service", "mds-*"},
        k_patience_ms);
    if (!text) return out;
    for (const std::string& block :
         split(std::regex_replace(*text, std::regex("\n\n"), "\x01"), '\x01')) {
        Unit unit;
        std::string id;
        for (const std::string& line : split(block, '\n')) {
            size_t at = line.find('=');
            if (at == std::string::npos) continue;
            std::string key = line.substr(0, at), value = line.substr(at + 1);
            if (key == "Id") id = value;
            if (key == "LoadState") unit.load = value;
            if (key == "ActiveState") unit.active = value;
            if (key == "SubState") unit.sub = value;
            if (key == "Result") unit.result = value;
            if (key == "UnitFileState") unit.enabled = value;
            if (key == "StatusText") unit.status_text = value;
            if (key == "ExecMainStatus") unit.exit_status = std::atoi(value.c_str());
            if (key == "NRestarts") unit.restarts = std::atoi(value.c_str());
        }
        if (!id.empty()) out[id] = std::move(unit);
    }
    return out;
}

/// What the bus itself and mds-sync tell.
struct FromBus {
    std::string problem, sync_state;
    std::map<std::string, Answer> answers;
    std::vector<Link> links;
    bool sync_known = false;
    json::object certificate;
};

/// Asks every owner of one of our names whether it is alive, all at the same time.
void ping_services(sdbus::IConnection& connection, const std::vector<std::string>& names,
                   FromBus& out) {
    std::mutex mutex;
    std::condition_variable news;
    size_t open = names.size();
    std::vector<std::unique_ptr<sdbus::IProxy>> proxies;
    for (const std::string& name : names) {
        proxies.push_back(
            sdbus::createProxy(connection, bus::ServiceName{name}, sdbus::ObjectPath{"/"}));
        bus::finish(*proxies.back());
        proxies.back()
            ->callMethodAsync(bus::MemberName{"Ping"})
            .onInterface(bus::InterfaceName{"org.freedesktop.DBus.Peer"})
            .withTimeout(std::chrono::milliseconds(k_patience_ms))
            .uponReplyInvoke([&, name](bus::ReplyError error) {
                const sdbus::Error* e = bus::error_ptr(error);
                std::string what = e ? std::string(e->getName()) : "";
                bool late = what.find("NoReply") != std::string::npos ||
                            what.find("Timeout") != std::string::npos ||
                            what.find("TimedOut") != std::string::npos;
                std::lock_guard lock(mutex);
                out.answers[name] = late ? Answer::silent
                                    : what.find("AccessDenied") != std::string::npos
                                        ? Answer::refused
                                    : what.find("ServiceUnknown") != std::string::npos ||
                                            what.find("NameHasNoOwner") != std::string::npos
                                        ? Answer::absent
                                        : Answer::yes;
                --open;
                news.notify_all();
            });
    }
    std::unique_lock lock(mutex);
    news.wait_for(lock, std::chrono::milliseconds(k_patience_ms + 500), [&] { return open == 0; });
    lock.unlock();
    proxies.clear();  // no answer comes any more; what is captured may go
}

void ask_sync(sdbus::IConnection& connection, FromBus& out) {
    auto sync = sdbus::createProxy(connection, bus::ServiceName{"org.openmds.Sync1"},
                                   sdbus::ObjectPath{"/org/openmds/Sync1"});
    bus::finish(*sync);
    using Row = sdbus::Struct<std::string, std::string, std::string, std::string, int64_t, int64_t,
                              std::string, uint32_t>;
    try {
        std::vector<Row> rows;
        sync->callMethod(bus::MemberName{"Peers"})
            .onInterface(bus::InterfaceName{"org.openmds.Sync1"})
            .withTimeout(std::chrono::milliseconds(k_patience_ms))
            .storeResultsTo(rows);
        for (const Row& r : rows) {
            out.links.push_back({r.get<0>(), r.get<1>(), r.get<2>(), r.get<3>(), r.get<6>(),
                                 r.get<4>(), r.get<5>(), r.get<7>()});
        }
        out.sync_state =
            sync->getProperty("State").onInterface("org.openmds.Sync1").get<std::string>();
        out.certificate = json::parse_object(
            sync->getProperty("Certificate").onInterface("org.openmds.Sync1").get<std::string>());
        out.sync_known = true;
    } catch (const sdbus::Error&) {
        // What is wrong with it is told by its unit and its answer.
    }
}

FromBus gather_bus() {
    FromBus out;
    try {
        auto connection = sdbus::createSystemBusConnection();
        connection->setMethodCallTimeout(std::chrono::milliseconds(k_patience_ms));
        auto bus = sdbus::createProxy(*connection, bus::ServiceName{"org.freedesktop.DBus"},
                                      sdbus::ObjectPath{"/org/freedesktop/DBus"});
        bus::finish(*bus);
        std::vector<std::string> all, names;
        bus->callMethod(bus::MemberName{"ListNames"})
            .onInterface(bus::InterfaceName{"org.freedesktop.DBus"})
            .storeResultsTo(all);
        connection->enterEventLoopAsync();
        for (const std::string& name : all) {
            // Those that are started when they are asked are not asked.
            if (name.starts_with("org.openmds.") && name != "org.openmds.Helper1" &&
                name != "org.openmds.Sic1") {
                names.push_back(name);
            }
        }
        ping_services(*connection, names, out);
        for (const char* name : {"Core1", "Sync1", "Ca1", "Api1"}) {
            out.answers.try_emplace(std::string("org.openmds.") + name, Answer::absent);
        }
        if (out.answers["org.openmds.Sync1"] == Answer::yes) ask_sync(*connection, out);
        connection->leaveEventLoop();
    } catch (const sdbus::Error& e) {
        out.problem = e.getMessage().empty() ? std::string(e.getName()) : e.getMessage();
    }
    return out;
}

/// What this server was set up as; for who may not read that, what the machine is called.
std::string own_name(const std::string& state_folder) {
    char host[HOST_NAME_MAX + 1] = "";
    gethostname(host, HOST_NAME_MAX);
    std::string name = host;
    try {
        name = json::get_string(json::parse_object(read_file(state_folder + "/setup.json")),
                                "host_name", name);
    } catch (const Error&) {
        // Damaged, or root's alone.
    }
    return name.substr(0, name.find('.'));
}

void add_peers(World& world, std::vector<Link> links) {
    if (world.grid) {
        for (const json::value& v : json::get_array(*world.grid, "servers")) {
            const json::object& s = v.as_object();
            if (json::get_bool(s, "self")) {
                world.name = json::get_string(s, "name");
                world.address = json::get_string(s, "address");
                world.role = json::get_string(s, "role");
                world.version = json::get_string(s, "version");
                if (const json::value* ahead = json::find(s, "clock-wrong-ms"))
                    world.own_clock_wrong_ms = ahead->as_int64();
                continue;
            }
            Peer peer{json::get_string(s, "uid"),
                      json::get_string(s, "name"),
                      json::get_string(s, "address"),
                      json::get_string(s, "role"),
                      json::get_string(s, "version", "?"),
                      json::get_string(s, "renewal-problem"),
                      json::get_string(s, "state") == "running",
                      json::get_int(s, "last-contact"),
                      json::get_int(s, "certificate-until"),
                      std::nullopt,
                      false,
                      {},
                      std::nullopt};
            if (const json::value* ahead = json::find(s, "clock-ms"))
                peer.clock_ms = ahead->as_int64();
            peer.clock_wrong = json::find(s, "clock-wrong-ms") != nullptr;
            for (const json::value& name : json::get_array(s, "heard-by"))
                peer.heard_by.emplace_back(name.as_string());
            world.peers.push_back(std::move(peer));
        }
    }
    for (Link& link : links) {
        auto known = std::find_if(world.peers.begin(), world.peers.end(),
                                  [&](const Peer& p) { return p.uid == link.uid; });
        if (known == world.peers.end()) {
            if (world.grid) continue;  // mds-core has just taken it out
            Peer peer;
            peer.uid = link.uid;
            peer.name = link.name;
            peer.address = link.address;
            peer.last_contact = link.last_contact;
            world.peers.push_back(std::move(peer));
            known = world.peers.end() - 1;
        }
        known->link = std::move(link);
    }
}

/// On a machine that was never set up there is nothing else to say.
void require_set_up(const World& world) {
    if (world.core_problem && world.core_problem->code() == Code::not_set_up) {
        Error error = *world.core_problem;
        if (!error.next().empty()) throw error;
        char host[256] = "";
        gethostname(host, sizeof host - 1);
        throw Error(Code::not_set_up, error.message())
            .refusal("", std::string("on the Primary:  mdsctl server add ") + host);
    }
    std::error_code error;
    if (world.grid || fs::exists(world.state_folder + "/setup.json", error) || error) return;
    throw Error(Code::not_set_up, "this server is not set up").refusal("", "mds-setup");
}

void require_target(const World& world) {
    if (world.target.empty() || world.target == world.name) return;
    if (std::any_of(world.peers.begin(), world.peers.end(),
                    [&](const Peer& p) { return p.name == world.target; }))
        return;
    // Without mds-core and mds-sync nobody here knows the others; that is what is told then.
    if (!world.grid && !world.sync_known) return;
    std::vector<std::string> names{world.name};
    for (const Peer& p : world.peers) names.push_back(p.name);
    std::string near = nearest(world.target, names);
    throw Error(Code::object_not_found, "no server is called " + world.target)
        .refusal("", near.empty() ? "mdsctl server list" : "mdsctl doctor " + near);
}

}  // namespace

const Unit* World::unit(const std::string& unit_name) const {
    auto it = units.find(unit_name);
    return it == units.end() ? nullptr : &it->second;
}

Answer World::answer(const std::string& bus_name) const {
    auto it = answers.find(bus_name);
    return it == answers.end() ? Answer::unknown : it->second;
}

std::vector<World::DomainServer> World::domain_servers() const {
    std::vector<DomainServer> out;
    if (grid) {
        std::string self = json::get_string(*grid, "self");
        for (const json::value& d : json::get_array(*grid, "domains")) {
            for (const json::value& c : json::get_array(d.as_object(), "cells")) {
                if (json::get_string(c.as_object(), "mds") != self) continue;
                out.push_back({json::get_string(c.as_object(), "server"),
                               json::get_string(d.as_object(), "name"),
                               json::get_string(c.as_object(), "address")});
            }
        }
        return out;
    }
    // mds-core has linked what it started last.
    std::error_code error;
    for (fs::directory_iterator it(state_folder + "/servers", error), end; !error && it != end;
         it.increment(error)) {
        out.push_back({it->path().filename(), "", ""});
    }
    return out;
}

World gather(const std::string& target) {
    World world;
    world.target = target;
    world.root = geteuid() == 0;
    world.state_folder = environment("MDS_STATE", "/var/lib/mds");
    world.backups_folder = environment("MDS_BACKUPS", "/var/backups/mds");
    auto units = std::async(std::launch::async, gather_units);
    auto from_bus = std::async(std::launch::async, gather_bus);
    auto core = std::async(std::launch::async, [&world] {
        Client client({}, k_patience_ms);
        try {
            world.grid = client.grid();
        } catch (const Error& e) {
            world.core_problem = e;
            return;
        }
        try {
            const json::object reply = client.run("", "show-metrics", {});
            world.metrics = json::get_string(reply, "metrics");
        } catch (const Error&) {
            // Only what they would have told is unknown then.
        }
    });
    try {
        world.config = app::Config::load();
    } catch (const Error& e) {
        world.config_problem = e.message();
    }
    core.get();
    FromBus told = from_bus.get();
    world.units = units.get();
    world.bus_problem = told.problem;
    world.answers = std::move(told.answers);
    world.sync_known = told.sync_known;
    world.sync_state = told.sync_state;
    world.certificate = std::move(told.certificate);
    require_set_up(world);
    if (!world.grid) world.name = own_name(world.state_folder);
    add_peers(world, std::move(told.links));
    require_target(world);
    return world;
}

std::optional<std::string> output_of(std::vector<std::string> words, int patience_ms,
                                     int* exit_status) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t pid = 0;
    int rc = posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    if (rc != 0) {
        close(ends[0]);
        return std::nullopt;
    }
    std::string out;
    bool late = false;
    for (int64_t end = mono_ms() + patience_ms;;) {
        pollfd ready{ends[0], POLLIN, 0};
        int64_t left = end - mono_ms();
        if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) <= 0) {
            late = true;
            kill(pid, SIGKILL);
            break;
        }
        char piece[65536];
        ssize_t size = read(ends[0], piece, sizeof piece);
        if (size <= 0) break;
        out.append(piece, static_cast<size_t>(size));
    }
    close(ends[0]);
    int status = 0;
    waitpid(pid, &status, 0);
    if (late) return std::nullopt;
    if (exit_status) *exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
    return out;
}

}  // namespace mds::ctl::doctor
