#pragma once
#include <map>
#include <string>

#include "base/ids.hh"
#include "json/json.hh"

namespace mds::core {

class Service;

/// What this server knows of every server and Domain of the deployment: its own Domain Servers
/// first hand, those of others by the heartbeat of their mds-core.
class Grid {
  public:
    explicit Grid(Service& service) : service_(service) {}

    /// Status JSON of a Domain Server on this host; null when it is not there.
    void local(const std::string& server, json::value status);
    json::value local(const std::string& server) const;
    /// Heartbeat of another server.
    void heard(const Uid& mds, json::object row);
    /// What this server tells the others.
    json::object own_row();
    /// Whether another server was heard lately; its age in ms (-1 never).
    bool silent(const Uid& mds) const;
    int64_t last_contact(const Uid& mds) const;
    /// What mds-sync says about the link.
    void link(const Uid& mds, const std::string& state, const std::string& reason);
    std::string link_reason(const Uid& mds) const;
    /// Round trip that mds-sync measured, in microseconds; 0 = not known.
    void round_trip(const Uid& mds, uint32_t us) { remote_[mds].round_trip_us = us; }

    /// The Status JSON of the server of a Domain on an MDS; null when nothing is known.
    json::value cell(const Uid& mds, const Uid& domain) const;
    /// The MDS on which the Domain is Active, nil when nobody is known to be.
    Uid active_mds(const Uid& domain) const;

    json::object json();

  private:
    struct Remote {
        json::object row;
        int64_t heard_mono = 0, heard_wall = 0;
        std::string link_state, link_reason;
        uint32_t round_trip_us = 0;
    };
    json::object domain_row(const json::object& domain, json::array& problems);
    Service& service_;
    std::map<std::string, json::value> local_;
    std::map<Uid, Remote> remote_;
};

}  // namespace mds::core
