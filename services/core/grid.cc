#include "grid.hh"

#include <fmt/core.h>

#include <algorithm>
#include <utility>
#include <cstdlib>
#include <optional>

#include "base/clock.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "service.hh"
#include "stopped.hh"

namespace mds::core {
namespace {

// A server that was not heard for this long is silent; its cells lose their state at once (P2).
constexpr int64_t k_silent_ms = 5000;
/// Clocks that differ by more than certificates and their readers forgive (as at an enrolment).
constexpr int64_t k_same_clock_ms = 300'000;

/// So many Domains with one problem have a line each; of more the first ones are named in one line.
constexpr size_t k_most_lines = 3, k_most_named = 10;

/// Whether a server of a management database, by its status, is connected with its peer on an MDS; log servers
/// too, which have no state of their own there (hears_server).
bool connected_with(const json::object& status, const Uid& mds) {
    const json::array& peers = json::get_array(status, "peers");
    return std::any_of(peers.begin(), peers.end(), [&](const json::value& v) {
        const json::object& p = v.as_object();
        std::string sync = json::get_string(p, "sync-status");
        return json::get_string(p, "mds") == mds.text() && sync != "unreachable" && sync != "trust-missing";
    });
}

/// One lost host is a problem of all its Domains.
void add_domain_problems(const std::vector<std::string>& names, const std::string& why, json::array& out) {
    auto add = [&](const std::string& what, const std::string& named, const std::string& example) {
        out.push_back(json::object{{"kind", "domains"},
                                   {"what", what + ": " + why},
                                   {"why", named},
                                   {"since", 0},
                                   {"next", json::array{"mdsctl ha status " + shell_word(example)}}});
    };
    if (names.size() > k_most_lines) {
        std::vector<std::string> first(names.begin(),
                                       names.begin() + static_cast<long>(std::min(names.size(), k_most_named)));
        std::string rest = names.size() > k_most_named
                               ? fmt::format(" and {} more", names.size() - k_most_named)
                               : std::string();
        return add(fmt::format("{} Domains", names.size()), join(first, ", ") + rest, names.front());
    }
    for (const std::string& name : names) add("Domain " + name, "", name);
}

/// A Domain Server that an administrator has stopped.
struct StoppedServer {
    std::string domain, server, on;
    json::object mark;

