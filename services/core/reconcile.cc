// Makes this host's Domain Servers what the system data says (docs/architecture.md).
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/text.hh"
#include "log/messages.hh"
#include "service.hh"
#include "store/refs.hh"

namespace mds::core {
namespace fs = std::filesystem;

std::vector<Service::MdsRow> Service::all_mdss() {
    std::vector<MdsRow> rows;
    system().workspace().inspect([&](mgmt::Call& call) {
        for (const mgmt::View& v : call.all("mds")) {
            MdsRow row;
            row.uid = v.uid;
            row.name = v.name;
            row.address = json::get_string(v.document, "ipv4-address",
                                           json::get_string(v.document, "ipv6-address"));
            row.role = json::get_string(v.document, "role");
            row.replaced = json::get_object(v.document, "replaced");
            if (json::get_string(v.document, "server-type") == "multi-domain log server") {
                row.role = "log-server";
            }
            rows.push_back(std::move(row));
        }
    });
    // Primary, Secondaries, log servers: the order of the grid's columns (W-G1).
    auto rank = [](const MdsRow& r) {
        return std::pair(r.role == "primary" ? 0 : r.log_server() ? 2 : 1, r.name);
    };
    std::sort(rows.begin(), rows.end(),
              [&](const MdsRow& a, const MdsRow& b) { return rank(a) < rank(b); });
    return rows;
}

std::optional<Service::MdsRow> Service::find_mds(const std::string& word) {
    for (MdsRow& row : all_mdss()) {
        if (fold(row.name) == fold(word) || row.uid.text() == word || row.address == word) {
            return std::move(row);
        }
    }
    return std::nullopt;
}

std::vector<Service::DomainRow> Service::all_domains() {
    std::vector<DomainRow> rows;
    std::map<Uid, std::string> names;
    for (const MdsRow& row : all_mdss()) names[row.uid] = row.name;
    system().workspace().inspect([&](mgmt::Call& call) {
        for (const mgmt::View& v : call.all("domain")) {
            DomainRow row{v.uid, v.name, json::get_string(v.document, "domain-type", "domain"), {}};
            for (const json::value& s : json::get_array(v.document, "servers")) {
                json::object server = s.as_object();
                auto mds = store::parse_reference(json::get_string(server, "multi-domain-server"));
                if (!mds) continue;
                server["mds"] = mds->text();
                server["mds-name"] = names[*mds];
                row.servers.push_back(std::move(server));
            }
            rows.push_back(std::move(row));
        }
    });
    std::stable_sort(rows.begin(), rows.end(), [](const DomainRow& a, const DomainRow& b) {
        return (a.type == "global domain") > (b.type == "global domain");
    });
    return rows;
}

std::optional<Service::DomainRow> Service::find_domain(const std::string& word) {
    for (DomainRow& row : all_domains()) {
        bool match = fold(row.name) == fold(word) || row.uid.text() == word;
        for (const json::value& s : row.servers) {
            // A Domain Server's name or address names its Domain too; Global's have none of their own.
            match = match || (row.type != "global domain" &&
                              (json::get_string(s.as_object(), "ipv4-address") == word ||
                               fold(json::get_string(s.as_object(), "name")) == fold(word)));
        }
        if (match) return std::move(row);
    }
    return std::nullopt;
}

namespace {

server::Config domain_config(const Identity& me, const Service::DomainRow& domain,
                             const std::map<std::string, std::string>& addresses) {
    server::Config c;
    c.domain_uid = domain.uid;
    c.domain_name = domain.name;
    c.domain_type = domain.type;
    c.beside = me.address;
    c.interface = me.interface;
    c.mds_name = me.name;
    c.deployment = me.deployment_id;
    for (const json::value& v : domain.servers) {
        const json::object& s = v.as_object();
        auto uid = Uid::parse(json::get_string(s, "uid"));
        auto mds = Uid::parse(json::get_string(s, "mds"));
        if (!uid || !mds) continue;
        bool log_server = json::get_string(s, "type") == "log server";
        std::string address = json::get_string(s, "ipv4-address", json::get_string(s, "ipv6-address"));
        if (address.empty() && addresses.count(mds->text())) address = addresses.at(mds->text());
        if (*mds == me.uid) {
            c.self.mds = *mds;
            c.self.server = *uid;
            c.self.name = json::get_string(s, "name");
            c.self.version = mds::version();
            c.self.log_server = log_server;
            c.self.founder = json::get_bool(s, "primary");
            c.self.domain = domain.name;
            c.primary = json::get_bool(s, "primary");
            c.address = address;
        } else {
            repl::Peer p;
            p.mds = *mds;
            p.server = *uid;
            p.name = json::get_string(s, "name");
            // Servers of Global are named by their Multi-Domain Server (MD-4).
            if (domain.type == "global domain") p.name = json::get_string(s, "mds-name");
            p.mds_name = json::get_string(s, "mds-name");
            p.address = address;
            p.log_server = log_server;
            p.primary = json::get_bool(s, "primary");
            c.peers.push_back(std::move(p));
        }
    }
    return c;
}

}  // namespace

void Service::refresh(const std::string& server) {
    call_domain(server, "Reload", "", [server](std::optional<Error> error, std::string) {
        // It is not on the bus yet; it is asked again when it is.
        if (error) log::debug(server + " does not reload server.json: " + error->message());
    });
    call_domain(server, "Status", "", [this, server](auto error, std::string status) {
        if (!error) grid_->local(server, json::parse(status));
    });
}

void Service::reconcile() {
    const Identity& me = *identity_;
    std::map<std::string, std::string> addresses;
    for (const MdsRow& row : all_mdss()) addresses[row.uid.text()] = row.address;
    const std::string why = fence();
    std::set<std::string> wanted;
    for (const DomainRow& domain : all_domains()) {
        server::Config config = domain_config(me, domain, addresses);
        config.fence = why;
        if (config.self.server.is_nil()) continue;
        const std::string server = config.self.name;
        wanted.insert(server);
        std::string folder = root() + "/domains/" + domain.uid.text();
        std::string link = root() + "/servers/" + server;
        std::string text = json::pretty(config.to_json()) + "\n";
        try {
            // A Domain that was restored begins with what was made for it, never empty.
            if (std::string made = restored_folder(domain.uid); fs::exists(made)) {
                fs::rename(made, folder);
                sync_folder(root() + "/domains");
            }
            fs::create_directories(folder);
            fs::create_directories(root() + "/servers");
            std::string path = folder + "/server.json";
            bool fresh = !fs::exists(path);
            bool changed = fresh || read_file(path) != text;
            if (changed) replace_file(path, text);
            if (!fs::is_symlink(link)) fs::create_symlink("../domains/" + domain.uid.text(), link);
            bool placed = placed_.insert(server).second;
            if (placed) domain_proxy(server);
            // What an administrator has stopped stays stopped when this process starts again.
            if (placed && !stopped_.find(server)) {
                units_->start(server, [server](const std::string& error) {
                    if (!error.empty()) {
                        log::event(log::message::domain_server_not_started,
                                   "Domain Server " + server + " cannot be started: " + error,
                                   {{"MDS_SERVER", server}, {"MDS_REASON", error}});
                    }
                });
            }
            if (placed || changed) refresh(server);
        } catch (const std::exception& e) {
            log::event(log::message::domain_server_not_started, "Domain Server " + server + ": " + e.what(),
                       {{"MDS_DOMAIN", domain.name}, {"MDS_SERVER", server}, {"MDS_REASON", e.what()}});
        }
    }
    // What is no longer listed goes away with its data (SD-7).
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(root() + "/servers", ignored)) {
        std::string server = entry.path().filename();
        if (wanted.count(server)) continue;
        fs::path folder = fs::weakly_canonical(entry.path());
        std::string link = entry.path();
        placed_.erase(server);
        grid_->local(server, nullptr);
        domain_proxies_.erase(server);
        stopped_.clear(server);
        units_->stop(server, [folder, link, server](const std::string& error) {
            if (!error.empty()) log::warning("stopping " + server + ": " + error);
            std::error_code failed;
            fs::remove(link, failed);
            fs::remove_all(folder, failed);
            log::notice("Domain Server " + server + " was removed", {{"MDS_SERVER", server}});
        });
    }
}

}  // namespace mds::core
