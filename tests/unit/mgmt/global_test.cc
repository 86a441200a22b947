#include <algorithm>

#include "mgmt/policy.hh"
#include "rig.hh"

namespace mds::mgmt {
namespace {

/// One of the two databases of a test.
struct Side : Rig {
    explicit Side(const std::string& type) {
        domain_type = type;
        if (type != "domain") domain_uid = *Uid::parse(k_global_uid);
        reopen();
        sid = login();
        workspace->transact({}, add_standard_policy);
    }
    void TestBody() override {}
    using Rig::Answer, Rig::ask, Rig::db, Rig::good, Rig::login, Rig::workspace;
    json::object call(const std::string& command, const std::string& body) {
        return good(sid, command, body);
    }
    void publish() { good(sid, "publish", "{}"); }
    std::string sid;
};

/// What the tests call GA-*, without servers: tests/system/test_global.py has those.
class GlobalPolicies : public ::testing::Test {
  protected:
    Side::Answer assign(const std::string& policy = "Standard") {
        json::object given = json::parse_object(
            global.workspace->execute_as({}, "export-global-policy", R"({"policy":")" + policy + R"("})")
                .body);
        given["user"] = "anna";
        std::string root = domain.login({{"permissions", json::object{{"read-write", true}, {"root", true}}}});
        auto answer = domain.ask(root, "assign-global-policy", json::text(given));
        domain.good(root, "logout", "{}");
        return answer;
    }
    json::object rulebase(Side& side, const std::string& layer) {
        return side.call("show-access-rulebase", R"({"name":")" + layer + R"("})");
    }
    std::string names(const json::object& rulebase) {
        std::string out;
        for (const json::value& v : json::get_array(rulebase, "rulebase")) {
            out += json::get_string(v.as_object(), "name") + "|";
        }
        return out;
    }
    Side global{"global domain"}, domain{"domain"};
};

TEST_F(GlobalPolicies, OrderIsAboveDomainBelowAndGlobalsAreReadOnly) {
    global.call("add-host", R"({"name":"g-dns","ip-address":"192.0.2.53"})");
    global.call("add-access-rule", R"({"layer":"Global Network","position":"top","name":"above",
                 "destination":"g-dns","action":"Accept"})");
    global.publish();
    EXPECT_EQ(names(rulebase(global, "Global Network")),
              "above|Placeholder for domain rules|Cleanup rule|");
    ASSERT_EQ(assign().status, 200);
    json::object shown = rulebase(domain, "Global Network");
    EXPECT_EQ(names(shown), "above|Placeholder for domain rules|Cleanup rule|");
    const json::object& place = shown.at("rulebase").as_array()[1].as_object();
    EXPECT_EQ(json::get_string(place, "type"), "place-holder");
    json::object network = domain.call("show-access-layer", R"({"name":"Network"})");
    EXPECT_EQ(json::get_string(place, "inline-layer"), json::get_string(network, "uid"));
    json::object host = domain.call("show-host", R"({"name":"g-dns"})");
    EXPECT_EQ(json::get_string(json::get_object(host, "domain"), "name"), "Global");
    EXPECT_TRUE(json::get_bool(host, "read-only"));
    json::object package = domain.call("show-package", R"({"name":"Standard"})");
    const json::array& layers = json::get_array(package, "access-layers");
    ASSERT_EQ(layers.size(), 2u);
    EXPECT_EQ(json::get_string(layers[0].as_object(), "name"), "Global Network");
    for (auto [command, body] :
         {std::pair{"set-host", R"({"name":"g-dns","comments":"mine"})"},
          std::pair{"delete-host", R"({"name":"g-dns"})"},
          std::pair{"lock-object", R"({"type":"host","name":"g-dns"})"},
          std::pair{"set-access-layer", R"({"name":"Global Network","comments":"mine"})"},
          std::pair{"add-access-rule", R"({"layer":"Global Network","position":"top"})"},
          std::pair{"set-access-rule", R"({"layer":"Global Network","name":"above","enabled":false})"},
          std::pair{"delete-access-rule", R"({"layer":"Global Network","name":"above"})"},
          std::pair{"delete-access-layer", R"({"name":"Global Network"})"}}) {
        auto answer = domain.ask(domain.sid, command, body);
        EXPECT_EQ(answer.code(), "generic_err_no_permissions") << command << ": " << answer.message();
        EXPECT_NE(answer.message().find("Global Domain"), std::string::npos) << answer.message();
    }
    auto taken = domain.ask(domain.sid, "add-host", R"({"name":"G-DNS","ip-address":"192.0.2.1"})");
    EXPECT_EQ(taken.code(), "err_validation_failed");
    // The Domain's rules may use it.
    domain.call("add-access-rule", R"({"layer":"Network","position":"top","name":"mine","source":"g-dns"})");
    domain.publish();
}

TEST_F(GlobalPolicies, VerificationSeesOneOrder) {
    global.call("add-access-rule", R"({"layer":"Global Network","position":"top","name":"all ssh",
                 "service":"ssh","action":"Drop"})");
    global.publish();
    domain.call("add-access-rule", R"({"layer":"Network","position":"top","name":"ssh","service":"ssh"})");
    domain.publish();
    ASSERT_EQ(assign().status, 200);
    json::object told = domain.call("verify-policy", R"({"policy-package":"Standard"})");
    json::object task = domain.call("show-task", R"({"details-level":"full","task-id":")" +
                                                     json::get_string(told, "task-id") + R"("})");
    std::string text = json::text(task);
    EXPECT_NE(text.find("Global rule 1 decides before rule 2.1 for services ssh"), std::string::npos) << text;
    // That the Domain's Cleanup rule ends before the global one below is no fault.
    EXPECT_EQ(text.find("\"failed\""), std::string::npos) << text;
}

