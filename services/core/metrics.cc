// The metrics of docs/monitoring.md. Pure: what is known in, text out.
#include "metrics.hh"

#include <algorithm>
#include <utility>

#include "exposition.hh"

namespace mds::core {
namespace {

using json::get_array;
using json::get_bool;
using json::get_int;
using json::get_string;

double seconds(int64_t milliseconds) { return static_cast<double>(milliseconds) / 1000; }

void render_servers(Exposition& out, const json::object& status, const MetricsInput& input) {
    struct Row {
        const json::object* server;
        std::string labels;
    };
    std::vector<Row> rows;
    for (const json::value& v : get_array(status, "servers")) {
        const json::object& s = v.as_object();
        rows.push_back({&s, Exposition::labels({{"server", get_string(s, "name")}})});
    }
    out.family("openmds_server_info", "gauge", "What a server of the deployment is; always 1.");
    for (const Row& r : rows) {
        const json::object& s = *r.server;
        out.sample(Exposition::labels({{"server", get_string(s, "name")},
                                       {"role", get_string(s, "role")},
                                       {"address", get_string(s, "address")},
                                       {"version", get_string(s, "version")},
                                       {"self", get_bool(s, "self") ? "true" : "false"}}), int64_t{1});
    }
    out.family("openmds_server_up", "gauge", "1 when this server hears the other one, 0 when it is silent.");
    for (const Row& r : rows) out.sample(r.labels, get_string(*r.server, "state") == "running");
    out.family("openmds_server_last_contact_age_seconds", "gauge",
               "Time since another server was heard; missing when it never was since this one started.");
    for (const Row& r : rows) {
        int64_t contact = get_int(*r.server, "last-contact");
        if (get_bool(*r.server, "self") || contact == 0) continue;
        out.sample(r.labels, seconds(std::max<int64_t>(0, input.now_ms - contact)));
    }
    out.family("openmds_server_round_trip_seconds", "gauge",
               "Round trip to another server as mds-sync measures it; missing when it is not known.");
    for (const Row& r : rows) {
        if (int64_t us = get_int(*r.server, "round-trip-us")) out.sample(r.labels, static_cast<double>(us) / 1e6);
    }
    out.family("openmds_server_clock_difference_seconds", "gauge",
               "By how much the clock of another server is ahead of the one here; missing while it is silent.");
    for (const Row& r : rows) {
        if (r.server->contains("clock-ms")) out.sample(r.labels, seconds(get_int(*r.server, "clock-ms")));
    }
    out.family("openmds_server_certificate_expiry_seconds", "gauge",
               "Time until the certificate of a server ends, negative when it has; missing when it is not known.");
    for (const Row& r : rows) {
        if (int64_t until = get_int(*r.server, "certificate-until")) {
            out.sample(r.labels, seconds(until - input.now_ms));
        }
    }
    out.family("openmds_server_certificate_renewal_failed", "gauge",
               "1 when the last attempt to renew the certificate of a server failed.");
    for (const Row& r : rows) out.sample(r.labels, !get_string(*r.server, "renewal-problem").empty());
    out.family("openmds_server_domain_servers", "gauge", "Management servers of Domains on a server, by state.");
    for (const Row& r : rows) {
        for (const char* state : {"active", "standby"}) {
            out.sample(Exposition::labels({{"server", get_string(*r.server, "name")}, {"state", state}}),
                       get_int(*r.server, state));
        }
    }
}

/// A server of a Domain as the status shows it.
struct Cell {
    const json::object* cell;
    std::string labels;
    std::string domain;
    /// Revision of the Active server of the Domain; -1 = there is none, or its revision is not known.
    int64_t active_revision = -1;
};

std::vector<Cell> cells_of(const json::object& status) {
    std::vector<Cell> out;
    for (const json::value& v : get_array(status, "domains")) {
        const json::object& d = v.as_object();
        std::string domain = get_string(d, "name");
        int64_t active = -1;
        for (const json::value& c : get_array(d, "cells")) {
            const json::object& cell = c.as_object();
            if (get_string(cell, "ha-state") == "active") active = get_int(cell, "revision", -1);
        }
        for (const json::value& c : get_array(d, "cells")) {
            const json::object& cell = c.as_object();
            out.push_back({&cell,
                           Exposition::labels({{"domain", domain},
                                               {"domain_server", get_string(cell, "server")},
                                               {"server", get_string(cell, "mds-name")}}),
                           domain, active});
        }
    }
    return out;
}

void render_domains(Exposition& out, const json::object& status) {
    // Every state is told, also when no Domain is in it: a rule that counts needs the 0.
    std::map<std::string, int64_t> states;
    for (const char* state :
         {"synchronized", "single", "no-active", "collision", "unreachable", "synchronizing", "lagging", "advanced",
          "sync-failed", "never-synchronized", "version-mismatch", "trust-missing"}) {
        states[state] = 0;
    }
    for (const json::value& v : get_array(status, "domains")) ++states[get_string(v.as_object(), "sync")];
    out.family("openmds_domains", "gauge", "Domains by state, the worst of their servers.");
    for (const auto& [state, count] : states) out.sample(Exposition::labels({{"state", state}}), count);

    const std::vector<Cell> cells = cells_of(status);
    out.family("openmds_domain_active_servers", "gauge",
               "Active servers of a Domain: 1 when all is well, 0 when nothing can be published, 2 in a collision.");
    for (const json::value& v : get_array(status, "domains")) {
        const json::object& d = v.as_object();
        int64_t active = 0;
        for (const json::value& c : get_array(d, "cells")) {
            active += get_string(c.as_object(), "ha-state") == "active";
        }
        out.sample(Exposition::labels({{"domain", get_string(d, "name")}}), active);
    }
    out.family("openmds_domain_server_up", "gauge", "1 when a server of a Domain runs and its host is heard.");
    for (const Cell& c : cells) {
        std::string state = get_string(*c.cell, "ha-state");
        out.sample(c.labels, state != "unknown" && state != "stopped" && c.cell->contains("revision"));
    }
    out.family("openmds_domain_server_active", "gauge", "1 for the Active server of a Domain.");
    for (const Cell& c : cells) out.sample(c.labels, get_string(*c.cell, "ha-state") == "active");
    out.family("openmds_domain_server_sync_status", "gauge",
               "1 for the sync status of a server of a Domain, as show-ha-status names it.");
    for (const Cell& c : cells) {
        out.sample(c.labels + "," + Exposition::labels({{"status", get_string(*c.cell, "sync-status")}}), int64_t{1});
    }
    out.family("openmds_domain_server_revision", "gauge", "Last revision that a server of a Domain has.");
    for (const Cell& c : cells) {
        if (c.cell->contains("revision")) out.sample(c.labels, get_int(*c.cell, "revision"));
    }
    out.family("openmds_domain_server_lag_revisions", "gauge",
               "Revisions that a server of a Domain is behind its Active one; missing when there is none.");
    for (const Cell& c : cells) {
        if (c.active_revision < 0 || !c.cell->contains("revision")) continue;
        out.sample(c.labels, std::max<int64_t>(0, c.active_revision - get_int(*c.cell, "revision")));
    }
    out.family("openmds_domain_server_parked_publishes", "gauge",
               "Publishes that a server of a Domain has taken back and not handed over yet.");
    for (const Cell& c : cells) {
        if (c.cell->contains("parked")) out.sample(c.labels, get_int(*c.cell, "parked"));
    }
    out.family("openmds_domain_server_sessions", "gauge",
               "Private sessions in a server of a Domain; only of those on this host.");
    for (const Cell& c : cells) {
        if (c.cell->contains("sessions")) out.sample(c.labels, get_int(*c.cell, "sessions"));
    }
}

void render_system(Exposition& out, const json::object& status, const MetricsInput& input) {
    const json::object& tentative = json::get_object(input.system, "tentative");
    out.family("openmds_system_revision", "gauge", "Last revision of the system data here.");
    out.sample("", get_int(input.system, "revision"));
    out.family("openmds_system_sessions", "gauge", "Private sessions in the system data here.");
    out.sample("", get_int(input.system, "sessions"));
    out.family("openmds_system_waiting_publishes", "gauge",
               "Publishes in the system data that wait here for the Primary.");
    out.sample("", get_int(tentative, "count"));
    out.family("openmds_problems", "gauge", "Problems that mdsctl status shows.");
    out.sample("", static_cast<int64_t>(get_array(status, "problems").size()));
    out.family("openmds_tasks", "gauge", "Tasks of the system data that are kept here, by status.");
    for (const auto& [state, count] : input.tasks) out.sample(Exposition::labels({{"status", state}}), count);
}

void render_audit(Exposition& out, const MetricsInput& input) {
    out.family("openmds_audit_verified_age_seconds", "gauge",
               "Time since mdsctl audit verify was last ordered here for a server; missing when it never was.");
    for (const auto& member : input.audit_verified) {
        if (!member.value().is_object()) continue;
        out.sample(Exposition::labels({{"server", std::string_view(member.key())}}),
                   seconds(std::max<int64_t>(0, input.now_ms - get_int(member.value().as_object(), "time"))));
    }
    out.family("openmds_audit_intact", "gauge", "1 when the audit trails of a server were as written at that time.");
    for (const auto& member : input.audit_verified) {
        if (!member.value().is_object()) continue;
        out.sample(Exposition::labels({{"server", std::string_view(member.key())}}),
                   get_bool(member.value().as_object(), "good"));
    }
}

void render_storage(Exposition& out, const MetricsInput& input) {
    out.family("openmds_database_bytes", "gauge",
               "Bytes of the databases on this host: content is what is published, work the private sessions, locks "
               "and audit records, kept what was damaged or replaced and waits for an operator.");
    for (const DatabaseSize& d : input.databases) {
        for (auto [part, bytes] : {std::pair{"content", d.content}, std::pair{"work", d.work},
                                   std::pair{"kept", d.kept}}) {
            out.sample(Exposition::labels({{"domain", d.domain}, {"domain_server", d.server}, {"part", part}}), bytes);
        }
    }
    out.family("openmds_sync_sent_bytes_total", "counter", "Bytes that mds-sync has sent since it started.");
    out.sample("", input.sync_sent);
    out.family("openmds_sync_received_bytes_total", "counter", "Bytes that mds-sync has received since it started.");
    out.sample("", input.sync_received);
}

}  // namespace

std::string render_metrics(const json::object& status, const MetricsInput& input) {
    Exposition out;
    out.family("openmds_build_info", "gauge", "The release that runs here; always 1.");
    out.sample(Exposition::labels({{"version", input.version}}), int64_t{1});
    render_servers(out, status, input);
    render_domains(out, status);
    render_system(out, status, input);
    render_audit(out, input);
    render_storage(out, input);
    return out.take();
}

}  // namespace mds::core
