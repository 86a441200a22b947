// The Domains, the system data and the audit trails, as mds-core knows them.
#include <fmt/core.h>

#include <algorithm>
#include <regex>

#include "base/clock.hh"
#include "base/text.hh"
#include "doctor_checks.hh"
#include "draw.hh"
#include "rows.hh"

namespace mds::ctl::doctor {
namespace {

constexpr double k_audit_old_s = 8 * 86400;
constexpr int k_follow_ms = 30'000;

struct Cell {
    const json::object* row;
    std::string text(const char* key) const { return json::get_string(*row, key); }
    bool log_server() const { return text("type") == "log server"; }
    bool stopped() const { return text("ha-state") == "stopped"; }
    /// Who wanted that; empty when nobody did.
    json::object by_hand() const { return json::get_object(*row, "stopped"); }
    /// "London-2 on tokyo"
    std::string place() const { return text("server") + " on " + text("mds-name"); }
};

struct Domain {
    std::string name, word;
    std::vector<Cell> cells;
};

std::vector<Domain> domains_of(const World& world) {
    std::vector<Domain> out;
    if (!world.grid) return out;
    for (const json::value& v : json::get_array(*world.grid, "domains")) {
        const json::object& row = v.as_object();
        Domain d{json::get_string(row, "name"), "", {}};
        d.word = shell_word(d.name);
        for (const json::value& c : json::get_array(row, "cells"))
            d.cells.push_back({&c.as_object()});
        bool asked = world.target.empty() ||
                     std::any_of(d.cells.begin(), d.cells.end(),
                                 [&](const Cell& c) { return c.text("mds-name") == world.target; });
        if (asked) out.push_back(std::move(d));
    }
    return out;
}

/// Where a command about a server is typed: "" here.
std::string on(const World& world, const Cell& cell) {
    std::string mds = cell.text("mds-name");
    return mds == world.name ? "" : mds;
}

/// The Active on another server, whose word the state of its peers is; none: they are judged from here.
const Cell* told_by(const World& world, const Domain& domain) {
    for (const Cell& c : domain.cells) {
        if (c.text("ha-state") == "active") return c.text("mds-name") == world.name ? nullptr : &c;
    }
    return nullptr;
}

/// What the work of one server of a Domain needs.
std::vector<std::string> needs_of(const World& world, const Domain& domain, const Cell& cell) {
    std::vector<std::string> needs{"peer:" + cell.text("mds-name"),
                                   "damage:" + domain.name + "/" + cell.text("mds-name")};
    if (cell.text("mds-name") == world.name) {
        needs.insert(needs.end(), {"server:" + cell.text("server"),
                                   "unit:mds-domain@" + cell.text("server") + ".service",
                                   "domain-servers", "disk", "owners", "polkit"});
    }
    return needs;
}

Finding wrong_cell(const World& world, const Domain& domain, const Cell& cell) {
    std::string sync = cell.text("sync-status"), reason = cell.text("reason"),
                mds = shell_word(cell.text("mds-name"));
    std::string unit = shell_word("mds-domain@" + cell.text("server") + ".service"),
                place = cell.place();
    Next status{"mdsctl ha status " + domain.word, ""};
    std::string what = domain.name + ": " + place + " is " + (cell.stopped() ? "stopped" : sync);
    std::string cause = reason.empty() ? place + " is " + sync : reason;
    Verdict verdict = Verdict::bad;
    std::vector<Next> next{status};
    if (const json::object by_hand = cell.by_hand(); !by_hand.empty()) {
        verdict = Verdict::warning;
        cause = place + " was " + stopped_text(by_hand);
        next = {{cell.text("next"), ""}};
    } else if (cell.stopped()) {
        cause = "the Domain Server " + place + " is stopped, while its host runs";
        next = {{"systemctl start " + unit, on(world, cell)}, status};
    } else if (const Cell* by = told_by(world, domain); by && sync == "unreachable") {
        std::string there = by->text("mds-name");
        cause = fmt::format("{} does not hear the Domain Server {}: the network between {} and {}, or it hangs or is "
                            "starting", by->place(), place, there, cell.text("mds-name"));
        next = {{"mdsctl doctor " + mds, there}, {"systemctl restart " + unit, on(world, cell)}, status};
    } else if (sync == "unreachable") {
        cause = "the Domain Server " + place +
                " does not answer, while its host does: it hangs or is starting";
        next = {{"systemctl restart " + unit, on(world, cell)}, status};
    } else if (sync == "trust-missing") {
        next = {{"mdsctl trust connect " + mds, world.role == "primary" ? "" : "the Primary"}};
    } else if (sync == "sync-failed") {
        next = {{"mdsctl ha verify " + domain.word + " " + mds, ""},
                {"mdsctl ha sync " + domain.word + " --to " + mds, ""}};
    } else if (sync == "version-mismatch") {
        next = {{"apt-get install --only-upgrade openmds-server", on(world, cell)},
                {"mdsctl server list", ""}};
    } else if (sync == "lagging" || sync == "synchronizing" || sync == "never-synchronized") {
        verdict = Verdict::warning;  // it is on its way
    }
    Finding f = found(verdict, domain.name, what, cause, next);
    f.needs = needs_of(world, domain, cell);
    // Who tells it may be cut off itself: a while it is heard still and hears nobody.
    if (const Cell* by = told_by(world, domain)) f.needs.push_back("peer:" + by->text("mds-name"));
    return f;
}

Finding no_active(const World& world, const Domain& domain) {
    std::vector<std::string> silent;
    const Cell* best = nullptr;
    for (const Cell& c : domain.cells) {
        if (c.log_server()) continue;
        if (c.text("ha-state") == "unknown" || c.stopped())
            silent.push_back(c.place());
        else if (!best || c.text("mds-name") == world.name)
            best = &c;
    }
    std::string cause =
        silent.empty()
            ? "no server of Domain " + domain.name +
                  " is Active, though all answer: it was set Standby, or its Active gave the role "
                  "away"
            : fmt::format(
                  "Domain {} has no Active server, and {} {} not answer: nothing can be published",
                  domain.name, join(silent, ", "), silent.size() == 1 ? "does" : "do");
    std::vector<Next> next{{"mdsctl ha status " + domain.word, ""}};
    for (const Cell& c : domain.cells) {
        const json::object by_hand = c.by_hand();
        if (c.log_server() || by_hand.empty()) continue;
        // Before anything is forced: it may be the Active.
        cause = fmt::format("Domain {} has no Active server: {} was {}", domain.name, c.place(), stopped_text(by_hand));
        next.insert(next.begin(), {c.text("next"), ""});
        best = nullptr;
    }
    if (best) {
        std::string to = domain.word + " " + shell_word(best->text("mds-name"));
        next.insert(
            next.begin(),
            {silent.empty() ? "mdsctl ha set-active " + to : "mdsctl ha force-active " + to, ""});
    }
    Finding f =
        found(Verdict::bad, domain.name, domain.name + " has no Active server", cause, next);
    for (const Cell& c : domain.cells) {
        // Whoever answers is not to blame.
        if (c.log_server() || (c.text("ha-state") != "unknown" && !c.stopped())) continue;
        std::vector<std::string> more = needs_of(world, domain, c);
        f.needs.insert(f.needs.end(), more.begin(), more.end());
    }
    return f;
}

Finding collision(const World& world, const Domain& domain, const std::vector<Cell>& actives) {
    std::vector<std::string> places;
    std::vector<Next> next{{"mdsctl ha status " + domain.word, ""}};
    for (const Cell& c : actives) {
        places.push_back(c.place());
        next.push_back({"mdsctl ha set-standby " + domain.word, on(world, c)});
    }
    return found(Verdict::bad, domain.name, "collision in " + domain.name,
                 fmt::format("{} are both Active: one was forced while the other worked. Set "
                             "Standby the one whose publishes may wait for their authors",
                             join(places, " and ")),
                 next);
}

double metric(const std::string& line) {
    return std::strtod(line.substr(line.rfind(' ') + 1).c_str(), nullptr);
}

}  // namespace

Findings look_at_damage(const World& world) {
    Findings out;
    for (const Domain& d : domains_of(world)) {
        for (const Cell& c : d.cells) {
            std::string damage = c.text("damage"), mds = c.text("mds-name");
            if (damage.empty()) continue;
            Finding f = found(
                Verdict::bad, d.name,
                fmt::format("{}: database of {} is damaged", d.name, c.place()),
                fmt::format(
                    "the database of {} is not what was written: {}; the disk or its controller",
                    c.place(), damage),
                {{"mdsctl ha verify " + d.word + " " + shell_word(mds), ""},
                 {"journalctl -k -p err -n 20", on(world, c)}});
            f.breaks = {"damage:" + d.name + "/" + mds};
            f.needs = {"disk"};
            f.fix = Fix{"verify and repair " + c.place(), [domain = d.name, mds] {
                            Client client("mdsctl doctor --fix", k_follow_ms);
                            client.run("", "domain-ha-action",
                                       {{"domain", domain},
                                        {"action", "verify"},
                                        {"target", mds},
                                        {"confirmed", true}});
                        }};
            out.push_back(std::move(f));
        }
    }
    return out;
}

Findings look_at_domains(const World& world) {
    std::vector<Domain> all = domains_of(world);
    Findings out;
    for (const Domain& d : all) {
        std::vector<Cell> actives;
        for (const Cell& c : d.cells) {
            if (c.text("ha-state") == "active") actives.push_back(c);
        }
        if (actives.size() > 1) {
            out.push_back(collision(world, d, actives));
            continue;
        }
        bool management = std::any_of(d.cells.begin(), d.cells.end(),
                                      [](const Cell& c) { return !c.log_server(); });
        if (actives.empty() && management) {
            out.push_back(no_active(world, d));
            continue;
        }
        if (d.cells.size() < 2) continue;
        for (const Cell& c : d.cells) {
            if (!world.target.empty() && c.text("mds-name") != world.target &&
                c.text("ha-state") != "active")
                continue;
            std::string sync = c.text("sync-status");
            // What was just published is on its way, and no problem.
            if (sync == "synchronized" || (sync == "lagging" && c.text("reason").empty())) continue;
            out.push_back(wrong_cell(world, d, c));
        }
    }
    if (out.empty() && world.grid) {
        out.push_back(
            good(fmt::format("{}{} Domain{} synchronized", world.target.empty() ? "" : "its ",
                             all.size(), all.size() == 1 ? "" : "s")));
    }
    return out;
}

Findings look_at_system_data(const World& world) {
    if (!world.grid) return {};
    Findings out;
    for (const json::value& v : json::get_array(*world.grid, "problems")) {
        const json::object& p = v.as_object();
        std::string kind = json::get_string(p, "kind"), why = json::get_string(p, "why"),
                    what = json::get_string(p, "what");
        if (kind != "replaced" && kind != "two-primaries" && kind != "waiting" &&
            kind != "promotion")
            continue;
        std::vector<Next> next;
        for (const json::value& n : json::get_array(p, "next"))
            next.push_back({std::string(n.as_string()), ""});
        Finding f = found(Verdict::bad, "System Data", what, what + ": " + why, next);
        if (kind == "waiting") {
            for (const Peer& peer : world.peers) {
                if (peer.role == "primary") f.needs.push_back("peer:" + peer.name);
            }
            f.needs.insert(f.needs.end(), {"network", "sync"});
        }
        out.push_back(std::move(f));
    }
    return out;
}

Findings look_at_audit(const World& world) {
    Findings out;
    if (!world.grid) return out;
    for (const json::value& v : json::get_array(*world.grid, "problems")) {
        const json::object& p = v.as_object();
        if (json::get_string(p, "kind") != "audit") continue;
        Finding f = found(Verdict::bad, world.name, "audit: " + json::get_string(p, "what"),
                          json::get_string(p, "what") + ": " + json::get_string(p, "why"),
                          {{"df -h " + shell_word(world.state_folder), ""}});
        f.needs = {"disk", "owners"};
        out.push_back(std::move(f));
    }
    static const std::regex k_row(
        "openmds_audit_(intact|verified_age_seconds)\\{server=\"([^\"]*)\"\\} .*");
    for (const std::string& line : split(world.metrics, '\n')) {
        std::smatch row;
        if (!std::regex_match(line, row, k_row)) continue;
        std::string server = row[2];
        if (!world.target.empty() && server != world.target) continue;
        Next verify{"mdsctl audit verify " + shell_word(server), ""};
        if (row[1] == "intact" && metric(line) == 0) {
            out.push_back(found(Verdict::bad, server, server + ": the audit trail was altered",
                                "an audit trail of " + server +
                                    " is not what was written, or records of it are missing: "
                                    "somebody with access to its files changed it",
                                {verify, {"journalctl -p err -u mds-core.service -n 20", ""}}));
        } else if (row[1] != "intact" && metric(line) > k_audit_old_s) {
            out.push_back(
                found(Verdict::note, server,
                      server + ": audit trail verified " +
                          age_text(static_cast<int64_t>(metric(line)) * 1000) + " ago",
                      "nobody has verified the audit trail of " + server + " for more than a week",
                      {verify}));
        }
    }
    if (out.empty()) out.push_back(good("audit trails are written"));
    return out;
}

}  // namespace mds::ctl::doctor
