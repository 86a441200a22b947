#pragma once
#include <optional>
#include <string>
#include <vector>

#include "json/json.hh"

// This host's part of the deployment as its files tell it, and starting and stopping all of it: the
// functions behind mdsstart, mdsstop and mdsctl server.
namespace mds::control {

/// Whether first-time setup has ended here; anybody may ask.
bool is_set_up();
/// identity.json of this server; empty while it is not set up, and for who may not read it.
json::object identity();

/// A Domain Server of this host, as mds-core has written it down.
struct DomainServer {
    std::string name, domain, address;
    bool log_server = false;

    std::string unit() const { return "mds-domain@" + name + ".service"; }
};
/// By name; empty for who may not read it.
std::vector<DomainServer> domain_servers();
/// The one with this name or address.
std::optional<DomainServer> find_domain_server(const std::string& word);

/// Who has stopped a Domain Server here: {"by","since" (wall ms),"reason","domain","on"}; empty
/// when nobody has.
json::object stopped_by(const std::string& server);
/// "stopped by anna 5 min ago"; where there is room for the reason is the caller's.
std::string stopped_text(const json::object& mark);

/// Starts everything, Domain Servers that somebody has stopped as well; `only_mds`: leaves those as
/// they are.
void start_host(bool only_mds);
void stop_host();

}  // namespace mds::control
