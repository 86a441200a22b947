// mdsctl doctor [SERVER] [--fix] [--report FILE] (appliance-ux 4.3, F-14).
#include "doctor.hh"

#include <algorithm>
#include <chrono>
#include <set>
#include <thread>

#include "base/clock.hh"
#include "doctor_world.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

/// What --fix has begun comes to its end in this time, or is told as it is then.
constexpr int64_t k_recovery_ms = 20'000;
constexpr auto k_look_again = std::chrono::milliseconds(500);

/// The causes that --fix leaves to people.
std::set<std::string> left_to_people(const doctor::Findings& findings) {
    std::set<std::string> out;
    for (const doctor::Finding& f : findings) {
        if (f.wrong() && f.because < 0 && !f.fix) out.insert(f.check + " " + f.about);
    }
    return out;
}

/// Whether nothing is wrong beside these.
bool only(const doctor::Findings& findings, const std::set<std::string>& known) {
    return std::none_of(findings.begin(), findings.end(), [&](const doctor::Finding& f) {
        return f.wrong() && f.because < 0 && !known.count(f.check + " " + f.about);
    });
}

}  // namespace

Rows doctor::rows_of(const Findings& findings) {
    Rows rows("findings",
              {"CHECK", "ABOUT", "VERDICT", "WHAT", Column("CAUSE", true), Column("NEXT", true)});
    for (const Finding& f : findings) {
        json::object whole = f.to_json();
        whole["because"] = f.because < 0
                               ? json::value(nullptr)
                               : json::value(findings[static_cast<size_t>(f.because)].what);
        rows.row(std::move(whole),
                 {f.check, f.about.empty() ? "-" : f.about, verdict_word(f.verdict), f.what,
                  f.cause.empty() ? "-" : f.cause, f.next.empty() ? "-" : f.next[0].text()});
    }
    return rows;
}

int doctor_verb(Client& client, const Options& options, const DoctorOrder& order) {
    client.require_here("doctor");
    if (order.fix) client.require_change();
    doctor::World world = doctor::gather(order.server);
    if ((order.fix || !order.report.empty()) && !world.root) {
        throw Error(
            Code::no_permissions,
            order.fix ? "--fix needs root" : "--report needs root, it reads journals and settings")
            .refusal("", "sudo mdsctl doctor");
    }
    doctor::Findings findings = doctor::examine(world);
    if (order.fix && doctor::fix(options, findings)) {
        // What was started needs a moment, and several services take part: looked at until all is
        // well or time is up.
        const std::set<std::string> known = left_to_people(findings);
        int64_t end = mono_ms() + k_recovery_ms;
        do {
            std::this_thread::sleep_for(k_look_again);
            world = doctor::gather(order.server);
            findings = doctor::examine(world);
        } while (!only(findings, known) && mono_ms() < end);
    }
    if (!order.report.empty()) doctor::write_report(client, options, world, findings, order.report);
    if (!options.people() || options.form == Form::wide) {
        doctor::rows_of(findings).print(options);
    } else if (!options.quiet) {
        std::fputs(doctor::screen(options, world, findings).c_str(), stdout);
    }
    return doctor::all_well(findings) ? 0 : 3;
}

}  // namespace mds::ctl
