#pragma once
#include "doctor.hh"
#include "doctor_world.hh"

// The functions behind the table of doctor_table.cc, and what they share.
namespace mds::ctl::doctor {

Finding good(std::string what, std::string about = "");
Finding found(Verdict verdict, std::string about, std::string what, std::string cause,
              std::vector<Next> next);

/// Runs a program of the system for --fix; throws mds::Error with what it said.
void carry_out(const std::vector<std::string>& words);
/// The last thing that a unit said as a warning or worse, " (...)" or nothing.
std::string last_words(const std::string& unit);
/// How far a clock is from another, either way, to the nearest of its unit: "2 h".
std::string apart(int64_t milliseconds);

// doctor_host.cc
Findings look_at_configuration(const World& world);
Findings look_at_disk(const World& world);
Findings look_at_bus(const World& world);
Findings look_at_clock(const World& world);
Findings look_at_network(const World& world);
Findings look_at_addresses(const World& world);
// doctor_files.cc
Findings look_at_owners(const World& world);
Findings look_at_lists(const World& world);
Findings look_at_backups(const World& world);
Findings look_at_kept_databases(const World& world);
// doctor_services.cc
Findings look_at_services(const World& world);
Findings look_at_domain_services(const World& world);
Findings look_at_core(const World& world);
Findings look_at_listening(const World& world);
// doctor_servers.cc
Findings look_at_servers(const World& world);
Findings look_at_lines(const World& world);
Findings look_at_clocks(const World& world);
Findings look_at_certificates(const World& world);
Findings look_at_versions(const World& world);
// doctor_domains.cc
Findings look_at_damage(const World& world);
Findings look_at_domains(const World& world);
Findings look_at_system_data(const World& world);
Findings look_at_audit(const World& world);

}  // namespace mds::ctl::doctor
