#include "rig.hh"

namespace mds::mgmt {
namespace {

class Types : public Rig {};

TEST_F(Types, TimesInEveryFormAndTheirChecks) {
    std::string sid = login();
    json::object time = good(sid, "add-time",
                             R"({"name":"t","start":{"date":"24-Nov-2026","time":"21:22"},
                                 "end":{"posix":1795600000000},
                                 "hours-ranges":[{"index":1,"enabled":true,"from":"00:30","to":"23:59"}],
                                 "recurrence":{"pattern":"weekly","weekdays":["Sun"]}})");
    const json::object& start = time.at("start").as_object();
    EXPECT_EQ(start.at("iso-8601"), "2026-11-24T21:22+0000");
    EXPECT_EQ(start.at("posix"), 1795555320000);
    EXPECT_EQ(time.at("start-now"), false);
    EXPECT_EQ(time.at("recurrence").as_object().at("pattern"), "Weekly");
    auto equals = [&](const std::string& params) {
        return good(sid, "equals", R"({"type":"time","params":)" + params + "}").at("equals");
    };
    EXPECT_EQ(equals(R"({"name":"t","start":{"iso-8601":"2026-11-24T21:22"}})"), true);
    EXPECT_EQ(equals(R"({"name":"t","start":{"date":"25-Nov-2026","time":"21:22"}})"), false);
    json::object open = good(sid, "add-time", R"({"name":"always"})");
    EXPECT_EQ(open.at("start-now"), true);
    EXPECT_EQ(open.at("end-never"), true);
    for (const char* bad :
         {R"({"name":"x","start":{"date":"24-Foo-2026"}})",
          R"({"name":"x","start":{"date":"24-Nov-2026","time":"25:00"}})",
          R"({"name":"x","start":"now"})",
          R"({"name":"x","hours-ranges":[{"index":1,"from":"9:30"}]})",
          R"({"name":"x","start":{"date":"24-Nov-2026"},"end":{"date":"23-Nov-2026"}})"}) {
        EXPECT_EQ(ask(sid, "add-time", bad).status, 400) << bad;
    }
    good(sid, "add-time-group", R"({"name":"g","members":["t"]})");
    EXPECT_EQ(ask(sid, "delete-time", R"({"name":"t"})").code(), "generic_err_object_deletion");
    good(sid, "add-access-layer", R"({"name":"L"})");
    json::object rule =
        good(sid, "add-access-rule", R"({"layer":"L","position":1,"name":"r","time":"t"})");
    EXPECT_EQ(rule.at("time").as_array()[0].as_object().at("name"), "t");
}

TEST_F(Types, GatewaysAndCheckpointHosts) {
    std::string sid = login();
    json::object gateway = good(sid, "add-simple-gateway",
                                R"({"name":"gw","ip-address":"192.0.2.1","version":"R81.20",
                                    "one-time-password":"not-kept","vpn":"true",
                                    "interfaces":[{"name":"eth0","ip-address":"192.0.2.1",
                                                   "ipv4-mask-length":24}]})");
    EXPECT_EQ(gateway.at("sic-state"), "uninitialized");
    EXPECT_EQ(gateway.at("vpn"), true);
    EXPECT_EQ(gateway.at("firewall"), true);
    EXPECT_EQ(json::text(gateway).find("not-kept"), std::string::npos);
    const json::object& eth0 = gateway.at("interfaces").as_array()[0].as_object();
    EXPECT_EQ(eth0.at("ipv4-address"), "192.0.2.1");
    EXPECT_EQ(eth0.at("topology"), "automatic");
    good(
        sid, "add-checkpoint-host",
        R"({"name":"log1","ipv4-address":"192.0.2.2","management-blades":{"logging-and-status":true}})");
    json::object set =
        good(sid, "set-simple-gateway", R"({"name":"gw","send-logs-to-server":["log1"]})");
    EXPECT_EQ(set.at("send-logs-to-server").as_array().size(), 1u);
    good(sid, "add-package", R"({"name":"P"})");
    json::object rule =
        good(sid, "add-access-rule",
             R"({"layer":"P Network","position":"top","name":"r","install-on":"gw"})");
    EXPECT_EQ(rule.at("install-on").as_array()[0].as_object().at("name"), "gw");
    EXPECT_EQ(ask(sid, "add-simple-gateway", R"({"name":"gw2","ip-address":"x"})").status, 400);
}

}  // namespace
}  // namespace mds::mgmt
