// The services of this host: what the service manager says, and whether they answer on the bus.
#include <fmt/core.h>

#include "base/clock.hh"
#include "base/text.hh"
#include "bus/domain_name.hh"
#include "control/host.hh"
#include "doctor_checks.hh"
#include "draw.hh"
#include "rows.hh"

namespace mds::ctl::doctor {
namespace {

constexpr int k_patience_ms = 20'000;
/// mds.conf is wrong (RestartPreventExitStatus= of the units).
constexpr int k_exit_configuration = 78;

struct Service {
    const char *unit, *bus_name, *does;
};
constexpr Service k_services[] = {
    {"mds-sync.service", "org.openmds.Sync1", "no other server is reached"},
    {"mds-ca.service", "org.openmds.Ca1", "no certificate is issued or renewed"},
    {"mds-core.service", "org.openmds.Core1",
     "nobody logs in and nothing is known of the deployment"},
    {"mds-api.socket", "", "no client reaches this server"},
    {"mds-api.service", "org.openmds.Api1", "no client reaches this server"},
    {"mds-crl.socket", "", "nobody gets revocation lists from here"},
};

std::string why_failed(const std::string& name, const Unit& unit) {
    std::string why = unit.result == "watchdog"    ? "it hung, and the service manager ended it"
                      : unit.result == "oom-kill"  ? "it used more memory than it may"
                      : unit.result == "signal"    ? "it was killed by a signal"
                      : unit.result == "core-dump" ? "it crashed"
                      : unit.result == "start-limit-hit" ? "it ended too often in a short time"
                      : unit.result == "timeout"         ? "it did not start or stop in time"
                      : unit.exit_status == k_exit_configuration ? "its settings are wrong"
                      : unit.exit_status != 0
                          ? fmt::format("it ended with exit status {}", unit.exit_status)
                          : "its result is " + unit.result;
    return why + last_words(name);
}

/// One finding about a unit that should run; nothing when it does. `does`: what does not work
/// without it.
std::optional<Finding> look_at_unit(const World& world, const std::string& name,
                                    const std::string& bus_name, const std::string& does) {
    static const Unit k_none;
    const Unit* known = world.unit(name);
    const Unit& unit = known ? *known : k_none;
    std::string word = shell_word(name);
    auto wrong = [&](const std::string& what, const std::string& cause, std::vector<Next> next) {
        Finding f = found(Verdict::bad, name, what, cause + "; " + does, std::move(next));
        f.breaks = {"unit:" + name};
        f.needs = {"configuration", "disk", "owners", "bus"};
        return f;
    };
    auto fixed = [](Finding f, std::string does_what,
                    std::vector<std::vector<std::string>> commands) {
        f.fix = Fix{std::move(does_what), [commands = std::move(commands)] {
                        for (const auto& words : commands) carry_out(words);
                    }};
        return f;
    };
    Next log{"journalctl -u " + word + " -n 20", ""};
    if (!unit.there() && unit.active.empty()) {
        bool instance = name.find('@') != std::string::npos;
        if (!instance) {
            return wrong(name + " is not installed", "the unit " + name + " is not there",
                         {{"apt-get install --reinstall openmds-server", ""}});
        }
    } else if (unit.load == "not-found") {
        return wrong(name + " is not installed", "the unit " + name + " is not there",
                     {{"apt-get install --reinstall openmds-server", ""}});
    }
    if (unit.load == "masked") {
        return wrong(name + " is masked", "somebody has masked " + name,
                     {{"systemctl unmask " + word, ""}, {"systemctl start " + word, ""}});
    }
    if (unit.load == "bad-setting" || unit.load == "error") {
        return wrong(name + " cannot be loaded",
                     "the unit file of " + name + " or a drop-in of it is wrong",
                     {{"systemctl cat " + word, ""}, {"systemd-analyze verify " + word, ""}});
    }
    if (unit.active == "failed" || unit.sub == "auto-restart") {
        bool again = unit.sub == "auto-restart";
        Finding f = wrong(
            fmt::format("{} {}", name, again ? "fails again and again" : "has failed"),
            fmt::format("{} {}: {}", name, again ? "is restarted again and again" : "has failed",
                        why_failed(name, unit)),
            {log, {"systemctl reset-failed " + word + " && systemctl start " + word, ""}});
        if (unit.exit_status == k_exit_configuration) return f;
        return fixed(std::move(f), "start " + name,
                     {{"systemctl", "reset-failed", name}, {"systemctl", "start", name}});
    }
    if (unit.active == "activating" || unit.active == "reloading") {
        Finding f =
            wrong(name + " is starting",
                  name + " is starting" + (unit.status_text.empty() ? "" : ": " + unit.status_text),
                  {{"systemctl status " + word, ""}});
        f.verdict = Verdict::warning;
        return f;
    }
    if (!unit.runs()) {
        return fixed(wrong(name + " is stopped", name + " was stopped, and has not failed",
                           {{"systemctl start " + word, ""}}),
                     "start " + name, {{"systemctl", "start", name}});
    }
    if (bus_name.empty()) return std::nullopt;
    Answer answer = world.answer(bus_name);
    if (answer == Answer::silent) {
        return fixed(wrong(name + " hangs", name + " runs, but does not answer: it hangs",
                           {{"systemctl restart " + word, ""}, log}),
                     "restart " + name, {{"systemctl", "restart", name}});
    }
    if (answer == Answer::absent && world.bus_problem.empty()) {
        Finding f =
            wrong(name + " is not on the bus",
                  fmt::format("{} runs, but has no name on the bus{}", name, last_words(name)),
                  {log, {"systemctl restart " + word, ""}});
        return fixed(std::move(f), "restart " + name, {{"systemctl", "restart", name}});
    }
    return std::nullopt;
}

}  // namespace

void carry_out(const std::vector<std::string>& words) {
    int status = 0;
    std::string line = join(words, " ");
    if (!output_of(words, k_patience_ms, &status))
        throw Error(Code::timed_out, line + " does not end");
    if (status != 0)
        throw Error(Code::internal, fmt::format("{} has ended with exit status {}", line, status));
}

std::string last_words(const std::string& unit) {
    auto text = output_of({"journalctl", "-q", "--no-pager", "-b", "-u", unit, "-p", "warning",
                           "-n", "1", "-o", "cat"},
                          1000);
    std::string line = text ? trim(*text) : "";
    line = line.substr(0, line.find('\n'));
    return line.empty() ? "" : " (" + line + ")";
}

Findings look_at_services(const World& world) {
    if (world.units.empty()) {
        return {found(Verdict::unknown, "", "services: the service manager does not answer",
                      "systemctl does not answer, so nothing is known of the services",
                      {{"systemctl status", ""}})};
    }
    Findings out;
    const Unit* target = world.unit("mds.target");
    bool stopped = target && target->active == "inactive";
    if (stopped) {
        Finding f = found(Verdict::bad, "mds.target", "OpenMDS is stopped on this server",
                          "mds.target is stopped, and with it every service here: mdsstop does "
                          "that, and a boot without it",
                          {{"systemctl start mds.target", ""}});
        f.breaks = {"unit:mds.target", "unit:mds-core.service", "unit:mds-sync.service",
                    "domain-servers"};
        f.needs = {"configuration"};
        f.fix = Fix{"start mds.target", [] { carry_out({"systemctl", "start", "mds.target"}); }};
        out.push_back(std::move(f));
    }
    for (const Service& service : k_services) {
        if (stopped) break;  // said in one line
        if (auto f = look_at_unit(world, service.unit, service.bus_name, service.does))
            out.push_back(std::move(*f));
    }
    if (target && target->there() && target->enabled != "enabled" && !target->enabled.empty()) {
        Finding f = found(Verdict::warning, "mds.target", "OpenMDS does not start at boot",
                          "mds.target is " + target->enabled + ": after a boot nothing starts",
                          {{"systemctl enable mds.target", ""}});
        f.fix = Fix{"enable mds.target", [] { carry_out({"systemctl", "enable", "mds.target"}); }};
        out.push_back(std::move(f));
    }
    if (out.empty()) out.push_back(good("services run"));
    return out;
}

Findings look_at_domain_services(const World& world) {
    if (world.units.empty()) return {};
    Findings out;
    std::vector<World::DomainServer> all = world.domain_servers();
    for (const World::DomainServer& server : all) {
        std::string unit = "mds-domain@" + server.name + ".service";
        const Unit* known = world.unit(unit);
        if (auto by_hand = control::stopped_by(server.name); !by_hand.empty() && (!known || !known->runs())) {
            // Somebody wanted it: nothing to repair.
            Finding stopped = found(Verdict::warning, server.name, unit + " is stopped",
                                    fmt::format("{} was {}", server.name, stopped_text(by_hand)),
                                    {{"mdsctl ds start " + shell_word(json::get_string(by_hand, "domain")) + " " +
                                          shell_word(json::get_string(by_hand, "on")),
                                      ""}});
            stopped.breaks = {"unit:" + unit, "server:" + server.name};
            out.push_back(std::move(stopped));
            continue;
        }
        auto f = look_at_unit(
            world, unit, bus::domain_name(server.name),
            server.domain.empty() ? "its Domain has one server less"
                                  : "Domain " + server.domain + " has one server less");
        if (!f) continue;
        f->about = server.name;
        f->breaks.push_back("server:" + server.name);
        f->needs.insert(f->needs.end(), {"domain-servers", "polkit", "unit:mds-core.service"});
        out.push_back(std::move(*f));
    }
    if (out.empty() && !all.empty())
        out.push_back(good(fmt::format("{} Domain Server{} run{}", all.size(),
                                       all.size() == 1 ? "" : "s", all.size() == 1 ? "s" : "")));
    return out;
}

Findings look_at_core(const World& world) {
    if (world.grid) return {good("mds-core answers")};
    const Error& e = *world.core_problem;
    if (e.code() == Code::no_permissions || e.code() == Code::forbidden) {
        return {found(Verdict::unknown, "", "mds-core tells this user nothing", e.message(),
                      {{"sudo mdsctl doctor", ""}})};
    }
    Finding f = found(
        Verdict::bad, "mds-core.service", "mds-core does not answer",
        "mds-core does not answer: " + e.message(),
        {{"systemctl status mds-core.service", ""}, {"journalctl -u mds-core.service -n 20", ""}});
    if (e.code() == Code::initializing) f.verdict = Verdict::warning;
    f.breaks = {"core"};
    f.needs = {"unit:mds-core.service", "bus", "polkit", "disk", "owners", "configuration"};
    return {f};
}

Findings look_at_listening(const World& world) {
    if (!world.sync_known) return {};  // told by its unit
    std::string port = std::to_string(world.sync_port());
    Findings out;
    auto wrong = [&](const std::string& what, const std::string& cause, std::vector<Next> next) {
        Finding f = found(Verdict::bad, world.name, what, cause, std::move(next));
        f.breaks = {"sync"};
        f.needs = {"network", "disk", "owners"};
        out.push_back(std::move(f));
    };
    std::string self = world.name.empty() ? "THIS-SERVER" : shell_word(world.name);
    if (world.sync_state == "waiting for trust") {
        wrong("no trust: this server waits for the Primary",
              "this server has no certificate: its trust was reset and not established again",
              {{"mdsctl trust connect " + self, "the Primary"}, {"mdsctl trust state", ""}});
    } else if (world.sync_state != "listening") {
        wrong(
            "port " + port + ": " + world.sync_state,
            fmt::format("mds-sync cannot listen on port {}: {}", port, world.sync_state),
            {{"ss -ltnp 'sport = :" + port + "'", ""}, {"systemctl restart mds-sync.service", ""}});
    }
    int64_t until = json::get_int(world.certificate, "not-after"),
            from = json::get_int(world.certificate, "not-before");
    if (until != 0 && wall_ms() > until) {
        wrong("its own certificate ended on " + rfc3339(until).substr(0, 10),
              "the certificate of this server ended on " + rfc3339(until) +
                  ", every other server refuses it",
              {{"timedatectl", ""},
               {"mdsctl trust reset", ""},
               {"mdsctl trust connect " + self, "the Primary"}});
        out.back().breaks.push_back("own-certificate");
    } else if (from != 0 && wall_ms() < from) {
        wrong("its own certificate begins on " + rfc3339(from).substr(0, 10),
              "the clock here is before the begin of this server's own certificate (" +
                  rfc3339(from) + "): the clock is wrong",
              {{"timedatectl set-ntp true", ""}, {"timedatectl", ""}});
        out.back().breaks.push_back("own-certificate");
    }
    if (out.empty()) out.push_back(good("listens on port " + port + ", trusted"));
    return out;
}

}  // namespace mds::ctl::doctor
