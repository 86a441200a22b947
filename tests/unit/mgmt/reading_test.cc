// How lists and objects are read: order, membership, ranges, rights to see.
#include "rig.hh"

namespace mds::mgmt {
namespace {

class Reading : public Rig {
  protected:
    std::string names(const json::object& reply, const char* container = "objects") {
        std::string out;
        for (const json::value& v : json::get_array(reply, container)) {
            out += (out.empty() ? "" : " ") + json::get_string(v.as_object(), "name");
        }
        return out;
    }
};

TEST_F(Reading, ListsAreOrderedByAnyField) {
    std::string sid = login();
    add_host(sid, "a", "10.0.0.20");
    add_host(sid, "b", "10.0.0.3");
    publish(sid);
    add_host(sid, "c", "9.0.0.1");
    good(sid, "add-host", R"({"name":"d","ipv6-address":"2001:db8::1","comments":"zebra"})");
    auto by = [&](const std::string& order, const std::string& more = "") {
        return names(good(sid, "show-hosts", R"({"order":[{)" + order + "}]" + more + "}"));
    };
    EXPECT_EQ(by(R"("ASC":"name")"), "a b c d");
    EXPECT_EQ(by(R"("DESC":"name")"), "d c b a");
    // By value, not by letters; without an address first.
    EXPECT_EQ(by(R"("ASC":"ipv4-address")"), "d c b a");
    EXPECT_EQ(by(R"("DESC":"ipv4-address")"), "a b c d");
    EXPECT_EQ(by(R"("DESC":"ip-address")", R"(,"limit":2,"offset":1)"), "b c");
    EXPECT_EQ(by(R"("DESC":"comments")", R"(,"limit":1)"), "d");
    EXPECT_EQ(by(R"("DESC":"ip-address")", R"(,"filter":"10.0.0.3")"), "b");
    Answer answer = ask(sid, "show-hosts", R"({"order":[{"ASC":"ipv4-adress"}]})");
    EXPECT_EQ(answer.code(), "generic_err_invalid_parameter");
    EXPECT_NE(answer.message().find("did you mean 'ipv4-address'"), std::string::npos);
    EXPECT_EQ(ask(sid, "show-hosts", R"({"order":[{"UP":"name"}]})").status, 400);
    EXPECT_EQ(ask(sid, "show-hosts", R"({"order":"name"})").status, 400);
}

TEST_F(Reading, MembershipAndMembersOnRequest) {
    std::string sid = login();
    add_host(sid, "h", "10.0.0.1");
    good(sid, "add-group", R"({"name":"g","members":["h"]})");
    json::object plain = good(sid, "show-hosts");
    EXPECT_FALSE(plain.at("objects").as_array().at(0).as_object().contains("groups"));
    json::object more = good(sid, "show-hosts", R"({"show-membership":true})");
    EXPECT_EQ(names(more.at("objects").as_array().at(0).as_object(), "groups"), "g");
    more = good(sid, "show-groups", R"({"dereference-group-members":true})");
    EXPECT_EQ(names(more.at("objects").as_array().at(0).as_object(), "members"), "h");
}

TEST_F(Reading, GroupsAsRangesOfAddresses) {
    std::string sid = login();
    add_host(sid, "h1", "10.0.0.1");
    add_host(sid, "h2", "10.0.0.2");
    add_host(sid, "far", "10.9.0.1");
    good(sid, "add-network", R"({"name":"n","subnet":"10.0.0.4","mask-length":30})");
    good(sid, "add-address-range",
         R"({"name":"r","ip-address-first":"10.0.0.3","ip-address-last":"10.0.0.5"})");
    good(sid, "add-host", R"({"name":"six","ipv6-address":"2001:db8::1"})");
    good(sid, "add-dynamic-object", R"({"name":"dyn"})");
    good(sid, "add-group", R"({"name":"inner","members":["h1","h2","r"]})");
    good(sid, "add-group", R"({"name":"g","members":["inner","n","far","six","dyn"]})");
    json::object group = good(sid, "show-group", R"({"name":"g","show-as-ranges":true})");
    EXPECT_FALSE(group.contains("members"));
    json::object ranges = group.at("ranges").as_object();
    EXPECT_EQ(json::text(ranges.at("ipv4")),
              R"([{"start":"10.0.0.1","end":"10.0.0.7"},{"start":"10.9.0.1","end":"10.9.0.1"}])");
    EXPECT_EQ(json::text(ranges.at("ipv6")), R"([{"start":"2001:db8::1","end":"2001:db8::1"}])");
    EXPECT_EQ(names(ranges, "others"), "dyn");
    good(sid, "add-network", R"({"name":"all","subnet":"10.0.0.0","mask-length":24})");
    good(sid, "add-group-with-exclusion", R"({"name":"e","include":"all","except":"inner"})");
    ranges = good(sid, "show-group-with-exclusion", R"({"name":"e","show-as-ranges":true})")
                 .at("ranges")
                 .as_object();
    EXPECT_EQ(json::text(ranges.at("ipv4")),
              R"([{"start":"10.0.0.0","end":"10.0.0.0"},{"start":"10.0.0.6","end":"10.0.0.255"}])");
}

TEST_F(Reading, RulesAsRanges) {
    std::string sid = login();
    good(sid, "add-access-layer", R"({"name":"L"})");
    good(sid, "add-network", R"({"name":"n","subnet":"10.0.0.0","mask-length":30})");
    good(sid, "add-service-tcp", R"({"name":"t1","port":"8080-8090"})");
    good(sid, "add-service-tcp", R"({"name":"t2","port":">65000"})");
    good(sid, "add-service-udp", R"({"name":"u","port":"53"})");
    good(sid, "add-access-rule",
         R"({"layer":"L","position":"top","name":"r","source":"n","service":["t1","t2","u"]})");
    json::object rule =
        good(sid, "show-access-rule", R"({"layer":"L","name":"r","show-as-ranges":true})");
    EXPECT_FALSE(rule.contains("source"));
    EXPECT_EQ(json::text(rule.at("source-ranges").as_object().at("ipv4")),
              R"([{"start":"10.0.0.0","end":"10.0.0.3"}])");
    EXPECT_EQ(json::text(rule.at("destination-ranges").as_object().at("ipv4")),
              R"([{"start":"0.0.0.0","end":"255.255.255.255"}])");
    json::object ports = rule.at("service-ranges").as_object();
    EXPECT_EQ(json::text(ports.at("tcp")),
              R"([{"start":8080,"end":8090},{"start":65001,"end":65535}])");
    EXPECT_EQ(json::text(ports.at("udp")), R"([{"start":53,"end":53}])");
    // The first version of the API has the name of the track's type only.
    json::object old = ask(sid, "show-access-rule", R"({"layer":"L","name":"r"})", "1").body;
    EXPECT_EQ(old.at("track"), json::value("None"));
}

TEST_F(Reading, RightsToSeeHoldInEveryCommand) {
    std::string sid = login();
    std::string host = add_host(sid, "h", "10.0.0.1");
    good(sid, "add-access-layer", R"({"name":"L"})");
    good(sid, "add-access-rule",
         R"({"layer":"L","position":"top","name":"r","source":"h","action":"Accept"})");
    publish(sid);
    json::object no_policy{{"read-write", true}, {"areas", json::object{{"objects", "write"}}}};
    std::string eve = login({{"user", "eve"}, {"permissions", no_policy}});
    json::object shown = good(sid, "show-access-rule", R"({"layer":"L","name":"r"})");
    std::string rule = json::get_string(shown, "uid");
    good(eve, "show-object", R"({"uid":")" + host + "\"}");
    EXPECT_EQ(ask(eve, "show-object", R"({"uid":")" + rule + "\"}").status, 403);
    EXPECT_EQ(ask(eve, "show-access-rule", R"({"layer":"L","name":"r"})").status, 403);
    EXPECT_EQ(ask(eve, "show-access-rulebase", R"({"name":"L"})").status, 403);
    EXPECT_EQ(ask(eve, "show-layer-structure", R"({"name":"L"})").status, 403);
    json::object used = good(eve, "where-used", R"({"name":"h"})");
    EXPECT_EQ(used.at("used-directly").as_object().at("total"), 0);
    used = good(sid, "where-used", R"({"name":"h"})");
    EXPECT_EQ(used.at("used-directly").as_object().at("total"), 1);
    std::string blind =
        login({{"user", "bob"},
               {"permissions", json::object{{"read-write", true},
                                            {"areas", json::object{{"objects", "disabled"}}}}}});
    EXPECT_EQ(good(blind, "show-objects").at("total"), 0);
    EXPECT_EQ(good(blind, "show-objects", R"({"uids":[")" + host + "\"]}").at("total"), 0);
    EXPECT_EQ(ask(blind, "show-objects", R"({"type":"host"})").status, 403);
    EXPECT_EQ(ask(blind, "where-used", R"({"name":"h"})").status, 403);
}

