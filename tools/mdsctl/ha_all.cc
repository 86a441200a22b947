// mdsctl ha set-active --all, force-active --all, balance: which Domains change, and where they go.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/text.hh"
#include "ha_many.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

/// A server that may be Active for a Domain.
struct Place {
    std::string mds, mds_name, server, state, sync;
    int64_t revision = 0;
};

struct DomainPlaces {
    std::string name;
    std::vector<Place> places;
    const Place* active() const {
        for (const Place& p : places) {
            if (p.state == "active") return &p;
        }
        return nullptr;
    }
};

class Deployment {
  public:
    explicit Deployment(const json::object& grid);

    /// The name and uid of a server, by name or address. Throws for one that is not there or a log server.
    std::string uid_of(std::string& name) const;
    bool running(const std::string& uid) const { return running_.at(uid); }
    const std::map<std::string, bool>& servers() const { return running_; }
    const std::string& name(const std::string& uid) const { return names_.at(uid); }

    std::vector<DomainPlaces> domains;
    /// How many Actives each server has, with what is planned.
    std::map<std::string, int> actives;

  private:
    json::array servers_;
    /// Multi-Domain Servers only, in a fixed order.
    std::map<std::string, bool> running_;
    std::map<std::string, std::string> names_;
};

Deployment::Deployment(const json::object& grid) : servers_(json::get_array(grid, "servers")) {
    for (const json::value& v : servers_) {
        const json::object& s = v.as_object();
        if (json::get_string(s, "role") == "log-server") continue;
        std::string uid = json::get_string(s, "uid");
        running_[uid] = json::get_string(s, "state") == "running";
        names_[uid] = json::get_string(s, "name");
        actives[uid] = 0;
    }
    for (const json::value& v : json::get_array(grid, "domains")) {
        const json::object& d = v.as_object();
        DomainPlaces domain;
        domain.name = json::get_string(d, "name");
        bool global = json::get_string(d, "domain-type") == "global domain";
        for (const json::value& c : json::get_array(d, "cells")) {
            const json::object& cell = c.as_object();
            if (json::get_string(cell, "type") == "log server") continue;
            Place place{json::get_string(cell, "mds"),
                        json::get_string(cell, "mds-name"),
                        json::get_string(cell, global ? "mds-name" : "server"),
                        json::get_string(cell, "ha-state"),
                        json::get_string(cell, "sync-status"),
                        json::get_int(cell, "revision")};
            if (place.state == "active") ++actives[place.mds];
            domain.places.push_back(std::move(place));
        }
        domains.push_back(std::move(domain));
    }
}

std::string Deployment::uid_of(std::string& wanted) const {
    std::vector<std::string> names;
    for (const json::value& v : servers_) {
        const json::object& s = v.as_object();
        std::string name = json::get_string(s, "name");
        names.push_back(name);
        if (fold(name) != fold(wanted) && wanted != json::get_string(s, "address")) continue;
        if (json::get_string(s, "role") == "log-server") {
            throw Error(Code::ha_invalid, name + " is a log server; log servers are never Active");
        }
        wanted = name;
        return json::get_string(s, "uid");
    }
    throw Error(Code::object_not_found, fmt::format("no server {}; there are {}", wanted, join(names, ", ")))
        .refusal("", "mdsctl server list");
}

/// The place that takes over: one that answers, nearest to the Active's state, on the server with fewest Actives.
const Place* best_place(const Deployment& all, const DomainPlaces& domain, const std::string& but) {
    const Place* best = nullptr;
    auto rank = [&](const Place& p) {
        return std::make_tuple(p.sync == "synchronized", p.revision, -all.actives.at(p.mds));
    };
    for (const Place& p : domain.places) {
        if (p.mds == but || p.state == "active" || p.state == "stopped" || !all.running(p.mds)) continue;
        if (!best || rank(p) > rank(*best)) best = &p;
    }
    return best;
}

