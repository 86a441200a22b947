#include "rig.hh"

namespace mds::mgmt {
namespace {

class Nat : public Rig {
  protected:
    void SetUp() override {
        sid = login();
        good(sid, "add-package", R"({"name":"P"})");
    }
    /// "[section from-to] number source>translated ..." in one line.
    std::string shown(const std::string& more = "") {
        json::object reply = good(sid, "show-nat-rulebase", R"({"package":"P")" + more + "}");
        std::map<std::string, std::string> names;
        for (const json::value& v : reply.at("objects-dictionary").as_array()) {
            names[json::get_string(v.as_object(), "uid")] = json::get_string(v.as_object(), "name");
        }
        std::string out;
        auto one = [&](const json::value& v) {
            const json::object& r = v.as_object();
            auto name = [&](const char* key) { return names[json::get_string(r, key)]; };
            out += std::to_string(r.at("rule-number").to_number<int>()) +
                   (json::get_bool(r, "auto-generated") ? "* " : " ") + name("original-source") +
                   "," + name("original-destination") + ">" + name("translated-source") + "," +
                   name("translated-destination") + " ";
        };
        for (const json::value& v : reply.at("rulebase").as_array()) {
            const json::object& o = v.as_object();
            if (json::get_string(o, "type") != "nat-section") {
                one(v);
                continue;
            }
            EXPECT_EQ(o.at("auto-generated"), true);
            out += "[" + json::get_string(o, "name").substr(28) + " " +
                   std::to_string(o.at("from").to_number<int>()) + "-" +
                   std::to_string(o.at("to").to_number<int>()) + "] ";
            for (const json::value& r : o.at("rulebase").as_array()) one(r);
        }
        return out + "of " + std::to_string(reply.at("total").to_number<int>());
    }
    std::string sid;
};

TEST_F(Nat, ObjectsMakeRulesOfTheirOwn) {
    good(sid, "add-nat-rule", R"({"package":"P","position":1,"method":"hide"})");
    good(sid, "add-host", R"({"name":"web","ip-address":"10.0.0.1","nat-settings":{
        "auto-rule":true,"method":"static","ip-address":"192.0.2.1"}})");
    good(sid, "add-host",
         R"({"name":"pc","ip-address":"10.0.0.2","nat-settings":{"auto-rule":true}})");
    good(sid, "add-network", R"({"name":"lan","subnet":"10.0.0.0","mask-length":8,"nat-settings":{
        "auto-rule":"true","method":"hide","hide-behind":"gateway"}})");
    good(sid, "add-host",
         R"({"name":"off","ip-address":"10.0.0.3","nat-settings":{"auto-rule":false}})");
    std::string whole =
        "1 Any,Any>Original,Original "
        "[Machine Static NAT 2-3] 2* web,Any>web,Original 3* Any,web>Original,web "
        "[Machine Hide NAT 4-4] 4* pc,Any>pc,Original "
        "[Network Hide NAT 5-6] 5* lan,lan>Original,Original 6* lan,Any>lan,Original of 6";
    EXPECT_EQ(shown(), whole);
    publish(sid);
    EXPECT_EQ(shown(), whole);
    reopen();
    EXPECT_EQ(shown(), whole);
    // Nothing of it is stored.
    EXPECT_EQ(db->object_count("nat-rule"), 1u);
    // Pages and filters go over both kinds.
    EXPECT_EQ(shown(R"(,"limit":2,"offset":2)"),
              "[Machine Static NAT 3-3] 3* Any,web>Original,web "
              "[Machine Hide NAT 4-4] 4* pc,Any>pc,Original of 6");
    EXPECT_EQ(shown(R"(,"limit":0)"), "of 6");
    EXPECT_EQ(shown(R"(,"filter":"pc")"), "[Machine Hide NAT 1-1] 4* pc,Any>pc,Original of 1");
    // An edit that is not published is seen by its session only.
    good(sid, "set-host", R"({"name":"web","nat-settings":{"auto-rule":false}})");
    good(sid, "set-host", R"({"name":"pc","new-name":"pc2"})");
    EXPECT_EQ(shown(),
              "1 Any,Any>Original,Original [Machine Hide NAT 2-2] 2* pc2,Any>pc2,Original "
              "[Network Hide NAT 3-4] 3* lan,lan>Original,Original "
              "4* lan,Any>lan,Original of 4");
    std::string other = login();
    std::swap(sid, other);
    EXPECT_EQ(shown(), whole);
    std::swap(sid, other);
    publish(sid);
    good(sid, "delete-host", R"({"name":"pc2"})");
    publish(sid);
    EXPECT_EQ(good(sid, "show-nat-rulebase", R"({"package":"P"})").at("total"), 3);
}

