#include "grid.hh"

#include <fmt/core.h>

#include "base/clock.hh"
#include "service.hh"

namespace mds::core {
namespace {

// A server that was not heard for this long is silent; its cells lose their state at once (P2).
constexpr int64_t k_silent_ms = 5000;

}  // namespace

void Grid::local(const std::string& server, json::value status) {
    local_[server] = std::move(status);
}

json::value Grid::local(const std::string& server) const {
    auto it = local_.find(server);
    return it == local_.end() ? json::value(nullptr) : it->second;
}

void Grid::heard(const Uid& mds, json::object row) {
    Remote& remote = remote_[mds];
    remote.row = std::move(row);
    remote.heard_mono = mono_ms();
    remote.heard_wall = wall_ms();
}

void Grid::link(const Uid& mds, const std::string& state, const std::string& reason) {
    remote_[mds].link_state = state;
    remote_[mds].link_reason = reason;
}

std::string Grid::link_reason(const Uid& mds) const {
    auto it = remote_.find(mds);
    return it == remote_.end() ? "" : it->second.link_reason;
}

bool Grid::silent(const Uid& mds) const {
    auto it = remote_.find(mds);
    return it == remote_.end() || it->second.heard_mono == 0 ||
           mono_ms() - it->second.heard_mono > k_silent_ms;
}

int64_t Grid::last_contact(const Uid& mds) const {
    auto it = remote_.find(mds);
    return it == remote_.end() ? 0 : it->second.heard_wall;
}

json::object Grid::own_row() {
    json::array servers;
    for (const auto& [name, status] : local_) {
        if (!status.is_object()) continue;
        json::object row = status.as_object();
        row.erase("sessions");
        servers.push_back(std::move(row));
    }
    const Identity& me = *service_.identity();
    return {{"uid", me.uid.text()},
            {"name", me.name},
            {"role", me.role},
            {"version", mds::version()},
            {"clock", wall_ms()},
            {"revision", service_.system().db().position().rev},
            {"domain-servers", std::move(servers)}};
}

json::value Grid::cell(const Uid& mds, const Uid& domain) const {
    if (mds == service_.identity()->uid) {
        for (const auto& [name, status] : local_) {
            if (status.is_object() &&
                json::get_string(status.as_object(), "domain-uid") == domain.text()) {
                return status;
            }
        }
        return nullptr;
    }
    auto it = remote_.find(mds);
    if (it == remote_.end()) return nullptr;
    for (const json::value& v : json::get_array(it->second.row, "domain-servers")) {
        if (json::get_string(v.as_object(), "domain-uid") == domain.text()) return v;
    }
    return nullptr;
}

Uid Grid::active_mds(const Uid& domain) const {
    auto domain_active = [&](const Uid& mds) {
        json::value status = cell(mds, domain);
        return status.is_object() && json::get_string(status.as_object(), "role") == "active";
    };
    if (domain_active(service_.identity()->uid)) return service_.identity()->uid;
    for (const auto& [mds, remote] : remote_) {
        if (!silent(mds) && domain_active(mds)) return mds;
    }
    return {};
}

json::object Grid::json() {
    const Identity& me = *service_.identity();
    json::array problems, servers, domains;
    auto mdss = service_.all_mdss();
    auto rows = service_.all_domains();
    std::map<Uid, std::pair<int, int>> counts;
    for (const Service::DomainRow& d : rows) {
        for (const json::value& s : d.servers) {
            auto mds = Uid::parse(json::get_string(s.as_object(), "mds"));
            if (!mds || json::get_string(s.as_object(), "type") == "log server") continue;
            bool heard = *mds == me.uid || !silent(*mds);
            json::value status = cell(*mds, d.uid);
            bool active = heard && status.is_object() &&
                          json::get_string(status.as_object(), "role") == "active";
            ++(active ? counts[*mds].first : counts[*mds].second);
        }
    }
    for (const Service::MdsRow& m : mdss) {
        bool self = m.uid == me.uid;
        bool quiet = !self && silent(m.uid);
        std::string version = mds::version(), reason;
        uint32_t round_trip = 0;
        if (!self) {
            auto it = remote_.find(m.uid);
            version = it == remote_.end() ? "?" : json::get_string(it->second.row, "version", "?");
            if (quiet) reason = link_reason(m.uid);
            else if (it != remote_.end()) round_trip = it->second.round_trip_us;
        }
        servers.push_back(json::object{{"uid", m.uid.text()},
                                       {"name", m.name},
                                       {"address", m.address},
                                       {"role", m.role},
                                       {"self", self},
                                       {"state", quiet ? "silent" : "running"},
                                       {"last-contact", self ? wall_ms() : last_contact(m.uid)},
                                       {"reason", reason},
                                       {"round-trip-us", round_trip},
                                       {"version", version},
                                       {"active", counts[m.uid].first},
                                       {"standby", counts[m.uid].second}});
        if (quiet) {
            std::string when = last_contact(m.uid)
                                   ? "last contact " + rfc3339(last_contact(m.uid))
                                   : std::string("no contact since this server started");
            problems.push_back(json::object{
                {"what", fmt::format("{} does not answer on {}", m.name, m.address)},
                {"why", reason.empty() ? when : reason + ", " + when},
                {"since", last_contact(m.uid)},
                {"next", json::array{"mdsctl server list"}}});
        }
    }
    for (const Service::DomainRow& d : rows) {
        json::array cells;
        std::string worst = d.servers.size() > 1 ? "synchronized" : "single";
        size_t actives = 0;
        Uid active = active_mds(d.uid);
        json::value seen = active.is_nil() ? json::value(nullptr) : cell(active, d.uid);
        for (const json::value& v : d.servers) {
            const json::object& s = v.as_object();
            auto mds = Uid::parse(json::get_string(s, "mds"));
            bool self = *mds == me.uid, heard = self || !silent(*mds);
            json::value status = cell(*mds, d.uid);
            bool log = json::get_string(s, "type") == "log server";
            std::string state = "unknown", sync = "unreachable";
            if (heard && status.is_object()) state = json::get_string(status.as_object(), "role");
            if (heard && !status.is_object()) state = "stopped";
            if (state == "active") ++actives;
            if (log && state != "stopped") state = "log server";
            // What the Active says about a peer is the truth about the pair; without an Active,
            // being heard is all that is known.
            if (*mds == active) {
                sync = "synchronized";
            } else if (seen.is_object()) {
                for (const json::value& p : json::get_array(seen.as_object(), "peers")) {
                    if (json::get_string(p.as_object(), "mds") == mds->text()) {
                        sync = json::get_string(p.as_object(), "sync-status");
                    }
                }
            } else if (heard && state != "stopped") {
                sync = "no-active";
            }
            if (sync != "synchronized" && worst != "unreachable" && d.servers.size() > 1) {
                worst = sync;
            }
            json::object row{{"mds", mds->text()},
                             {"mds-name", json::get_string(s, "mds-name")},
                             {"server", json::get_string(s, "name")},
                             {"address", json::get_string(s, "ipv4-address")},
                             {"type", json::get_string(s, "type")},
                             {"primary", json::get_bool(s, "primary")},
                             {"ha-state", state},
                             {"sync-status", sync}};
            if (heard && status.is_object()) {
                row["revision"] = json::get_int(status.as_object(), "revision");
                row["parked"] = json::get_int(status.as_object(), "parked");
            }
            cells.push_back(std::move(row));
        }
        if (actives == 0) worst = "no-active";
        if (actives > 1) worst = "collision";
        if (worst != "synchronized" && worst != "single") {
            std::string why = worst == "no-active"   ? "no server of it is Active"
                              : worst == "collision" ? "more than one server of it is Active"
                                                     : "a server of it is " + worst;
            problems.push_back(json::object{{"what", "Domain " + d.name + ": " + why},
                                            {"why", ""},
                                            {"since", 0},
                                            {"next", json::array{"mdsctl ha status " + d.name}}});
        }
        domains.push_back(json::object{{"name", d.name},
                                       {"uid", d.uid.text()},
                                       {"domain-type", d.type},
                                       {"sync", worst},
                                       {"cells", std::move(cells)}});
    }
    auto running = service_.system().workspace().tasks("in progress");
    auto failed = service_.system().workspace().tasks("failed");
    return {{"deployment", me.deployment_name},
            {"self", me.uid.text()},
            {"role", me.role},
            {"servers", std::move(servers)},
            {"domains", std::move(domains)},
            {"tasks", json::object{{"running", running.size()}, {"failed", failed.size()}}},
            {"problems", std::move(problems)}};
}

}  // namespace mds::core
