#include "rig.hh"

namespace mds::mgmt {
namespace {

class Gateways : public Rig {
  protected:
    void SetUp() override {
        sid = login({{"permissions",
                      json::object{
                          {"read-write", true}, {"install-policy", true}, {"run-scripts", true}}}});
        good(sid, "add-simple-gateway", R"({"name":"gw1","ip-address":"192.0.2.1","vpn":true,
            "interfaces":[{"name":"eth0","ip-address":"192.0.2.1","ipv4-mask-length":24}]})");
        good(sid, "add-simple-gateway", R"({"name":"gw2","ip-address":"192.0.2.2"})");
        good(sid, "add-checkpoint-host", R"({"name":"log1","ip-address":"192.0.2.3",
            "management-blades":{"logging-and-status":true}})");
        add_host(sid, "web", "192.0.2.9");
        good(sid, "add-package", R"({"name":"Edge","installation-targets":["gw1"]})");
        publish(sid);
    }
    TaskInfo task_of(const json::object& reply) {
        return *workspace->task(*Uid::parse(json::get_string(reply, "task-id")));
    }
    TaskInfo task_of(const std::string& command, const std::string& body) {
        return task_of(good(sid, command, body));
    }
    std::string sid;
};

TEST_F(Gateways, AreListedByNameWithTheirState) {
    json::object reply = good(sid, "show-gateways-and-servers");
    EXPECT_EQ(reply.at("total"), 3);
    const json::array& all = reply.at("objects").as_array();
    EXPECT_EQ(all.at(0).as_object().at("name"), "gw1");
    EXPECT_EQ(all.at(2).as_object().at("name"), "log1");
    const json::object& gateway = all.at(0).as_object();
    EXPECT_EQ(gateway.at("type"), "simple-gateway");
    EXPECT_EQ(gateway.at("ipv4-address"), "192.0.2.1");
    EXPECT_EQ(gateway.at("sic-status"), "uninitialized");
    EXPECT_EQ(gateway.at("operating-system"), "Gaia");
    EXPECT_EQ(json::text(gateway.at("network-security-blades")), R"({"firewall":true,"vpn":true})");
    EXPECT_EQ(gateway.at("policy").as_object().at("access-policy-installed"), false);
    EXPECT_EQ(gateway.at("interfaces").as_array().size(), 1u);
    EXPECT_EQ(json::text(all.at(2).as_object().at("management-blades")),
              R"({"logging-and-status":true})");
    reply =
        good(sid, "show-gateways-and-servers", R"({"limit":1,"offset":1,"details-level":"uid"})");
    ASSERT_EQ(reply.at("objects").as_array().size(), 1u);
    EXPECT_TRUE(reply.at("objects").as_array()[0].is_string());
    EXPECT_EQ(reply.at("to"), 2);
    EXPECT_EQ(good(sid, "show-gateways-and-servers", R"({"filter":"log"})").at("total"), 1);
}

TEST_F(Gateways, TrustIsToldAsItIs) {
    json::object state = good(sid, "test-sic-status", R"({"name":"gw1"})");
    EXPECT_EQ(state.at("sic-status"), "uninitialized");
    EXPECT_NE(json::get_string(state, "sic-message").find("one-time-password"), std::string::npos);
    EXPECT_EQ(good(sid, "reset-sic", R"({"name":"gw1"})").at("message"), "OK");
    EXPECT_EQ(ask(sid, "test-sic-status", R"({"name":"gw9"})").status, 404);
    EXPECT_EQ(ask(sid, "test-sic-status", R"({"name":"web"})").code(),
              "generic_err_object_type_wrong");
    EXPECT_EQ(ask(sid, "reset-sic", "{}").code(), "generic_err_missing_required_parameters");
    TaskInfo task = task_of("get-interfaces", R"({"target-name":"gw1","with-topology":true})");
    EXPECT_EQ(task.status, "failed");
    EXPECT_EQ(task.details.at(0).as_object().at("gatewayName"), "gw1");
    EXPECT_EQ(ask(sid, "get-interfaces", R"({"target-name":"gw1","with-topology":"x"})").code(),
              "generic_err_invalid_parameter");
}

