#include "mgmt/servers.hh"

#include "mgmt/gateways.hh"
#include "model/predefined.hh"
#include "rig.hh"

namespace mds::mgmt {
namespace {

class Servers : public Rig {
  protected:
    void SetUp() override {
        first = {Uid::make(), "A-1", "192.0.2.1", false, true, true};
        second = {Uid::make(), "A-2", "192.0.2.2", false, false, false};
        logs = {Uid::make(), "A-log", "192.0.2.3", true, false, false};
        sid = login({{"permissions",
                      json::object{{"read-write", true}, {"high-availability-operations", true},
                                   {"install-policy", true}, {"manage-sessions", true}}}});
    }
    bool keep() { return keep_server_objects(*workspace, {first, second, logs}); }
    std::string name_of(const ServerFacts& s) {
        auto object = db->get(s.uid);
        return object ? object->name : "";
    }
    json::object state() { return server_objects_state(*workspace, {first, second, logs}); }
    std::string uses_second() {
        json::object all = state();
        json::object one = json::get_object(all, second.uid.text());
        std::string out;
        for (const json::value& v : json::get_array(one, "used-by")) out += std::string(v.as_string()) + ";";
        return out;
    }

    ServerFacts first, second, logs;
    std::string sid;
};

TEST_F(Servers, EveryServerHasItsObjectWithItsUid) {
    EXPECT_TRUE(keep());
    uint64_t revision = db->position().rev;
    EXPECT_FALSE(keep()) << "nothing is published when all is as it should be";
    EXPECT_EQ(db->position().rev, revision);
    json::object shown = good(sid, "show-checkpoint-host", R"({"name":"A-2"})");
    EXPECT_EQ(json::get_string(shown, "uid"), second.uid.text());
    EXPECT_EQ(shown.at("ipv4-address"), "192.0.2.2");
    EXPECT_FALSE(shown.contains("domain-server")) << "a matter of the server";
    const json::object& blades = shown.at("management-blades").as_object();
    EXPECT_EQ(blades.at("network-policy-management"), true);
    EXPECT_EQ(blades.at("secondary"), true);
    shown = good(sid, "show-checkpoint-host", R"({"name":"A-log"})");
    EXPECT_EQ(shown.at("management-blades").as_object().at("network-policy-management"), false);
    EXPECT_EQ(shown.at("management-blades").as_object().at("logging-and-status"), true);
    EXPECT_EQ(good(sid, "show-unused-objects").at("total"), 0);
}

TEST_F(Servers, ANameThatIsTakenIsNotTakenAway) {
    add_host(sid, "a-2", "192.0.2.2");
    add_host(sid, "A-2_2", "192.0.2.5");
    publish(sid);
    EXPECT_TRUE(keep());
    EXPECT_EQ(name_of(second), "A-2_3");
    good(sid, "delete-host", R"({"name":"a-2"})");
    publish(sid);
    EXPECT_FALSE(keep()) << "a name stays: scripts use it";
}

TEST_F(Servers, RolesAndAddressesFollowAndTheRestStays) {
    keep();
    good(sid, "add-group", R"({"name":"managers"})");
    good(sid, "set-checkpoint-host", R"({"name":"A-2","comments":"in Tokyo","groups":["managers"]})");
    publish(sid);
    EXPECT_FALSE(keep());
    first.primary = false;
    second.primary = true;
    second.address = "192.0.2.22";
    EXPECT_TRUE(keep());
    json::object shown = good(sid, "show-checkpoint-host", R"({"name":"A-2"})");
    EXPECT_EQ(shown.at("comments"), "in Tokyo");
    EXPECT_EQ(shown.at("ipv4-address"), "192.0.2.22");
    EXPECT_EQ(shown.at("management-blades").as_object().at("secondary"), false);
}

TEST_F(Servers, SomebodysSessionDoesNotHoldItUp) {
    keep();
    good(sid, "set-checkpoint-host", R"({"name":"A-2","comments":"mine"})");
    second.address = "192.0.2.22";
    EXPECT_TRUE(keep());
    Answer refused = ask(sid, "publish");
    EXPECT_EQ(refused.status, 400) << "what he has seen is not what is published now";
    EXPECT_NE(json::text(refused.body).find("A-2"), std::string::npos) << json::text(refused.body);
}

TEST_F(Servers, PR_5_RD_6_WhereUsedListsEveryUseAndDeletionWaitsForTheLast) {
    keep();
    good(sid, "add-package", R"({"name":"Edge"})");
    good(sid, "add-access-rule", R"({"layer":"Edge Network","position":"top","name":"to managers",
        "source":"A-2","destination":"Any","action":"Accept"})");
    good(sid, "add-group", R"({"name":"managers","members":["A-2"]})");
    good(sid, "add-simple-gateway", R"({"name":"gw1","ip-address":"198.51.100.1",
        "management-servers":["A-2"],"send-logs-to-server":["A-2","A-log"]})");
    publish(sid);
    json::object used = good(sid, "where-used", R"({"name":"A-2"})");
    const json::object& direct = used.at("used-directly").as_object();
    EXPECT_EQ(direct.at("total"), 3);
    EXPECT_EQ(direct.at("access-control-rules").as_array().size(), 1u);
    std::string all = uses_second();
    for (const char* part : {"rule 1 'to managers' of layer 'Edge Network'", "group 'managers'",
                             "simple-gateway 'gw1'"}) {
        EXPECT_NE(all.find(part), std::string::npos) << all;
    }
    Answer refused = ask(sid, "delete-checkpoint-host", R"({"name":"A-2"})");
    EXPECT_EQ(refused.code(), "generic_err_object_deletion");
    EXPECT_NE(refused.message().find("gw1"), std::string::npos) << refused.message();
    good(sid, "delete-access-rule", R"({"layer":"Edge Network","name":"to managers"})");
    good(sid, "set-group", R"({"name":"managers","members":{"remove":"A-2"}})");
    good(sid, "set-simple-gateway",
         R"({"name":"gw1","management-servers":[],"send-logs-to-server":{"remove":"A-2"}})");
    good(sid, "delete-checkpoint-host", R"({"name":"A-2"})");
    EXPECT_FALSE(state().contains(second.uid.text()) && uses_second().empty())
        << "nothing of it is published yet";
    publish(sid);
    json::object after = state();
    EXPECT_EQ(json::text(json::value(json::get_object(after, second.uid.text()))), R"({"deleted":true})");
    // It stays deleted until its server is gone, or is needed after all.
    EXPECT_FALSE(keep());
    second.primary = true;
    EXPECT_TRUE(keep());
    EXPECT_EQ(name_of(second), "A-2");
}

