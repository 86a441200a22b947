#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/config.hh"
#include "client.hh"

// What the checks of mdsctl doctor look at, gathered once and at the same time.
namespace mds::ctl::doctor {

/// A unit as the service manager tells it.
struct Unit {
    std::string load, active, sub, result, enabled, status_text;
    int exit_status = 0, restarts = 0;
    bool runs() const { return active == "active"; }
    bool there() const { return !load.empty() && load != "not-found"; }
};

/// Whether a service answers on the bus; `silent`: it has its name and does not answer in time.
enum class Answer { unknown, yes, absent, silent, refused };

/// A row of Sync1.Peers.
struct Link {
    std::string uid, name, address, state, reason;
    int64_t since = 0, last_contact = 0;
    uint32_t round_trip_us = 0;
};

/// Another server of the deployment, as far as anybody here knows it.
struct Peer {
    std::string uid, name, address, role, version = "?", renewal_problem;
    /// mds-core hears its mds-core.
    bool running = false;
    int64_t last_contact = 0, certificate_until = 0;
    /// By how many ms its clock is ahead; nothing while that is not known.
    std::optional<int64_t> clock_ms;
    bool clock_wrong = false;
    /// Other servers that hear its Domain Servers.
    std::vector<std::string> heard_by;
    std::optional<Link> link;
    bool connected() const { return link && link->state == "connected"; }
};

struct World {
    /// The server that was asked about; empty: everything.
    std::string target;
    bool root = false;
    std::string state_folder, backups_folder;
    /// Of this server, as far as it is known.
    std::string name, address, role, version;
    std::optional<app::Config> config;
    std::string config_problem;

    /// Why the bus cannot be used; empty: it can.
    std::string bus_problem;
    /// By bus name.
    std::map<std::string, Answer> answers;
    /// By full name of the unit; empty when there is no service manager.
    std::map<std::string, Unit> units;

    /// Core1.Grid, or why there is none.
    std::optional<json::object> grid;
    std::optional<Error> core_problem;
    std::vector<Peer> peers;
    std::optional<int64_t> own_clock_wrong_ms;
    /// The metrics, "" when they are not to be had.
    std::string metrics;

    bool sync_known = false;
    std::string sync_state;
    /// Sync1.Certificate.
    json::object certificate;

    int sync_port() const { return config ? config->get_int("Sync.Port") : 18221; }
    const Unit* unit(const std::string& name) const;
    Answer answer(const std::string& bus_name) const;
    /// Domain Servers that belong on this server: {name, Domain, address}.
    struct DomainServer {
        std::string name, domain, address;
    };
    std::vector<DomainServer> domain_servers() const;
};

/// Everything, in little more than the longest wait of one part. Throws Error(not_set_up) on a
/// machine that is not set up, and Error(object_not_found) when no server is called `target`.
World gather(const std::string& target);

/// Runs a program without a shell and returns what it writes to standard output; nothing when it
/// cannot be run or takes longer. Its standard error is not read.
std::optional<std::string> output_of(std::vector<std::string> words, int patience_ms,
                                     int* exit_status = nullptr);

}  // namespace mds::ctl::doctor