TEST_F(Nat, GeneratedRulesAreShownAndChangedInTheirObjectOnly) {
    good(sid, "add-host", R"({"name":"web","ip-address":"10.0.0.1","nat-settings":{
        "auto-rule":true,"method":"static","ip-address":"192.0.2.1"}})");
    json::object rule = good(sid, "show-nat-rule", R"({"package":"P","rule-number":2})");
    EXPECT_EQ(rule.at("auto-generated"), true);
    EXPECT_EQ(rule.at("translated-address"), "192.0.2.1");
    EXPECT_EQ(rule.at("method"), "static");
    std::string uid = json::get_string(rule, "uid");
    EXPECT_EQ(json::get_string(
                  good(sid, "show-nat-rule", R"({"package":"P","uid":")" + uid + "\"}"), "uid"),
              uid);
    uint64_t changes = good(sid, "show-session").at("changes").to_number<uint64_t>();
    for (const char* command : {"set-nat-rule", "delete-nat-rule"}) {
        Answer answer = ask(sid, command, R"({"package":"P","uid":")" + uid + "\"}");
        EXPECT_EQ(answer.status, 403) << command;
        EXPECT_NE(answer.message().find("host 'web'"), std::string::npos);
    }
    EXPECT_EQ(good(sid, "show-session").at("changes"), changes);
    EXPECT_EQ(ask(sid, "show-nat-rule", R"({"package":"P","rule-number":3})").status, 404);
}

class RuleBatches : public Rig {
  protected:
    void SetUp() override {
        sid = login();
        good(sid, "add-access-layer", R"({"name":"L"})");
    }
    std::string names() {
        std::string out;
        json::object reply = good(sid, "show-access-rulebase", R"({"name":"L"})");
        for (const json::value& v : reply.at("rulebase").as_array()) {
            out += json::get_string(v.as_object(), "name") + " ";
        }
        return out;
    }
    TaskInfo batch(const std::string& command, const std::string& objects) {
        return *workspace->task(*Uid::parse(
            json::get_string(good(sid, command, R"({"objects":[)" + objects + "]}"), "task-id")));
    }
    std::string sid;
};

TEST_F(RuleBatches, KeepTheOrderOfTheListAndAreAllOrNothing) {
    TaskInfo task = batch("add-rules-batch", R"({"type":"access-rule","layer":"L",
        "first-position":1,"list":[{"name":"a"},{"name":"b","action":"Accept"},{"name":"c"}]})");
    EXPECT_EQ(task.status, "succeeded") << task.comments;
    EXPECT_EQ(task.details.at(0).as_object().at("status"), "3 rules");
    batch("add-rules-batch", R"({"type":"access-rule","layer":"L",
        "first-position":{"above":"c"},"list":[{"name":"x"},{"name":"y"}]})");
    EXPECT_EQ(names(), "a b x y c Cleanup rule ");
    task = batch("add-rules-batch", R"({"type":"access-rule","layer":"L","first-position":"top",
        "list":[{"name":"d"},{"name":"e","source":"nobody"}]})");
    EXPECT_EQ(task.status, "failed");
    EXPECT_NE(task.comments.find("nobody"), std::string::npos);
    EXPECT_EQ(names(), "a b x y c Cleanup rule ");
    // Numbers are those of before.
    batch("delete-rules-batch", R"({"type":"access-rule","layer":"L",
        "list":[{"rule-number":1},{"rule-number":2},{"name":"c"}]})");
    EXPECT_EQ(names(), "x y Cleanup rule ");
    good(sid, "add-package", R"({"name":"P"})");
    task = batch("add-rules-batch",
                 R"({"type":"nat-rule","package":"P","list":[{"method":"hide"},{}]})");
    EXPECT_EQ(task.status, "succeeded") << task.comments;
    EXPECT_EQ(good(sid, "show-nat-rulebase", R"({"package":"P"})").at("total"), 2);
}

TEST_F(RuleBatches, BadOnesAreRefusedByName) {
    for (const auto& [body, code] :
         {std::pair{R"({"objects":[{"type":"host","list":[{"name":"a"}]}]})",
                    "generic_err_invalid_api_type"},
          std::pair{R"({"objects":[{"type":"access-rule","layer":"L"}]})",
                    "generic_err_missing_required_parameters"},
          std::pair{R"({"objects":[],"ignore-warnings":true})", "generic_err_invalid_parameter"}}) {
        EXPECT_EQ(ask(sid, "add-rules-batch", body).code(), code) << body;
    }
    EXPECT_EQ(ask(sid, "add-objects-batch",
                  R"({"objects":[{"type":"access-rule","layer":"L","list":[{"name":"a"}]}]})")
                  .code(),
              "generic_err_invalid_api_type");
    EXPECT_EQ(ask(sid, "delete-rules-batch",
                  R"({"objects":[{"type":"access-rule","layer":"L","list":[{"name":"no"}]}]})")
                  .status,
              404);
    TaskInfo task =
        batch("add-rules-batch", R"({"type":"access-rule","layer":"L","list":[{"position":1}]})");
    EXPECT_EQ(task.status, "failed");
    EXPECT_EQ(names(), "Cleanup rule ");
}

}  // namespace
}  // namespace mds::mgmt
