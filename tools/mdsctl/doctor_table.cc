// The table of the checks, and what is the cause of what.
#include <algorithm>
#include <future>

#include "base/error.hh"
#include "doctor_checks.hh"

namespace mds::ctl::doctor {

const std::vector<Check>& checks() {
    // In the order of depth: what stands further up may be the cause of what stands below.
    static const std::vector<Check> k_checks = {
        {"configuration", "mds.conf and mds.conf.d: every key known, every value in its range",
         look_at_configuration},
        {"disk", "space, inodes and writing where /var/lib/mds is", look_at_disk},
        {"owners", "owners and modes of what is below /var/lib/mds", look_at_owners},
        {"bus", "whether the system bus answers, and lets the services and this user in",
         look_at_bus},
        {"clock", "whether this machine's clock is kept right, and agrees with the other servers",
         look_at_clock},
        {"network", "interfaces, their cables, the address of this server", look_at_network},
        {"services", "the units of OpenMDS: running, failed, hanging, enabled", look_at_services},
        {"listening", "mds-sync: its port, its trust, its certificate", look_at_listening},
        {"core", "whether mds-core answers", look_at_core},
        {"line", "loss and delay on the way to each other server", look_at_lines},
        {"server",
         "the way to each other server: name, route, ping, port, trust, both services there",
         look_at_servers},
        {"server-clock", "the clock of each other server", look_at_clocks},
        {"certificate",
         "until when the certificate of each server is valid, and whether it was renewed",
         look_at_certificates},
        {"version", "the release of each server", look_at_versions},
        {"domain-server", "each Domain Server on this host: running, failed, hanging",
         look_at_domain_services},
        {"address", "the address of each Domain Server on an interface", look_at_addresses},
        {"damage", "databases that are not what was written", look_at_damage},
        {"domain", "each Domain: one Active server, and all others synchronized", look_at_domains},
        {"system-data", "one Primary, nothing that waits for it, no promotion that is half done",
         look_at_system_data},
        {"audit", "whether the audit trails are whole and can be written", look_at_audit},
        {"lists", "the revocation lists that this server gives out", look_at_lists},
        {"backup", "how old the last backup of this server is", look_at_backups},
        {"kept", "databases that were set aside and wait for an operator", look_at_kept_databases},
    };
    return k_checks;
}

const char* verdict_word(Verdict verdict) {
    switch (verdict) {
        case Verdict::ok:
            return "ok";
        case Verdict::note:
            return "note";
        case Verdict::unknown:
            return "unknown";
        case Verdict::warning:
            return "warning";
        case Verdict::bad:
            return "bad";
    }
    return "unknown";
}

Finding good(std::string what, std::string about) {
    Finding f;
    f.what = std::move(what);
    f.about = std::move(about);
    return f;
}

Finding found(Verdict verdict, std::string about, std::string what, std::string cause,
              std::vector<Next> next) {
    Finding f = good(std::move(what), std::move(about));
    f.verdict = verdict;
    f.cause = std::move(cause);
    f.next = std::move(next);
    return f;
}

json::object Finding::to_json() const {
    json::array commands;
    for (const Next& n : next)
        commands.push_back(json::object{{"on", n.on}, {"command", n.command}});
    json::object out{{"check", check},
                     {"about", about},
                     {"verdict", verdict_word(verdict)},
                     {"what", what},
                     {"cause", cause},
                     {"next", std::move(commands)},
                     {"is-cause", wrong() && because < 0},
                     {"explains", explains},
                     {"can-be-fixed", fix.has_value()}};
    return out;
}

void explain(Findings& findings) {
    auto shares = [](const std::vector<std::string>& one, const std::vector<std::string>& other) {
        return std::any_of(one.begin(), one.end(), [&](const std::string& tag) {
            return std::find(other.begin(), other.end(), tag) != other.end();
        });
    };
    // They are in the order of depth; within a check what explains the rest stands first. The first
    // one that explains it has its own cause already.
    for (size_t i = 0; i < findings.size(); ++i) {
        if (!findings[i].wrong()) continue;
        for (size_t j = 0; j < i; ++j) {
            const Finding& deeper = findings[j];
            if (!deeper.wrong() || !shares(deeper.breaks, findings[i].needs)) continue;
            findings[i].because = deeper.because >= 0 ? deeper.because : static_cast<int>(j);
            Finding& root = findings[static_cast<size_t>(findings[i].because)];
            ++root.explains;
            if (findings[i].check == "domain" && !findings[i].about.empty())
                root.domains.push_back(findings[i].about);
            break;
        }
    }
}

Findings examine(const World& world) { return examine(world, checks()); }

Findings examine(const World& world, const std::vector<Check>& some) {
    std::vector<std::future<Findings>> running;
    for (const Check& check : some) {
        running.push_back(std::async(std::launch::async, [&check, &world]() -> Findings {
            try {
                return check.look(world);
            } catch (const std::exception& e) {
                // One check that cannot be made does not hide what the others find.
                return {found(Verdict::unknown, "", std::string("not known: ") + check.looks_at,
                              e.what(), {})};
            }
        }));
    }
    Findings all;
    for (size_t depth = 0; depth < running.size(); ++depth) {
        for (Finding& f : running[depth].get()) {
            f.check = some[depth].id;
            f.depth = depth;
            all.push_back(std::move(f));
        }
    }
    explain(all);
    return all;
}

bool all_well(const Findings& findings) {
    return std::none_of(findings.begin(), findings.end(),
                        [](const Finding& f) { return f.wrong(); });
}

}  // namespace mds::ctl::doctor