TEST_F(Gateways, ScriptsAndFilesGetATaskForEveryTarget) {
    json::object reply = good(sid, "run-script", R"({"script-name":"uptime","script":"uptime",
        "targets":["gw1","gw2","gw1"]})");
    const json::array& tasks = reply.at("tasks").as_array();
    ASSERT_EQ(tasks.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
        const json::object& one = tasks.at(i).as_object();
        EXPECT_EQ(one.at("target"), i == 0 ? "gw1" : "gw2");
        TaskInfo task = task_of(one);
        EXPECT_EQ(task.status, "failed");
        const json::object& detail = task.details.at(0).as_object();
        EXPECT_EQ(detail.at("statusCode"), "failed");
        EXPECT_EQ(detail.at("gatewayName"), one.at("target"));
        EXPECT_EQ(detail.at("fault-message"), detail.at("statusDescription"));
        EXPECT_NE(task.comments.find("Trust with"), std::string::npos);
    }
    reply = good(sid, "put-file", R"({"file-name":"a","file-path":"/tmp","file-content":"x",
        "targets":"log1"})");
    EXPECT_EQ(reply.at("tasks").as_array().size(), 1u);
    reply = good(sid, "install-database", R"({"targets":["log1"]})");
    EXPECT_EQ(reply.at("tasks").as_array().at(0).as_object().at("target"), "log1");
    struct Bad {
        const char *command, *body, *code;
    };
    size_t before = workspace->tasks("all").size();
    for (const Bad& bad :
         {Bad{"run-script", R"({"script-name":"a","script":"x"})",
              "generic_err_missing_required_parameters"},
          Bad{"run-script", R"({"script-name":"a","script":"x","targets":[]})",
              "generic_err_missing_required_parameters"},
          Bad{"run-script", R"({"script-name":"a","targets":["gw1"]})",
              "generic_err_missing_required_parameters"},
          Bad{"run-script", R"({"script-name":"a","script":"x","targets":["gw1","gw9"]})",
              "generic_err_object_not_found"},
          Bad{"run-script", R"({"script-name":"a","script-base64":"a*b","targets":["gw1"]})",
              "generic_err_invalid_parameter"},
          Bad{"run-script", R"({"script-name":"a","script":"x","timeout":0,"targets":["gw1"]})",
              "generic_err_invalid_parameter"},
          Bad{"run-script",
              R"({"script-name":"a","script":"x","script-type":"two","targets":["gw1"]})",
              "generic_err_invalid_parameter"},
          Bad{"put-file",
              R"({"file-name":"a","file-path":"tmp","file-content":"x","targets":["gw1"]})",
              "generic_err_invalid_parameter"},
          Bad{"install-database", R"({"targets":["web"]})", "generic_err_object_type_wrong"}}) {
        EXPECT_EQ(ask(sid, bad.command, bad.body).code(), bad.code) << bad.body;
    }
    EXPECT_EQ(workspace->tasks("all").size(), before);
    std::string other = login();
    EXPECT_EQ(
        ask(other, "run-script", R"({"script-name":"a","script":"x","targets":["gw1"]})").status,
        403);
}

TEST_F(Gateways, APolicyGoesToThePackagesGatewaysOnly) {
    TaskInfo task = task_of("install-policy", R"({"policy-package":"Edge"})");
    EXPECT_EQ(task.status, "failed");
    ASSERT_EQ(task.details.size(), 1u);
    EXPECT_EQ(task.details.at(0).as_object().at("gatewayName"), "gw1");
    EXPECT_NE(task.comments.find("Trust with 'gw1' is not established"), std::string::npos);
    Answer refused = ask(sid, "install-policy", R"({"policy-package":"Edge","targets":["gw2"]})");
    EXPECT_EQ(refused.status, 400);
    EXPECT_NE(refused.message().find("installation targets"), std::string::npos);
    EXPECT_EQ(ask(sid, "install-policy", R"({"policy-package":"Edge","targets":["gw7"]})").status,
              404);
    EXPECT_EQ(ask(sid, "install-policy", R"({"policy-package":"Nope"})").status, 404);
    EXPECT_EQ(ask(sid, "install-policy", R"({"policy-package":"Edge","qos":true})").code(),
              "generic_err_invalid_parameter");
    EXPECT_EQ(ask(sid, "install-policy",
                  R"({"policy-package":"Edge","access":false,"threat-prevention":false})")
                  .code(),
              "generic_err_missing_required_parameters");
    // All gateways when the package names none.
    good(sid, "set-package", R"({"name":"Edge","installation-targets":"all"})");
    publish(sid);
    EXPECT_EQ(task_of("install-policy", R"({"policy-package":"Edge"})").details.size(), 2u);
    // What is not published is not installed.
    good(sid, "add-package", R"({"name":"Private"})");
    Answer unpublished = ask(sid, "verify-policy", R"({"policy-package":"Private"})");
    EXPECT_EQ(unpublished.status, 404);
    EXPECT_NE(json::text(unpublished.body).find("publish"), std::string::npos);
    good(sid, "add-package", R"({"name":"Bare","access":false})");
    publish(sid);
    for (const char* command : {"verify-policy", "install-policy"}) {
        Answer bare = ask(sid, command, R"({"policy-package":"Bare","access":true})");
        if (std::string(command) == "verify-policy") {
            bare = ask(sid, command, R"({"policy-package":"Bare"})");
        }
        EXPECT_EQ(bare.code(), "err_policy_verification_failed") << command;
    }
    EXPECT_EQ(ask(login(), "install-policy", R"({"policy-package":"Edge"})").status, 403);
    standby = true;
    EXPECT_EQ(ask(sid, "install-policy", R"({"policy-package":"Edge"})").status, 403);
}

