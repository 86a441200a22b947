// How long the metrics of a large deployment take to be written: 250 Domains on 3 servers. What the loop of
// mds-core does for a scrape beside this is `mdsctl status`, which bench/domains.py measures.
#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "metrics.hh"

namespace {

using namespace mds;

constexpr int k_domains = 250, k_servers = 3, k_rounds = 200;

json::object large_status() {
    json::array servers, domains;
    for (int s = 0; s < k_servers; ++s) {
        servers.push_back(json::object{{"name", fmt::format("server-{}", s)}, {"role", s ? "secondary" : "primary"},
                                       {"address", fmt::format("10.77.0.{}", s)}, {"self", s == 0},
                                       {"state", "running"}, {"version", "0.1.0"}, {"last-contact", 1'700'000'000'000},
                                       {"round-trip-us", 300}, {"clock-ms", 12}, {"certificate-until", 1'710'000'000'000},
                                       {"renewal-problem", ""}, {"active", 84}, {"standby", 166}});
    }
    for (int d = 0; d < k_domains; ++d) {
        json::array cells;
        for (int s = 0; s < k_servers; ++s) {
            cells.push_back(json::object{{"server", fmt::format("Domain-{}-{}", d, s)},
                                         {"mds-name", fmt::format("server-{}", s)},
                                         {"ha-state", s == d % k_servers ? "active" : "standby"},
                                         {"sync-status", "synchronized"}, {"revision", 1000 + d}, {"parked", 0},
                                         {"sessions", 2}});
        }
        domains.push_back(json::object{{"name", fmt::format("Domain-{}", d)}, {"sync", "synchronized"},
                                       {"cells", std::move(cells)}});
    }
    return {{"servers", std::move(servers)}, {"domains", std::move(domains)}, {"problems", json::array{}}};
}

}  // namespace

int main() {
    const json::object status = large_status();
    core::MetricsInput input;
    input.version = "0.1.0";
    input.now_ms = 1'700'000'001'000;
    for (int d = 0; d < k_domains; ++d) {
        input.databases.push_back({fmt::format("Domain-{}", d), fmt::format("Domain-{}-0", d), 1 << 20, 1 << 16, 0});
    }
    std::vector<double> times;
    size_t bytes = 0;
    for (int i = 0; i < k_rounds; ++i) {
        auto begin = std::chrono::steady_clock::now();
        bytes = core::render_metrics(status, input).size();
        times.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count());
    }
    std::sort(times.begin(), times.end());
    std::printf("RESULT metrics_of_%d_domains_on_%d_servers %.3f ms\n", k_domains, k_servers, times[k_rounds / 2]);
    std::printf("RESULT metrics_of_%d_domains_on_%d_servers_slowest_of_100 %.3f ms\n", k_domains, k_servers,
                times[k_rounds * 99 / 100]);
    std::printf("RESULT metrics_of_%d_domains_on_%d_servers_size %.1f KiB\n", k_domains, k_servers,
                static_cast<double>(bytes) / 1024);
    return times[k_rounds / 2] < 20 ? 0 : 1;
}