    std::string start() const { return "mdsctl ds start " + shell_word(domain) + " " + shell_word(on); }
};

void add_stopped_problems(const std::vector<StoppedServer>& stopped, json::array& out) {
    if (stopped.size() > k_most_lines) {
        std::vector<std::string> names;
        for (const StoppedServer& s : stopped) {
            if (names.size() < k_most_named) names.push_back(s.server + " on " + s.on);
        }
        size_t more = stopped.size() - names.size();
        std::string what = fmt::format("{} Domain Servers are stopped by administrators", stopped.size());
        out.push_back(json::object{{"kind", "stopped"},
                                   {"what", std::move(what)},
                                   {"why", join(names, ", ") + (more ? fmt::format(" and {} more", more) : "")},
                                   {"since", 0},
                                   {"next", json::array{stopped.front().start(), "mdsctl ds list"}}});
        return;
    }
    for (const StoppedServer& s : stopped) {
        bool active = json::get_string(s.mark, "role") == "active";
        out.push_back(json::object{
            {"kind", "stopped"},
            {"what", fmt::format("{} of Domain {} on {} is {}", s.server, s.domain, s.on, stopped_text(s.mark))},
            {"why", active ? "it was the Active server: nobody can change the Domain until it runs again" : ""},
            {"since", json::get_int(s.mark, "since")},
            {"next", json::array{s.start()}}});
    }
}

}  // namespace

void Grid::local(const std::string& server, json::value status) {
    if (auto known = domains_.find(server); known != domains_.end()) {
        changed_.insert(known->second);
        if (!status.is_object()) {
            own_.cells.erase(known->second);
            domains_.erase(known);
        }
    }
    if (!status.is_object()) return;
    auto domain = Uid::parse(json::get_string(status.as_object(), "domain-uid"));
    if (!domain) return;
    domains_[server] = *domain;
    own_.cells[*domain] = std::move(status.as_object());
    changed_.insert(*domain);
}

const json::object* Grid::local(const std::string& server) const {
    auto it = domains_.find(server);
    return it == domains_.end() ? nullptr : &own_.cells.at(it->second);
}

bool Grid::heard(const Uid& mds, json::object beat) {
    Remote& remote = remote_[mds];
    int64_t before = std::exchange(remote.started, json::get_int(beat, "started"));
    remote.heard_mono = mono_ms();
    remote.heard_wall = wall_ms();
    remote.clock = json::get_int(beat, "clock");
    remote.version = json::get_string(beat, "version", "?");
    remote.certificate_until = json::get_int(json::get_object(beat, "certificate"), "not-after");
    remote.renewal_problem = json::get_string(beat, "renewal-problem");
    remote.stopped = json::get_object(beat, "stopped");
    remote.revision = static_cast<uint64_t>(json::get_int(beat, "revision"));
    if (json::get_bool(beat, "whole")) remote.cells.clear();
    for (const json::value& gone : json::get_array(beat, "gone")) {
        if (auto domain = Uid::parse(std::string(gone.as_string()))) remote.cells.erase(*domain);
    }
    json::value* rows = beat.if_contains("domain-servers");
    if (rows && rows->is_array()) {
        for (json::value& row : rows->as_array()) {
            auto domain = Uid::parse(json::get_string(row.as_object(), "domain-uid"));
            if (domain) remote.cells[*domain] = std::move(row.as_object());
        }
    }
    return before != remote.started;
}

json::object Grid::beat(bool whole) {
    json::array servers, gone;
    auto add = [&](const json::object& status) {
        json::object row = status;
        row.erase("sessions");
        row.erase("audit");
        servers.push_back(std::move(row));
    };
    if (whole) {
        for (const auto& [domain, status] : own_.cells) add(status);
    } else {
        for (const Uid& domain : changed_) {
            auto it = own_.cells.find(domain);
            if (it != own_.cells.end()) {
                add(it->second);
            } else {
                gone.push_back(json::value(domain.text()));
            }
        }
    }
    const Identity& me = *service_.identity();
    json::object stopped;
    for (const auto& [server, why] : service_.stopped().all()) stopped[server] = why;
    json::object authority = service_.authority();
    if (!whole) authority.erase("sealing");  // it never changes
    return {{"uid", me.uid.text()},
            {"name", me.name},
            {"role", me.role},
            {"version", mds::version()},
            {"clock", wall_ms()},
            {"started", started_},
            {"certificate", service_.certificate()},
            {"lists", service_.lists_version()},
            {"authority", std::move(authority)},
            {"renewal-problem", service_.renewal_problem()},
            {"revision", service_.system().position().rev},
            {"whole", whole},
            {"domain-servers", std::move(servers)},
            {"gone", std::move(gone)},
            {"stopped", std::move(stopped)}};
}

void Grid::told() { changed_.clear(); }

void Grid::link(const Uid& mds, const std::string& state, const std::string& reason) {
    remote_[mds].link_state = state;
    remote_[mds].link_reason = reason;
}

std::string Grid::link_reason(const Uid& mds) const {
    auto it = remote_.find(mds);
    return it == remote_.end() ? "" : it->second.link_reason;
}

bool Grid::connected(const Uid& mds) const {
    auto it = remote_.find(mds);
    return it != remote_.end() && it->second.link_state == "connected";
}

bool Grid::silent(const Uid& mds) const {
    auto it = remote_.find(mds);
    return it == remote_.end() || it->second.heard_mono == 0 ||
           mono_ms() - it->second.heard_mono > k_silent_ms;
}

int64_t Grid::clock_of(const Remote& remote) { return remote.clock + mono_ms() - remote.heard_mono; }

int64_t Grid::clock_ahead() const {
    std::optional<int64_t> nearest;
    for (const auto& [mds, remote] : remote_) {
        if (silent(mds) || remote.clock == 0) continue;
        int64_t ahead = wall_ms() - clock_of(remote);
        if (!nearest || std::abs(ahead) < std::abs(*nearest)) nearest = ahead;
    }
    return nearest && std::abs(*nearest) > k_same_clock_ms ? *nearest : 0;
}

std::optional<int64_t> Grid::clock_difference(const Uid& mds) const {
    auto it = remote_.find(mds);
    if (it == remote_.end() || silent(mds) || it->second.clock == 0) return std::nullopt;
    return clock_of(it->second) - wall_ms();
}

std::map<Uid, int64_t> Grid::wrong_clocks() const {
    const int64_t mine = clock_ahead();
    const auto voices = std::count_if(remote_.begin(), remote_.end(), [this](const auto& one) {
        return clock_difference(one.first).has_value();
    });
    std::map<Uid, int64_t> out;
    // When it is another one than all that are heard, it is this server's clock that is wrong.
    if (voices > 1 && mine != 0) {
        out[service_.identity()->uid] = mine;
        return out;
    }
    for (const auto& [mds, remote] : remote_) {
        std::optional<int64_t> ahead = clock_difference(mds);
        if (ahead && std::abs(*ahead) > k_same_clock_ms) out[mds] = *ahead;
    }
    return out;
}

int64_t Grid::certificate_until(const Uid& mds) const {
    if (mds == service_.identity()->uid) return json::get_int(service_.certificate(), "not-after");
    auto it = remote_.find(mds);
    return it == remote_.end() ? 0 : it->second.certificate_until;
}

bool hears_server(const json::object& status, const Uid& mds) {
    const json::array& peers = json::get_array(status, "peers");
    return std::any_of(peers.begin(), peers.end(), [&](const json::value& v) {
        const json::object& p = v.as_object();
        return json::get_string(p, "mds") == mds.text() && json::get_string(p, "ha-state") != "unknown";
    });
}

bool Grid::domain_servers_miss(const Uid& mds) const {
    auto miss = [&](const Host& host) {
        return std::none_of(host.cells.begin(), host.cells.end(),
                            [&](const auto& cell) { return hears_server(cell.second, mds); });
    };
    return miss(own_) && std::all_of(remote_.begin(), remote_.end(), [&](const auto& remote) {
               return silent(remote.first) || miss(remote.second);
           });
}

int64_t Grid::last_contact(const Uid& mds) const {
    auto it = remote_.find(mds);
    return it == remote_.end() ? 0 : it->second.heard_wall;
}

uint64_t Grid::system_revision(const Uid& mds) const {
    auto it = remote_.find(mds);
    return it == remote_.end() ? 0 : it->second.revision;
}

const json::object* Grid::cell(const Uid& mds, const Uid& domain) const {
    const Host* host = &own_;
    if (mds != service_.identity()->uid) {
        auto it = remote_.find(mds);
        if (it == remote_.end()) return nullptr;
        host = &it->second;
    }
    auto it = host->cells.find(domain);
    return it == host->cells.end() ? nullptr : &it->second;
}

Uid Grid::active_mds(const Uid& domain) const {
    auto domain_active = [&](const Uid& mds) {
        const json::object* status = cell(mds, domain);
        return status && json::get_string(*status, "role") == "active";
    };
    if (domain_active(service_.identity()->uid)) return service_.identity()->uid;
    for (const auto& [mds, remote] : remote_) {
        if (!silent(mds) && domain_active(mds)) return mds;
    }
    return {};
}

const json::object* Grid::stopped(const Uid& mds, const Uid& domain, const std::string& server) const {
    if (cell(mds, domain)) return nullptr;
    if (mds == service_.identity()->uid) return service_.stopped().find(server);
    auto it = remote_.find(mds);
    if (it == remote_.end() || silent(mds)) return nullptr;
    const json::value* why = json::find(it->second.stopped, server);
    return why ? why->if_object() : nullptr;
}

json::object Grid::json() {
    const Identity& me = *service_.identity();
    json::array problems, notes, servers, domains;
    auto mdss = service_.all_mdss();
    auto rows = service_.all_domains();
    std::map<Uid, std::pair<int, int>> counts;
    for (const Service::DomainRow& d : rows) {
        for (const json::value& s : d.servers) {
            auto mds = Uid::parse(json::get_string(s.as_object(), "mds"));
            if (!mds || json::get_string(s.as_object(), "type") == "log server") continue;
            bool heard = *mds == me.uid || !silent(*mds);
            const json::object* status = cell(*mds, d.uid);
            bool active = heard && status && json::get_string(*status, "role") == "active";
            ++(active ? counts[*mds].first : counts[*mds].second);
        }
    }
    const std::map<Uid, int64_t> wrong = wrong_clocks();
    // The other servers that answer and hear one: where the fault of a silent server is.
    auto heard_by = [&](const Uid& mds) {
        json::array names;
        for (const Service::MdsRow& other : mdss) {
            auto it = remote_.find(other.uid);
            if (other.uid == mds || it == remote_.end() || silent(other.uid)) continue;
            const auto& cells = it->second.cells;
            bool any = std::any_of(cells.begin(), cells.end(), [&](const auto& cell) { return connected_with(cell.second, mds); });
            if (any) names.push_back(json::value(other.name));
        }
        return names;
    };
    for (const Service::MdsRow& m : mdss) {
        bool self = m.uid == me.uid;
        bool quiet = !self && silent(m.uid);
        std::string version = mds::version(), reason;
        std::string renewal = service_.renewal_problem();
        int64_t until = certificate_until(m.uid);
        uint32_t round_trip = 0;
        if (!self) {
            auto it = remote_.find(m.uid);
            version = it == remote_.end() ? "?" : it->second.version;
            renewal = it == remote_.end() ? "" : it->second.renewal_problem;
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
                                       {"certificate-until", until},
                                       {"renewal-problem", renewal},
                                       {"active", counts[m.uid].first},
                                       {"standby", counts[m.uid].second}});
        if (auto ahead = clock_difference(m.uid)) servers.back().as_object()["clock-ms"] = *ahead;
        if (!self) servers.back().as_object()["heard-by"] = heard_by(m.uid);
        if (auto it = wrong.find(m.uid); it != wrong.end()) {
            const int64_t ahead = it->second;
            servers.back().as_object()["clock-wrong-ms"] = ahead;
            problems.push_back(json::object{
                {"kind", "clock"},
                {"what", fmt::format("the clock of {} is {} {} {}", m.name, age_text(std::abs(ahead)),
                                     ahead > 0 ? "ahead of" : "behind",
                                     self ? "those of all other servers" : "the one here")},
                {"why", "certificates go by the clocks: none is made while they differ, and in the end connections "
                        "are refused"},
                {"since", 0},
                {"next", json::array{self ? "timedatectl" : "timedatectl  on " + m.name + " and here"}}});
        }
        if (until != 0 && until - wall_ms() < k_certificate_alarm_ms) {
            problems.push_back(json::object{
                {"kind", "certificate"},
                {"what", fmt::format("the certificate of {} {} on {}", m.name,
                                     until < wall_ms() ? "ended" : "ends", rfc3339(until))},
                {"why", renewal.empty() ? "it was not renewed in time" : "not renewed: " + renewal},
                {"since", until},
                {"next", json::array{"mdsctl server list"}}});
        }
        if (!m.replaced.empty()) {
            std::string by = json::get_string(m.replaced, "by-name");
            problems.push_back(json::object{
                {"kind", "replaced"},
                {"what", fmt::format("{} was replaced by {}{}", m.name, by,
                                     quiet ? "" : " and is back, read-only")},
                {"why", quiet ? "it does not answer; when it is lost for good it is deleted"
                              : "it is readmitted as Secondary, or set up anew"},
                {"since", json::get_int(m.replaced, "at")},
                {"next", json::array{quiet ? "mdsctl server delete " + shell_word(m.name)
                                           : "mdsctl server readmit " + shell_word(m.name)}}});
        } else if (quiet) {
            std::string when = last_contact(m.uid)
                                   ? "last contact " + rfc3339(last_contact(m.uid))
                                   : std::string("no contact since this server started");
            problems.push_back(json::object{
                {"kind", "silent"},
                {"what", fmt::format("{} does not answer on {}", m.name, m.address)},
                {"why", reason.empty() ? when : reason + ", " + when},
                {"since", last_contact(m.uid)},
                {"next", json::array{"mdsctl doctor " + m.name}}});
        }
    }
    const json::object system = service_.system().status();
    if (json::get_string(system, "state") == "collision") {
        std::string others;
        for (const json::value& v : json::get_array(system, "peers")) {
            const json::object& p = v.as_object();
            if (json::get_string(p, "ha-state") != "active") continue;
            others += (others.empty() ? "" : ", ") + json::get_string(p, "mds-name");
        }
        problems.push_back(json::object{
            {"kind", "two-primaries"},
            {"what", others.empty() ? std::string("another server is Primary too")
                                    : others + " is Primary too"},
            {"why", "both were promoted while they did not hear each other; nothing is published in System "
                    "Data until one of them steps back, on itself"},
            {"since", 0},
            {"next", json::array{"mdsctl ha set-standby \"System Data\""}}});
    }
    const json::object& tentative = json::get_object(system, "tentative");
    int64_t waiting = json::get_int(tentative, "count"), since = json::get_int(tentative, "since");
    if (waiting > 0 && wall_ms() - since > k_silent_ms) {
        std::string against = json::get_string(tentative, "problem");
        problems.push_back(json::object{
            {"kind", "waiting"},
            {"what", fmt::format("{} publish{} in System Data wait{} for the Primary", waiting,
                                 waiting == 1 ? "" : "es", waiting == 1 ? "s" : "")},
            {"why", "seen on the servers that answer here; the Primary carries it out or gives it back to its "
                    "author" + (against.empty() ? "" : ". As it is now: " + against)},
            {"since", since},
            {"next", json::array{"mdsctl server list", "mdsctl promote --plan"}}});
    }
    if (std::vector<std::string> missing = service_.promotion_missing(); !missing.empty()) {
        json::array next;
        for (const std::string& command : missing) next.push_back(json::value(command));
        problems.push_back(json::object{
            {"kind", "promotion"},
            {"what", "the promotion of " + me.name + " is half done; it is a Secondary still"},
            {"why", fmt::format("{} of the five commands are missing", missing.size())},
            {"since", 0},
            {"next", std::move(next)}});
    }
    for (const std::string& what : service_.audit_problems()) {
        problems.push_back(json::object{
            {"kind", "audit"},
            {"what", what},
            {"why", "changes are refused until it can be written again; reading works"},
            {"since", 0},
            {"next", json::array{"df -h /var/lib/mds"}}});
    }
    std::map<std::string, std::vector<std::string>> not_well;
    std::vector<StoppedServer> stopped_servers;
    for (const Service::DomainRow& d : rows) {
        json::array cells;
        std::string worst = d.servers.size() > 1 ? "synchronized" : "single", problem;
        size_t actives = 0;
        bool active_stopped = false;
        Uid active = active_mds(d.uid);
        const json::object* seen = active.is_nil() ? nullptr : cell(active, d.uid);
        for (const json::value& v : d.servers) {
            const json::object& s = v.as_object();
            auto mds = Uid::parse(json::get_string(s, "mds"));
            bool self = *mds == me.uid, heard = self || !silent(*mds);
            const json::object* status = cell(*mds, d.uid);
            bool log = json::get_string(s, "type") == "log server";
            std::string state = "unknown", sync = "unreachable";
            // What was just published is on its way; that is a status and no problem.
            bool in_time = false;
            std::string reason;
            if (heard && status) state = json::get_string(*status, "role");
            if (heard && !status) state = "stopped";
            const json::object* by_hand = stopped(*mds, d.uid, json::get_string(s, "name"));
            if (state == "active") ++actives;
            if (log && state != "stopped") state = "log server";
            // What the Active says about a peer is the truth about the pair; without an Active,
            // being heard is all that is known.
            if (*mds == active) {
                sync = "synchronized";
            } else if (seen) {
                for (const json::value& p : json::get_array(*seen, "peers")) {
                    if (json::get_string(p.as_object(), "mds") == mds->text()) {
                        sync = json::get_string(p.as_object(), "sync-status");
                        in_time = json::get_string(p.as_object(), "sync-state") == "Ok";
                        reason = json::get_string(p.as_object(), "reason");
                    }
                }
            } else if (heard && state != "stopped") {
                sync = "no-active";
            }
            if (by_hand) {
                // Somebody wanted it: that is what is told, not what follows from it.
                reason = stopped_text(*by_hand);
                if (worst == "synchronized" || worst == "single") worst = "stopped";
                active_stopped = active_stopped || json::get_string(*by_hand, "role") == "active";
                stopped_servers.push_back(
                    {d.name, json::get_string(s, "name"), json::get_string(s, "mds-name"), *by_hand});
            } else if (sync != "synchronized" && d.servers.size() > 1) {
                if (worst != "unreachable") worst = sync;
                if (!in_time && problem != "unreachable") problem = sync;
            }
            json::object row{{"mds", mds->text()},
                             {"mds-name", json::get_string(s, "mds-name")},
                             {"server", json::get_string(s, "name")},
                             {"address", json::get_string(s, "ipv4-address")},
                             {"type", json::get_string(s, "type")},
                             {"primary", json::get_bool(s, "primary")},
                             {"server-uid", json::get_string(s, "uid")},
                             {"licence", json::get_string(json::get_object(s, "licence"), "type")},
                             {"ha-state", state},
                             {"sync-status", sync}};
            if (sync != "synchronized" && !in_time && !reason.empty()) row["reason"] = reason;
            if (by_hand) {
                row["stopped"] = json::object{{"by", json::get_string(*by_hand, "by")},
                                              {"since", json::get_int(*by_hand, "since")},
                                              {"reason", json::get_string(*by_hand, "reason")}};
                row["next"] = stopped_servers.back().start();
            }
            if (heard && status) {
                if (std::string damage = json::get_string(*status, "damage"); !damage.empty()) row["damage"] = damage;
                row["revision"] = json::get_int(*status, "revision");
                row["parked"] = json::get_int(*status, "parked");
                // Others do not tell theirs.
                if (self) row["sessions"] = json::get_int(*status, "sessions");
            }
            cells.push_back(std::move(row));
            if (std::string licence = service_.licence_problem(s); !licence.empty()) {
                notes.push_back(json::object{
                    {"what", fmt::format("{}: {} of Domain {} on {}", licence, json::get_string(s, "name"),
                                         d.name, json::get_string(s, "mds-name"))},
                    {"why", "a Primary Domain Server needs a standard licence; it works all the same"},
                    {"since", json::get_int(json::get_object(s, "licence"), "attached")},
                    {"next", json::array{fmt::format("mdsctl licence attach {} {} standard", shell_word(d.name),
                                                     shell_word(json::get_string(s, "mds-name")))}}});
            }
        }
        if (actives == 0) {
            worst = "no-active";
            problem = active_stopped ? "" : worst;
        }
        if (actives > 1) worst = problem = "collision";
        if (!problem.empty()) {
            std::string why = problem == "no-active"   ? "no server is Active"
                              : problem == "collision" ? "more than one server is Active"
                                                       : "a server is " + problem;
            not_well[why].push_back(d.name);
        }
        domains.push_back(json::object{{"name", d.name},
                                       {"uid", d.uid.text()},
                                       {"domain-type", d.type},
                                       {"sync", worst},
                                       {"cells", std::move(cells)}});
    }
    for (const auto& [why, names] : not_well) add_domain_problems(names, why, problems);
    add_stopped_problems(stopped_servers, problems);
    auto running = service_.system().workspace().tasks("in progress");
    auto failed = service_.system().workspace().tasks("failed");
    return {{"deployment", me.deployment_name},
            {"self", me.uid.text()},
            {"role", me.role},
            {"servers", std::move(servers)},
            {"domains", std::move(domains)},
            {"tasks", json::object{{"running", running.size()}, {"failed", failed.size()}}},
            {"notes", std::move(notes)},
            {"problems", std::move(problems)}};
}

}  // namespace mds::core
