#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "base/clock.hh"
#include "base/ids.hh"
#include "json/json.hh"

namespace mds::core {

class Service;

/// A certificate that ends so soon should have been renewed two months ago (K-13).
inline constexpr int64_t k_certificate_alarm_ms = 7LL * 24 * 3'600'000;

/// Whether a server of a management database, by its status, hears its peer on an MDS.
bool hears_server(const json::object& status, const Uid& mds);

/// What this server knows of every server and Domain of the deployment: its own Domain Servers
/// first hand, those of others by the heartbeat of their mds-core.
class Grid {
  public:
    explicit Grid(Service& service) : service_(service) {}

    /// Status JSON of a Domain Server on this host; null when it is not there.
    void local(const std::string& server, json::value status);
    const json::object* local(const std::string& server) const;
    /// Heartbeat of another server: beat() of its grid. Whether it is the first of a mds-core that has started.
    bool heard(const Uid& mds, json::object beat);
    /// What this server tells the others every second: itself, and its Domain Servers whose status
    /// has changed since the last beat; `whole`: all of them, for a server that may have missed some.
    /// {"uid","name","role","version","clock","started","revision","whole","domain-servers":[Status],
    /// "gone":[<Domain uid>],"stopped":{<server>: who has stopped it}}
    json::object beat(bool whole);
    /// The changes were told to everybody.
    void told();
    /// Whether another server was heard lately; its age in ms (-1 never).
    /// By how many ms this server's clock is ahead of the nearest clock of those that are heard; 0 when one of
    /// them says the same time, or nobody is heard.
    int64_t clock_ahead() const;
    /// Those whose clock differs too much, by how many ms it is ahead of the one here. When all that are heard
    /// agree, it is this server alone, by how many ms it is ahead of theirs.
    std::map<Uid, int64_t> wrong_clocks() const;
    /// By how many ms the clock of another server is ahead of the one here; nothing while it is not heard.
    std::optional<int64_t> clock_difference(const Uid& mds) const;
    /// When the certificate of a server ends, wall ms; 0 = not known.
    int64_t certificate_until(const Uid& mds) const;
    bool silent(const Uid& mds) const;
    /// No Domain Server of a server that answers hears one on this server any more.
    bool domain_servers_miss(const Uid& mds) const;
    int64_t last_contact(const Uid& mds) const;
    /// Revision of the system data that it named last; 0 = none since this server started.
    uint64_t system_revision(const Uid& mds) const;
    /// What mds-sync says about the link.
    void link(const Uid& mds, const std::string& state, const std::string& reason);
    std::string link_reason(const Uid& mds) const;
    /// Whether mds-sync is connected with its host.
    bool connected(const Uid& mds) const;
    /// Round trip that mds-sync measured, in microseconds; 0 = not known.
    void round_trip(const Uid& mds, uint32_t us) { remote_[mds].round_trip_us = us; }

    /// The Status JSON of the server of a Domain on an MDS; null when nothing is known. Until the
    /// next change of the grid.
    const json::object* cell(const Uid& mds, const Uid& domain) const;
    /// The MDS on which the Domain is Active, nil when nobody is known to be.
    Uid active_mds(const Uid& domain) const;

    /// Who has stopped a Domain Server (StoppedServers); null when nobody has, when it runs all the same, or while
    /// its host is not heard.
    const json::object* stopped(const Uid& mds, const Uid& domain, const std::string& server) const;

    json::object json();

  private:
    struct Host {
        /// Status by Domain.
        std::unordered_map<Uid, json::object> cells;
    };
    struct Remote : Host {
        std::string version = "?", renewal_problem;
        /// As in beat().
        json::object stopped;
        int64_t certificate_until = 0;
        uint64_t revision = 0;
        int64_t heard_mono = 0, heard_wall = 0;
        /// Its clock when it was heard, wall ms.
        int64_t clock = 0;
        /// When its mds-core started, by its clock: wall ms.
        int64_t started = 0;
        std::string link_state, link_reason;
        uint32_t round_trip_us = 0;
    };
    /// What its clock shows now, wall ms.
    static int64_t clock_of(const Remote& remote);
    json::object domain_row(const json::object& domain, json::array& problems);
    Service& service_;
    /// Wall ms; tells this run of mds-core from the one before.
    const int64_t started_ = wall_ms();
    Host own_;
    /// Domain of a local server; a server without status has none.
    std::map<std::string, Uid> domains_;
    std::set<Uid> changed_;
    std::map<Uid, Remote> remote_;
};

}  // namespace mds::core