TEST_F(Gateways, WhatAnInstallationWouldChangeIsToldWithWhatIsAgainstIt) {
    good(sid, "add-access-rule", R"({"layer":"Edge Network","position":1,"name":"web","destination":"web","service":"http",
                                     "action":"Accept"})");
    const std::string body = R"({"policy-package":"Edge"})";
    auto first = [&] { return good(sid, "show-policy-changes", body).at("gateways").as_array().at(0).as_object(); };
    EXPECT_EQ(first().at("number-of-changes"), 1) << "the cleanup rule; what is not published is not installed";
    publish(sid);
    EXPECT_EQ(good(sid, "show-policy-changes", body).at("revision"), db->position().rev);
    EXPECT_EQ(first().at("number-of-changes"), 2);
    EXPECT_EQ(first().at("name"), "gw1");
    EXPECT_FALSE(first().contains("installed"));
    EXPECT_NE(json::get_string(first(), "problem").find("Trust with 'gw1' is not established"), std::string::npos);
    EXPECT_TRUE(json::get_string(first(), "next").starts_with("mdsctl gateway trust gw1 -D ")) << json::text(first());
    const json::object rule = first().at("changes").as_array().at(0).as_object();
    EXPECT_EQ(rule.at("change"), "added");
    EXPECT_NE(json::text(rule).find(R"({"field":"destination","before":null,"after":["web"]})"), std::string::npos) << json::text(rule);
    EXPECT_EQ(ask(sid, "show-policy-changes", R"({"policy-package":"Nope"})").status, 404);
    EXPECT_EQ(ask(sid, "show-policy-changes", R"({"policy-package":"Edge","targets":["gw2"]})").status, 400);
    // It looks, on every server; it makes no task.
    size_t before = workspace->tasks("all").size();
    standby = true;
    EXPECT_EQ(first().at("number-of-changes"), 2);
    EXPECT_EQ(workspace->tasks("all").size(), before);
}

TEST_F(Gateways, OnlyTheNewestRevisionIsInstalled) {
    std::string newest = json::get_string(good(sid, "show-last-published-session"), "uid");
    std::string body = R"({"policy-package":"Edge","revision":")";
    EXPECT_EQ(task_of("install-policy", body + newest + "\"}").status, "failed");
    add_host(sid, "more", "192.0.2.77");
    publish(sid);
    EXPECT_EQ(ask(sid, "install-policy", body + newest + "\"}").status, 501);
    EXPECT_EQ(ask(sid, "install-policy", body + Uid::make().text() + "\"}").status, 404);
}

TEST_F(Gateways, AHiddenRuleStopsTheInstallation) {
    good(sid, "add-access-rule", R"({"layer":"Edge Network","position":1,"action":"Accept"})");
    publish(sid);
    TaskInfo task = task_of("install-policy", R"({"policy-package":"Edge"})");
    EXPECT_EQ(task.status, "failed");
    EXPECT_NE(task.comments.find("Rule 1 hides rule 2 for services Any"), std::string::npos);
    const json::object& detail = task.details.at(0).as_object();
    EXPECT_EQ(detail.at("gatewayName"), "gw1");
    EXPECT_EQ(detail.at("errors").as_array().size(), 1u);
}

}  // namespace
}  // namespace mds::mgmt