TEST_F(Reading, IgnoreErrorsLetsADeletionPassButNotItsPublish) {
    std::string sid = login();
    std::string host = add_host(sid, "h", "10.0.0.1");
    good(sid, "add-group", R"({"name":"g","members":["h"]})");
    publish(sid);
    EXPECT_EQ(ask(sid, "delete-host", R"({"name":"h"})").code(), "generic_err_object_deletion");
    EXPECT_EQ(good(sid, "show-validations").at("errors-total"), 0);
    good(sid, "delete-host", R"({"name":"h","ignore-errors":true})");
    json::object found = good(sid, "show-validations");
    EXPECT_EQ(found.at("errors-total"), 1);
    EXPECT_EQ(json::get_string(found.at("errors").as_array().at(0).as_object(), "message"),
              "group 'g' refers to the deleted object 'h'.");
    uint64_t before = db->position().rev;
    Answer answer = ask(sid, "publish");
    EXPECT_EQ(answer.code(), "err_validation_failed");
    EXPECT_EQ(db->position().rev, before);
    // Mended, it can be published.
    good(sid, "set-group", R"({"name":"g","members":{"remove":")" + host + "\"}}");
    publish(sid);
    EXPECT_EQ(db->position().rev, before + 1);
}

}  // namespace
}  // namespace mds::mgmt