/// What is done with one Domain; `on`, `from`: uids, or empty.
Change change_of(Deployment& all, const DomainPlaces& domain, const ManyChanges& many, const std::string& on,
                 const std::string& from) {
    Change c;
    c.domain = domain.name;
    c.state = "skipped";
    const Place* active = domain.active();
    auto place_on = [&](const std::string& mds) {
        auto found =
            std::find_if(domain.places.begin(), domain.places.end(), [&](const Place& p) { return p.mds == mds; });
        return found == domain.places.end() ? nullptr : &*found;
    };
    if (active) c.from = active->mds_name;
    if (!from.empty()) {
        const Place* there = place_on(from);
        // Nobody is Active, and that server does not answer: it was.
        bool was = !active && there && !all.running(from);
        if (was) c.from = there->mds_name;
        if (!there || (active ? active->mds != from : !was)) {
            c.outcome = "not Active on " + many.from;
            return c;
        }
    }
    const Place* to = on.empty() ? best_place(all, domain, from) : place_on(on);
    if (!to) {
        c.outcome = on.empty() ? "no other server that answers" : "no server on " + many.on;
        // With --from it was asked for, and cannot be done.
        if (on.empty() || !from.empty()) c.state = "failed";
        return c;
    }
    c.to = to->mds_name;
    c.server = to->server;
    if (to->state == "active") {
        c.outcome = to->server + " is Active already";
        return c;
    }
    c.state = "waiting";
    if (active) --all.actives[active->mds];
    ++all.actives[to->mds];
    return c;
}

}  // namespace

int ha_change_all(Client& client, const Options& options, const ManyChanges& wanted) {
    ManyChanges many = wanted;
    Deployment all(client.grid());
    std::string on = many.on.empty() ? "" : all.uid_of(many.on),
                from = many.from.empty() ? "" : all.uid_of(many.from);
    if (!on.empty() && on == from) {
        throw Error(Code::invalid_parameter, "--on and --from name the same server").refusal("", "mdsctl ha status");
    }
    std::vector<Change> changes;
    for (const DomainPlaces& domain : all.domains) {
        Change c = change_of(all, domain, many, on, from);
        // What is Active elsewhere is not what --from is about.
        if (from.empty() || c.state != "skipped") changes.push_back(std::move(c));
    }
    std::string words = fmt::format("ha {} --all{}{}", many.action, on.empty() ? "" : " --on " + shell_word(many.on),
                                    from.empty() ? "" : " --from " + shell_word(many.from));
    std::string end = on.empty() ? "moved away from " + many.from : "set Active on " + many.on;
    return carry_out(client, options, many.action, std::move(changes), words, end);
}

int ha_balance(Client& client, const Options& options, bool only_plan) {
    Deployment all(client.grid());
    std::vector<Change> changes;
    std::set<std::string> moved_once;
    // From the server with most to the one with fewest, as long as that makes them more alike.
    for (bool moved = true; moved;) {
        moved = false;
        std::vector<std::string> order;
        for (const auto& [uid, up] : all.servers()) {
            if (up) order.push_back(uid);
        }
        std::stable_sort(order.begin(), order.end(),
                         [&](const std::string& a, const std::string& b) { return all.actives[a] > all.actives[b]; });
        for (size_t most = 0; most < order.size() && !moved; ++most) {
            for (size_t least = order.size(); least-- > most + 1 && !moved;) {
                if (all.actives[order[most]] - all.actives[order[least]] < 2) continue;
                for (DomainPlaces& domain : all.domains) {
                    auto find = [&](const std::string& mds) {
                        return std::find_if(domain.places.begin(), domain.places.end(),
                                            [&](const Place& p) { return p.mds == mds; });
                    };
                    auto giver = find(order[most]), taker = find(order[least]);
                    // Global stays where the Primary is.
                    if (giver == domain.places.end() || taker == domain.places.end() || giver->state != "active" ||
                        taker->sync != "synchronized" || giver->server == giver->mds_name ||
                        moved_once.count(domain.name)) {
                        continue;
                    }
                    Change c;
                    c.domain = domain.name;
                    c.from = giver->mds_name;
                    c.to = taker->mds_name;
                    c.server = taker->server;
                    moved_once.insert(domain.name);
                    changes.push_back(std::move(c));
                    giver->state = "standby";
                    taker->state = "active";
                    --all.actives[order[most]];
                    ++all.actives[order[least]];
                    moved = true;
                    break;
                }
            }
        }
    }
    if (changes.empty() && options.people()) {
        if (!options.quiet) std::printf("Nothing to move: the Actives are as even as the Standbys allow.\n");
        return 0;
    }
    Options asked = options;
    asked.dry_run = options.dry_run || only_plan;
    return carry_out(client, asked, "set-active", std::move(changes), "ha balance", "moved");
}

}  // namespace mds::ctl