TEST_F(Servers, WhoMayNotOperateHighAvailabilityDeletesNoServer) {
    keep();
    std::string plain = login({{"user", "editor"}});
    EXPECT_EQ(ask(plain, "delete-checkpoint-host", R"({"name":"A-2"})").code(), "generic_err_no_permissions");
    good(plain, "add-checkpoint-host", R"({"name":"own","ip-address":"192.0.2.9"})");
    good(plain, "delete-checkpoint-host", R"({"name":"own"})");
}

TEST_F(Servers, TheObjectOfAServerThatIsGoneGoesUnlessItIsUsed) {
    keep();
    good(sid, "add-group", R"({"name":"managers","members":["A-2"]})");
    publish(sid);
    EXPECT_TRUE(keep_server_objects(*workspace, {first}));
    EXPECT_FALSE(db->get(logs.uid));
    ASSERT_TRUE(db->get(second.uid)) << "it is used";
    good(sid, "set-checkpoint-host", R"({"name":"A-2","new-name":"was A-2"})");
    good(sid, "delete-group", R"({"name":"managers"})");
    good(sid, "delete-checkpoint-host", R"({"name":"was A-2"})");
    publish(sid);
    EXPECT_FALSE(keep_server_objects(*workspace, {first}));
}

TEST_F(Servers, GoingBackToARevisionLeavesThemAsTheServersAre) {
    add_host(sid, "web", "192.0.2.9");
    publish(sid);
    std::string before = db->revisions(db->position().rev + 1, 1).at(0).session.text();
    keep();
    add_host(sid, "mail", "192.0.2.10");
    publish(sid);
    good(sid, "revert-to-revision", R"({"to-session":")" + before + "\"}");
    EXPECT_EQ(name_of(second), "A-2");
    EXPECT_EQ(ask(sid, "show-host", R"({"name":"mail"})").status, 404);
    EXPECT_FALSE(keep());
}

TEST_F(Servers, RD_8_AGatewayHasItsPolicyFromThePrimaryFirst) {
    keep();
    good(sid, "add-package", R"({"name":"Edge"})");
    good(sid, "add-simple-gateway", R"({"name":"gw1","ip-address":"198.51.100.1"})");
    good(sid, "add-simple-gateway",
         R"({"name":"gw2","ip-address":"198.51.100.2","management-servers":["A-2"]})");
    publish(sid);
    auto order = [&](const char* gateway) {
        std::string out;
        workspace->inspect([&](Call& call) {
            for (const View& v : managers_of(call, gateway_named(call, gateway))) out += v.name + " ";
        });
        return out;
    };
    EXPECT_EQ(order("gw1"), "A-1 A-2 ");
    EXPECT_EQ(order("gw2"), "A-2 ");
    first.primary = false;
    second.primary = true;
    keep();
    EXPECT_EQ(order("gw1"), "A-2 A-1 ");
    json::object reply = good(sid, "install-policy", R"({"policy-package":"Edge"})");
    auto task = workspace->task(*Uid::parse(json::get_string(reply, "task-id")));
    const json::object& told = task->details.at(0).as_object();
    EXPECT_EQ(json::get_string(told.at("management-servers").as_array().at(0).as_object(), "name"), "A-2");
}

}  // namespace
}  // namespace mds::mgmt
