#include "server/config.hh"

#include "base/error.hh"
#include "base/text.hh"
#include "base/version.hh"
#include "bus/domain_name.hh"
#include "store/hash.hh"

namespace mds::server {
namespace {

Uid need_uid(const json::object& o, const char* what, const char* key) {
    auto uid = Uid::parse(json::get_string(o, key));
    if (!uid) {
        throw Error(Code::invalid_parameter,
                    std::string("server.json: ") + what + "." + key + " is not a uid");
    }
    return *uid;
}

std::string need(const json::object& o, const char* what, const char* key) {
    std::string text = json::get_string(o, key);
    if (text.empty()) {
        throw Error(Code::invalid_parameter,
                    std::string("server.json: ") + what + "." + key + " is missing");
    }
    return text;
}

const char* type_word(bool log_server) { return log_server ? "log server" : "management server"; }

}  // namespace

json::object Config::to_json() const {
    json::array rows;
    for (const repl::Peer& p : peers) {
        rows.push_back(json::object{{"uid", p.server.text()},
                                    {"name", p.name},
                                    {"address", p.address},
                                    {"mds", p.mds.text()},
                                    {"mds-name", p.mds_name},
                                    {"type", type_word(p.log_server)},
                                    {"primary", p.primary}});
    }
    json::object out{
        {"domain", json::object{{"uid", domain_uid.text()},
                                {"name", domain_name},
                                {"type", domain_type}}},
        {"server", json::object{{"uid", self.server.text()},
                                {"name", self.name},
                                {"address", address},
                                {"mds", self.mds.text()},
                                {"mds-name", mds_name},
                                {"type", type_word(self.log_server)},
                                {"primary", primary},
                                {"founder", self.founder},
                                {"beside", beside},
                                {"interface", interface}}},
        {"peers", std::move(rows)},
        {"deployment", deployment}};
    if (!fence.empty()) out["fence"] = fence;
    return out;
}

Config Config::from_json(const json::object& o) {
    Config c;
    const json::object& domain = json::get_object(o, "domain");
    c.domain_uid = need_uid(domain, "domain", "uid");
    c.domain_name = need(domain, "domain", "name");
    c.domain_type = json::get_string(domain, "type", "domain");
    const json::object& server = json::get_object(o, "server");
    c.self.server = need_uid(server, "server", "uid");
    c.self.mds = need_uid(server, "server", "mds");
    c.self.name = need(server, "server", "name");
    c.self.version = mds::version();
    c.self.log_server = json::get_string(server, "type") == "log server";
    c.self.founder = json::get_bool(server, "founder");
    c.self.domain = c.domain_name;
    c.address = json::get_string(server, "address");
    c.beside = json::get_string(server, "beside");
    c.interface = json::get_string(server, "interface");
    c.mds_name = c.self.mds_name = json::get_string(server, "mds-name");
    c.primary = json::get_bool(server, "primary");
    for (const json::value& row : json::get_array(o, "peers")) {
        const json::object& p = row.as_object();
        repl::Peer peer;
        peer.server = need_uid(p, "peers", "uid");
        peer.mds = need_uid(p, "peers", "mds");
        peer.name = need(p, "peers", "name");
        peer.address = json::get_string(p, "address");
        peer.mds_name = json::get_string(p, "mds-name");
        peer.log_server = json::get_string(p, "type") == "log server";
        peer.primary = json::get_bool(p, "primary");
        c.peers.push_back(std::move(peer));
    }
    c.deployment = json::get_string(o, "deployment");
    c.fence = json::get_string(o, "fence");
    return c;
}

Config Config::load(const std::string& path) {
    try {
        return from_json(json::parse_object(read_file(path)));
    } catch (const Error& e) {
        throw Error(Code::invalid_parameter, path + ": " + e.message());
    }
}

std::string shown_name(const Config& c) {
    return c.domain_type == "domain" ? c.self.name : c.mds_name;
}

std::string shown_name(const Config& c, const repl::Peer& peer) {
    return c.domain_type == "domain" ? peer.name : peer.mds_name;
}

std::string domain_bus_name(const std::string& server_name) { return bus::domain_name(server_name); }

std::string owner_tag(const std::string& bus_name) {
    store::Hash hash = store::sha256(bus_name);
    return base64url(store::raw(hash).substr(0, 6));
}

}  // namespace mds::server
