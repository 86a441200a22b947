#include "metrics.hh"

#include <gtest/gtest.h>

namespace mds::core {
namespace {

constexpr int64_t k_now = 1'000'000'000;

/// London Active with a Standby in Tokyo that is two revisions behind; a Domain of a silent server.
json::object status() {
    return json::parse_object(R"({
        "servers": [
            {"name": "london", "role": "primary", "address": "10.0.0.1", "self": true, "state": "running",
             "version": "0.1", "last-contact": 1000000000, "certificate-until": 1000060000, "active": 1, "standby": 0},
            {"name": "tokyo", "role": "secondary", "address": "10.0.0.2", "self": false, "state": "running",
             "version": "0.1", "last-contact": 999998500, "certificate-until": 999999000, "round-trip-us": 250,
             "clock-ms": -2500, "renewal-problem": "there is no Primary", "active": 0, "standby": 2},
            {"name": "paris", "role": "secondary", "address": "10.0.0.3", "self": false, "state": "silent",
             "version": "?", "last-contact": 0, "certificate-until": 0, "active": 0, "standby": 1}],
        "domains": [
            {"name": "Bank", "sync": "lagging", "cells": [
                {"server": "Bank-1", "mds-name": "london", "ha-state": "active", "sync-status": "synchronized",
                 "revision": 12, "parked": 0, "sessions": 3},
                {"server": "Bank-2", "mds-name": "tokyo", "ha-state": "standby", "sync-status": "lagging",
                 "revision": 10, "parked": 1}]},
            {"name": "Shop", "sync": "no-active", "cells": [
                {"server": "Shop-1", "mds-name": "paris", "ha-state": "unknown", "sync-status": "unreachable"},
                {"server": "Shop-2", "mds-name": "tokyo", "ha-state": "standby", "sync-status": "no-active",
                 "revision": 4, "parked": 0}]}],
        "problems": [{}, {}]})");
}

MetricsInput input() {
    MetricsInput in;
    in.version = "0.1";
    in.now_ms = k_now;
    in.system = {{"revision", 77}, {"sessions", 2}, {"tentative", json::object{{"count", 5}}}};
    in.tasks = {{"failed", 1}, {"in progress", 2}};
    in.audit_verified = {{"london", json::object{{"time", k_now - 30'000}, {"good", false}}}};
    in.databases = {{"Bank", "Bank-1", 4096, 512, 1}};
    in.sync_sent = 9'000'000'000;
    in.sync_received = 1;
    return in;
}

class Metrics : public ::testing::Test {
  protected:
    bool has(const std::string& line) const { return text.find("\n" + line + "\n") != std::string::npos; }
    bool names(const std::string& begin) const { return text.find("\n" + begin) != std::string::npos; }
    const std::string text = "\n" + render_metrics(status(), input());
};

TEST_F(Metrics, ServersAreToldWithWhatIsKnownOfThem) {
    EXPECT_TRUE(has(R"(openmds_server_up{server="london"} 1)"));
    EXPECT_TRUE(has(R"(openmds_server_up{server="paris"} 0)"));
    EXPECT_TRUE(has(R"(openmds_server_last_contact_age_seconds{server="tokyo"} 1.5)"));
    EXPECT_TRUE(has(R"(openmds_server_clock_difference_seconds{server="tokyo"} -2.5)"));
    EXPECT_TRUE(has(R"(openmds_server_round_trip_seconds{server="tokyo"} 0.00025)"));
    EXPECT_TRUE(has(R"(openmds_server_certificate_expiry_seconds{server="london"} 60)"));
    EXPECT_TRUE(has(R"(openmds_server_certificate_expiry_seconds{server="tokyo"} -1)"));
    EXPECT_TRUE(has(R"(openmds_server_certificate_renewal_failed{server="tokyo"} 1)"));
    EXPECT_TRUE(has(R"(openmds_server_domain_servers{server="tokyo",state="standby"} 2)"));
}

TEST_F(Metrics, WhatIsNotKnownIsMissingAndNotNought) {
    EXPECT_FALSE(names(R"(openmds_server_last_contact_age_seconds{server="paris"})"));
    EXPECT_FALSE(names(R"(openmds_server_certificate_expiry_seconds{server="paris"})"));
    EXPECT_FALSE(names(R"(openmds_server_clock_difference_seconds{server="paris"})"));
    EXPECT_FALSE(names(R"(openmds_domain_server_lag_revisions{domain="Shop")")) << "no Active, no lag";
    EXPECT_FALSE(names(R"(openmds_domain_server_sessions{domain="Bank",domain_server="Bank-2")"));
}

TEST_F(Metrics, DomainsAndTheirServers) {
    EXPECT_TRUE(has(R"(openmds_domains{state="lagging"} 1)"));
    EXPECT_TRUE(has(R"(openmds_domains{state="no-active"} 1)"));
    EXPECT_TRUE(has(R"(openmds_domains{state="collision"} 0)"));
    EXPECT_TRUE(has(R"(openmds_domain_active_servers{domain="Bank"} 1)"));
    EXPECT_TRUE(has(R"(openmds_domain_active_servers{domain="Shop"} 0)"));
    const std::string bank2 = R"({domain="Bank",domain_server="Bank-2",server="tokyo"})";
    EXPECT_TRUE(has("openmds_domain_server_revision" + bank2 + " 10"));
    EXPECT_TRUE(has("openmds_domain_server_lag_revisions" + bank2 + " 2"));
    EXPECT_TRUE(has("openmds_domain_server_parked_publishes" + bank2 + " 1"));
    EXPECT_TRUE(has("openmds_domain_server_up" + bank2 + " 1"));
    EXPECT_TRUE(has("openmds_domain_server_active" + bank2 + " 0"));
    EXPECT_TRUE(has(
        R"(openmds_domain_server_sync_status{domain="Bank",domain_server="Bank-2",server="tokyo",status="lagging"} 1)"));
    EXPECT_TRUE(has(R"(openmds_domain_server_up{domain="Shop",domain_server="Shop-1",server="paris"} 0)"));
    EXPECT_TRUE(has(R"(openmds_domain_server_sessions{domain="Bank",domain_server="Bank-1",server="london"} 3)"));
}

TEST_F(Metrics, TheServerItself) {
    EXPECT_TRUE(has(R"(openmds_build_info{version="0.1"} 1)"));
    EXPECT_TRUE(has("openmds_system_revision 77"));
    EXPECT_TRUE(has("openmds_system_waiting_publishes 5"));
    EXPECT_TRUE(has("openmds_problems 2"));
    EXPECT_TRUE(has(R"(openmds_tasks{status="in progress"} 2)"));
    EXPECT_TRUE(has(R"(openmds_audit_verified_age_seconds{server="london"} 30)"));
    EXPECT_TRUE(has(R"(openmds_audit_intact{server="london"} 0)"));
    EXPECT_TRUE(has(R"(openmds_database_bytes{domain="Bank",domain_server="Bank-1",part="content"} 4096)"));
    EXPECT_TRUE(has("openmds_sync_sent_bytes_total 9000000000"));
}

}  // namespace
}  // namespace mds::core