TEST_F(GlobalPolicies, NothingIsDoneWhenADeletedObjectIsUsed) {
    global.call("add-host", R"({"name":"g-dns","ip-address":"192.0.2.53"})");
    global.publish();
    ASSERT_EQ(assign().status, 200);
    domain.call("add-access-rule", R"({"layer":"Network","position":"top","name":"asks","destination":"g-dns"})");
    domain.publish();
    global.call("delete-host", R"({"name":"g-dns"})");
    global.call("add-host", R"({"name":"g-new","ip-address":"192.0.2.54"})");
    global.publish();
    uint64_t before = domain.db->position().rev;
    auto refused = assign();
    EXPECT_EQ(refused.code(), "err_validation_failed");
    EXPECT_NE(refused.message().find("rule 1 'asks' of layer 'Network' uses it"), std::string::npos)
        << refused.message();
    EXPECT_EQ(domain.db->position().rev, before);
    EXPECT_EQ(domain.ask(domain.sid, "show-host", R"({"name":"g-new"})").status, 404);
    domain.call("delete-access-rule", R"({"layer":"Network","name":"asks"})");
    domain.publish();
    ASSERT_EQ(assign().status, 200);
    EXPECT_EQ(domain.ask(domain.sid, "show-host", R"({"name":"g-dns"})").status, 404);
    domain.call("show-host", R"({"name":"g-new"})");
}

TEST_F(GlobalPolicies, ANameThatTheDomainHasIsRefusedByName) {
    domain.call("add-host", R"({"name":"dns","ip-address":"192.0.2.1"})");
    domain.publish();
    global.call("add-host", R"({"name":"DNS","ip-address":"192.0.2.53"})");
    global.publish();
    auto refused = assign();
    EXPECT_EQ(refused.code(), "err_validation_failed");
    EXPECT_NE(refused.message().find("The Domain has host 'dns'"), std::string::npos) << refused.message();
}

