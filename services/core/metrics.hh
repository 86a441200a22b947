#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "json/json.hh"

namespace mds::core {

/// Bytes on the disk of one database of this host.
struct DatabaseSize {
    std::string domain, server;
    /// What is published, what is not, and what was set aside or replaced and waits for an operator.
    int64_t content = 0, work = 0, kept = 0;
};

/// What mds-core knows beside the grid.
struct MetricsInput {
    std::string version;
    int64_t now_ms = 0;
    /// Status of the system data here (Server::status()).
    json::object system;
    /// Tasks of the system data, by status.
    std::map<std::string, int64_t> tasks;
    /// {"<server>":{"time" ms,"good"}}.
    json::object audit_verified;
    std::vector<DatabaseSize> databases;
    /// Bytes of mds-sync since it started.
    int64_t sync_sent = 0, sync_received = 0;
};

/// The metrics of docs/monitoring.md in the Prometheus text format; `status` is Grid::json().
std::string render_metrics(const json::object& status, const MetricsInput& input);

}  // namespace mds::core
