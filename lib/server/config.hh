#pragma once
#include <string>
#include <vector>

#include "base/ids.hh"
#include "json/json.hh"
#include "repl/replica.hh"

namespace mds::server {

/// server.json of a Domain Server (and the same facts for the system data of mds-core): who this
/// server is and who its peers are. Written by mds-core only, replaced atomically.
/// {"domain":{"uid","name","type"},                      type: "domain" | "global domain" | "mds"
///  "server":{"uid","name","address","mds","mds-name","type","primary","founder","beside",
///            "interface"},                             type: "management server" | "log server"
///  "peers":[{"uid","name","address","mds","mds-name","type","primary"}],
///  "deployment":"<id>",
///  "fence":"<why this server is read-only>"}             absent: it is not
struct Config {
    Uid domain_uid;
    std::string domain_name, domain_type;
    repl::Replica::Identity self;
    /// Address of this server (empty for Global and system data: the address of the host).
    std::string address;
    /// Address of the host, and the interface that carries Domain Server addresses (may be empty).
    std::string beside, interface;
    std::string mds_name;
    bool primary = false;
    std::vector<repl::Peer> peers;
    std::string deployment;
    /// Another server was promoted in place of this host's (FR-3): repl::Replica::set_fence.
    std::string fence;

    json::object to_json() const;
    /// Throws mds::Error(invalid_parameter) naming what is missing.
    static Config from_json(const json::object& o);
    static Config load(const std::string& path);
};

/// What people call a server: the Global Domain's have no names of their own, only that of their
/// Multi-Domain Server (MD-4).
std::string shown_name(const Config& config);
std::string shown_name(const Config& config, const repl::Peer& peer);
/// org.openmds.Domain1.<escaped name> (docs/architecture.md).
std::string domain_bus_name(const std::string& server_name);
/// The 8 characters that every session id of the owner of this bus name begins with.
std::string owner_tag(const std::string& bus_name);

}  // namespace mds::server