TEST_F(GlobalPolicies, OnlyWhatChangedIsWrittenAndAllOfItGoesWhenWithdrawn) {
    global.call("add-host", R"({"name":"g-1","ip-address":"192.0.2.53"})");
    global.call("add-host", R"({"name":"g-2","ip-address":"192.0.2.54"})");
    global.publish();
    ASSERT_EQ(assign().status, 200);
    uint64_t objects = domain.db->object_count();
    global.call("set-host", R"({"name":"g-1","comments":"new"})");
    global.publish();
    auto again = assign();
    EXPECT_EQ(again.body.at("changes").to_number<int>(), 1) << json::text(again.body);
    EXPECT_EQ(domain.db->object_count(), objects);
    EXPECT_EQ(json::get_string(domain.workspace->global_state(), "by"), "anna");
    std::string root = domain.login({{"permissions", json::object{{"read-write", true}, {"root", true}}}});
    domain.good(root, "assign-global-policy", R"({"withdraw":true})");
    EXPECT_TRUE(domain.workspace->global_state().empty());
    EXPECT_EQ(domain.ask(domain.sid, "show-host", R"({"name":"g-2"})").status, 404);
    EXPECT_EQ(json::get_array(domain.call("show-package", R"({"name":"Standard"})"), "access-layers").size(), 1u);
}

TEST_F(GlobalPolicies, GoingBackToARevisionLeavesThemAsAssigned) {
    domain.call("add-host", R"({"name":"mine","ip-address":"192.0.2.1"})");
    domain.publish();
    json::object list = domain.call("show-sessions", R"({"view-published-sessions":true,"details-level":"uid"})");
    std::string before(json::get_array(list, "objects").at(0).as_string());
    global.call("add-host", R"({"name":"g-1","ip-address":"192.0.2.53"})");
    global.publish();
    ASSERT_EQ(assign().status, 200);
    domain.call("set-host", R"({"name":"mine","comments":"later"})");
    domain.publish();
    std::string manager = domain.login(
        {{"permissions", json::object{{"read-write", true}, {"manage-sessions", true}}}});
    domain.good(manager, "revert-to-revision", R"({"to-session":")" + before + R"("})");
    EXPECT_EQ(json::get_string(domain.good(manager, "show-host", R"({"name":"mine"})"), "comments"), "");
    domain.good(manager, "show-host", R"({"name":"g-1"})");
    EXPECT_FALSE(domain.workspace->global_state().empty());
}

TEST_F(GlobalPolicies, ALayerOfTheGlobalPolicyIsNotTheDomainsToPlace) {
    global.publish();
    ASSERT_EQ(assign().status, 200);
    domain.call("set-package", R"({"name":"Standard","access-layers":{"value":["Global Network","Network"]}})");
    json::object package = domain.call("show-package", R"({"name":"Standard"})");
    EXPECT_EQ(json::get_array(package, "access-layers").size(), 2u) << json::text(package);
    json::object shown = rulebase(domain, "Global Network");
    json::object network = domain.call("show-access-layer", R"({"name":"Network"})");
    EXPECT_EQ(json::get_string(shown.at("rulebase").as_array()[0].as_object(), "inline-layer"),
              json::get_string(network, "uid"));
}

TEST_F(GlobalPolicies, ThePlaceholderCanBeMovedAndNothingElse) {
    for (auto [command, body] :
         {std::pair{"delete-access-rule", R"({"layer":"Global Network","name":"Placeholder for domain rules"})"},
          std::pair{"set-access-rule",
                    R"({"layer":"Global Network","name":"Placeholder for domain rules","enabled":false})"}}) {
        EXPECT_EQ(global.ask(global.sid, command, body).code(), "generic_err_no_permissions") << command;
    }
    global.call("set-access-rule", R"({"layer":"Global Network","name":"Placeholder for domain rules",
                                       "new-position":"bottom"})");
    EXPECT_EQ(names(rulebase(global, "Global Network")), "Cleanup rule|Placeholder for domain rules|");
    EXPECT_EQ(global.ask(global.sid, "add-nat-rule", R"({"package":"Standard","position":"top"})").code(),
              "err_inappropriate_domain_type");
}

TEST_F(GlobalPolicies, NobodyButTheServiceAssigns) {
    EXPECT_EQ(domain.ask(domain.sid, "assign-global-policy", "{}").code(), "generic_err_command_not_found");
    EXPECT_EQ(global.ask(global.sid, "assign-global-policy", "{}").code(), "generic_err_command_not_found");
}

}  // namespace
}  // namespace mds::mgmt
