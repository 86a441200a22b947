#include <algorithm>
#include <random>

#include "mgmt/policy.hh"
#include "mgmt/rulebase.hh"
#include "rig.hh"

namespace mds::mgmt {
namespace {

class Rules : public Rig {
  protected:
    void SetUp() override {
        sid = login();
        good(sid, "add-access-layer", R"({"name":"L","add-default-rule":false})");
    }
    json::object rule(const std::string& name, const std::string& position,
                      const std::string& more = "") {
        return good(sid, "add-access-rule",
                    R"({"layer":"L","name":")" + name + R"(","position":)" + position + more + "}");
    }
    json::object section(const std::string& name, const std::string& position) {
        return good(sid, "add-access-section",
                    R"({"layer":"L","name":")" + name + R"(","position":)" + position + "}");
    }
    /// "1 a|[S] 2 b 3 c|" in one line.
    std::string shown(const std::string& parameters = "") {
        json::object reply = good(sid, "show-access-rulebase", R"({"name":"L")" + parameters + "}");
        std::string out;
        auto one = [&](const json::value& v) {
            const json::object& r = v.as_object();
            out += std::to_string(r.at("rule-number").to_number<int>()) + " " +
                   json::get_string(r, "name") + " ";
        };
        for (const json::value& v : json::get_array(reply, "rulebase")) {
            const json::object& o = v.as_object();
            if (json::get_string(o, "type") == "access-section") {
                out += "[" + json::get_string(o, "name");
                if (o.contains("from")) {
                    out += " " + std::to_string(o.at("from").to_number<int>()) + "-" +
                           std::to_string(o.at("to").to_number<int>());
                }
                out += "] ";
                for (const json::value& r : o.at("rulebase").as_array()) one(r);
            } else {
                one(v);
            }
        }
        auto number = [&](const char* key) {
            return std::to_string(reply.at(key).to_number<int>());
        };
        return out + "(" + number("from") + ".." + number("to") + " of " + number("total") + ")";
    }
    std::string sid;
};

TEST_F(Rules, PositionsOfRulesAndSections) {
    EXPECT_EQ(shown(), "(0..0 of 0)");
    rule("b", "1");
    rule("a", "\"top\"");
    rule("d", "\"bottom\"");
    rule("c", "3");
    EXPECT_EQ(shown(), "1 a 2 b 3 c 4 d (1..4 of 4)");
    section("S", R"({"above":"c"})");
    EXPECT_EQ(shown(), "1 a 2 b [S 3-4] 3 c 4 d (1..4 of 4)");
    rule("s-last", R"({"bottom":"S"})");
    rule("s-first", R"({"top":"S"})");
    rule("above-s", R"({"above":"S"})");
    rule("after-c", R"({"below":"c"})");
    EXPECT_EQ(shown(),
              "1 a 2 b 3 above-s [S 4-8] 4 s-first 5 c 6 after-c 7 d 8 s-last (1..8 of 8)");
    section("empty", "\"bottom\"");
    EXPECT_EQ(shown(),
              "1 a 2 b 3 above-s [S 4-8] 4 s-first 5 c 6 after-c 7 d 8 s-last [empty] (1..8 of 8)");
    EXPECT_EQ(shown(R"(,"offset":4,"limit":2)"), "[S 5-6] 5 c 6 after-c (5..6 of 8)");
    EXPECT_EQ(shown(R"(,"limit":0)"), "(0..0 of 8)");
    EXPECT_EQ(shown(R"(,"offset":8)"), "(0..8 of 8)");
    good(sid, "publish");
    EXPECT_EQ(shown(R"(,"offset":2,"limit":3)"), "3 above-s [S 4-5] 4 s-first 5 c (3..5 of 8)");
    good(sid, "set-access-rule", R"({"layer":"L","name":"d","new-position":1,"new-name":"D"})");
    good(sid, "delete-access-rule", R"({"layer":"L","rule-number":3})");
    good(sid, "delete-access-section", R"({"layer":"L","name":"S"})");
    EXPECT_EQ(shown(), "1 D 2 a 3 above-s 4 s-first 5 c 6 after-c 7 s-last [empty] (1..7 of 7)");
    good(sid, "publish");
    EXPECT_EQ(shown(), "1 D 2 a 3 above-s 4 s-first 5 c 6 after-c 7 s-last [empty] (1..7 of 7)");
    reopen();
    EXPECT_EQ(shown(), "1 D 2 a 3 above-s 4 s-first 5 c 6 after-c 7 s-last [empty] (1..7 of 7)");
}

TEST_F(Rules, ARuleMovesToTheNumberThatIsAsked) {
    for (const char* name : {"a", "b", "c", "d"}) rule(name, "\"bottom\"");
    good(sid, "publish");
    auto move = [&](const char* name, const char* position) {
        good(sid, "set-access-rule",
             std::string(R"({"layer":"L","name":")") + name + R"(","new-position":)" + position +
                 "}");
    };
    move("a", "3");
    EXPECT_EQ(shown(), "1 b 2 c 3 a 4 d (1..4 of 4)");
    move("a", "1");
    EXPECT_EQ(shown(), "1 a 2 b 3 c 4 d (1..4 of 4)");
    move("a", "4");
    EXPECT_EQ(shown(), "1 b 2 c 3 d 4 a (1..4 of 4)");
    move("c", R"({"above":"b"})");
    EXPECT_EQ(shown(), "1 c 2 b 3 d 4 a (1..4 of 4)");
}

TEST_F(Rules, BadPositionsAreRefusedAndChangeNothing) {
    rule("a", "1");
    for (const char* position : {"0", "3", "-1", "\"middle\"", "{}", R"({"above":"nobody"})",
                                 R"({"top":"a"})", "[1]", "true"}) {
        Answer answer = ask(sid, "add-access-rule",
                            std::string(R"({"layer":"L","name":"x","position":)") + position + "}");
        EXPECT_GE(answer.status, 400) << position;
        EXPECT_NE(answer.code(), "generic_internal_error") << position;
    }
    EXPECT_EQ(ask(sid, "add-access-rule", R"({"layer":"L","name":"x"})").message(),
              "Missing parameter: [position]");
    EXPECT_EQ(ask(sid, "add-access-rule", R"({"name":"x","position":1})").message(),
              "Missing parameter: [layer]");
    EXPECT_EQ(ask(sid, "show-access-rule", R"({"layer":"L","rule-number":2})").status, 404);
    EXPECT_EQ(shown(), "1 a (1..1 of 1)");
}

TEST_F(Rules, DefaultsAndColumns) {
    add_host(sid, "h1", "10.0.0.1");
    json::object plain = rule("plain", "1");
    auto name_of = [](const json::value& v) { return json::get_string(v.as_object(), "name"); };
    for (const char* cell : {"source", "destination", "service", "vpn", "content", "time"}) {
        ASSERT_EQ(plain.at(cell).as_array().size(), 1u) << cell;
        EXPECT_EQ(name_of(plain.at(cell).as_array()[0]), "Any") << cell;
    }
    EXPECT_EQ(name_of(plain.at("install-on").as_array()[0]), "Policy Targets");
    EXPECT_EQ(name_of(plain.at("action")), "Drop");
    EXPECT_FALSE(plain.contains("color") || plain.contains("icon"));
    const json::object& track = plain.at("track").as_object();
    EXPECT_EQ(name_of(track.at("type")), "None");
    EXPECT_EQ(track.at("per-connection"), false);
    EXPECT_EQ(track.at("alert"), "none");

    json::object full = rule("full", "2",
                             R"(,"source":"h1","service":["http","https"],"action":"accept",
                                 "track":"log","enabled":"false")");
    EXPECT_EQ(name_of(full.at("source").as_array()[0]), "h1");
    EXPECT_EQ(full.at("service").as_array().size(), 2u);
    EXPECT_EQ(name_of(full.at("action")), "Accept");
    EXPECT_EQ(full.at("track").as_object().at("per-connection"), true);
    EXPECT_EQ(full.at("enabled"), false);
    // The last one out leaves Any; Any does not stand beside others.
    json::object changed = good(sid, "set-access-rule",
                                R"({"layer":"L","name":"full","source":{"remove":"h1"},
                                    "destination":{"add":"h1"}})");
    EXPECT_EQ(name_of(changed.at("source").as_array()[0]), "Any");
    ASSERT_EQ(changed.at("destination").as_array().size(), 1u);
    EXPECT_EQ(name_of(changed.at("destination").as_array()[0]), "h1");
    EXPECT_EQ(ask(sid, "delete-host", R"({"name":"h1"})").code(), "generic_err_object_deletion");

    json::object used = good(sid, "where-used", R"({"name":"h1"})");
    const auto& rules = used.at("used-directly").as_object().at("access-control-rules").as_array();
    ASSERT_EQ(rules.size(), 1u);
    EXPECT_EQ(rules[0].as_object().at("position"), "2");
    EXPECT_EQ(name_of(rules[0].as_object().at("rule")), "full");
    EXPECT_EQ(name_of(rules[0].as_object().at("layer")), "L");

    auto equals = [&](const std::string& params) {
        return good(sid, "equals", R"({"type":"access-rule","params":)" + params + "}")
            .at("equals");
    };
    EXPECT_EQ(equals(R"({"layer":"L","name":"full","action":"Accept","track":"Log"})"), true);
    EXPECT_EQ(equals(R"({"layer":"L","name":"full","action":"Drop"})"), false);
    EXPECT_EQ(equals(R"({"layer":"L","name":"full","position":9,"destination":["h1"]})"), true);
    EXPECT_EQ(ask(sid, "equals", R"({"type":"access-rule","params":{"layer":"L","name":"nobody"}})")
                  .status,
              404);
}

TEST_F(Rules, DictionaryAndFilter) {
    add_host(sid, "needle", "10.0.0.7");
    rule("one", "1", R"(,"source":"needle")");
    rule("two", "2");
    json::object reply = good(sid, "show-access-rulebase", R"({"name":"L"})");
    const json::object& first = reply.at("rulebase").as_array()[0].as_object();
    ASSERT_TRUE(first.at("source").as_array()[0].is_string());
    std::string uid(first.at("source").as_array()[0].as_string());
    bool found = false;
    for (const json::value& v : reply.at("objects-dictionary").as_array()) {
        found = found || json::get_string(v.as_object(), "uid") == uid;
    }
    EXPECT_TRUE(found);
    EXPECT_TRUE(first.at("action").is_string());
    EXPECT_EQ(shown(R"(,"filter":"needle")"), "1 one (1..1 of 1)");
    EXPECT_EQ(shown(R"(,"filter":"two")"), "2 two (1..1 of 1)");
    json::object plain =
        good(sid, "show-access-rulebase", R"({"name":"L","use-object-dictionary":false})");
    EXPECT_FALSE(plain.contains("objects-dictionary"));
    EXPECT_TRUE(plain.at("rulebase").as_array()[0].as_object().at("action").is_object());
}

TEST_F(Rules, PackagesBringTheirLayerAndTakeItAlong) {
    json::object package = good(sid, "add-package", R"({"name":"P"})");
    EXPECT_EQ(package.at("access-layers").as_array()[0].as_object().at("name"), "P Network");
    json::object base = good(sid, "show-access-rulebase", R"({"name":"P Network"})");
    EXPECT_EQ(base.at("total"), 1);
    EXPECT_EQ(base.at("rulebase").as_array()[0].as_object().at("name"), "Cleanup rule");
    json::object set = good(sid, "set-package",
                            R"({"name":"P","access-layers":{"add":[{"name":"L","position":1}]}})");
    EXPECT_EQ(set.at("access-layers").as_array()[0].as_object().at("name"), "L");
    good(sid, "add-nat-rule",
         R"({"package":"P","position":1,"original-source":"Any","method":"hide"})");
    json::object nat = good(sid, "show-nat-rulebase", R"({"package":"P"})");
    EXPECT_EQ(nat.at("total"), 1);
    good(sid, "publish");
    EXPECT_EQ(ask(sid, "delete-access-layer", R"({"name":"L"})").code(),
              "generic_err_object_deletion");
    good(sid, "set-package", R"({"name":"P","access-layers":{"remove":"L"}})");
    good(sid, "delete-package", R"({"name":"P"})");
    EXPECT_EQ(ask(sid, "show-access-layer", R"({"name":"P Network"})").status, 404);
    EXPECT_EQ(good(sid, "show-access-layer", R"({"name":"L"})").at("name"), "L");
    good(sid, "publish");
    EXPECT_EQ(good(sid, "show-packages").at("packages").as_array().size(), 0u);
}

TEST_F(Rules, TheStandardPolicyIsOnePublish) {
    uint64_t before = db->position().rev;
    workspace->transact({}, add_standard_policy);
    EXPECT_EQ(db->position().rev, before + 1);
    json::object base = good(sid, "show-access-rulebase", R"({"name":"Network"})");
    EXPECT_EQ(base.at("total"), 1);
    EXPECT_EQ(good(sid, "show-package", R"({"name":"Standard"})").at("name"), "Standard");
}

TEST_F(Rules, ALayerThatCannotGoKeepsItsRules) {
    rule("a", "1");
    good(sid, "add-package", R"({"name":"P"})");
    good(sid, "set-package", R"({"name":"P","access-layers":{"add":"L"}})");
    EXPECT_EQ(ask(sid, "delete-access-layer", R"({"name":"L"})").status, 400);
    EXPECT_EQ(shown(), "1 a (1..1 of 1)");
}

TEST_F(Rules, TwoSessionsAddAtTheSamePlaceAndBothPublish) {
    rule("first", "1");
    good(sid, "publish");
    std::string other = login();
    rule("mine", "\"bottom\"");
    good(other, "add-access-rule", R"({"layer":"L","name":"theirs","position":"bottom"})");
    EXPECT_EQ(shown(), "1 first 2 mine (1..2 of 2)");
    good(other, "publish");
    good(sid, "publish");
    std::string all = shown();
    EXPECT_TRUE(all == "1 first 2 mine 3 theirs (1..3 of 3)" ||
                all == "1 first 2 theirs 3 mine (1..3 of 3)")
        << all;
}

// Whatever is done in whatever order, the rulebase is the list that a plain vector would be.
TEST_F(Rules, RandomEditsAgainstAPlainList) {
    std::mt19937 random(20261124);
    std::vector<std::string> model;
    int next = 0;
    for (int step = 0; step < 400; ++step) {
        size_t what = random() % 10;
        size_t at = model.empty() ? 0 : random() % model.size();
        if (what < 5 || model.empty()) {
            std::string name = "r" + std::to_string(next++);
            size_t place = random() % (model.size() + 1);
            rule(name, std::to_string(place + 1));
            model.insert(model.begin() + static_cast<std::ptrdiff_t>(place), name);
        } else if (what < 7) {
            good(sid, "delete-access-rule", R"({"layer":"L","name":")" + model[at] + "\"}");
            model.erase(model.begin() + static_cast<std::ptrdiff_t>(at));
        } else if (what < 9) {
            size_t place = random() % model.size();
            std::string name = model[at];
            good(sid, "set-access-rule",
                 R"({"layer":"L","name":")" + name + R"(","new-position":)" +
                     std::to_string(place + 1) + "}");
            model.erase(model.begin() + static_cast<std::ptrdiff_t>(at));
            model.insert(model.begin() + static_cast<std::ptrdiff_t>(place), name);
        } else {
            good(sid, "publish");
        }
        if (step % 20 != 0) continue;
        std::string want;
        for (size_t i = 0; i < model.size(); ++i) {
            want += std::to_string(i + 1) + " " + model[i] + " ";
        }
        std::string n = std::to_string(model.size());
        ASSERT_EQ(shown(R"(,"limit":500)"),
                  want + "(" + (model.empty() ? "0" : "1") + ".." + n + " of " + n + ")");
    }
}

TEST(Order, StaysShortWhereverRulesAreAdded) {
    std::string cleanup = order_between("", ""), below = cleanup;
    std::string last;
    for (int i = 0; i < 100000; ++i) {  // always above the cleanup rule
        std::string next = order_between(last, cleanup);
        ASSERT_LT(last, next);
        ASSERT_LT(next, cleanup);
        last = next;
    }
    EXPECT_LE(last.size(), 40u);
    std::string high;
    for (int i = 0; i < 100000; ++i) {  // always right below one rule
        std::string next = order_between(cleanup, high);
        ASSERT_LT(cleanup, next);
        if (!high.empty()) {
            ASSERT_LT(next, high);
        }
        high = next;
    }
    EXPECT_LE(high.size(), 40u);
    // Always into the middle of the last gap: the worst there is grows by a word now and then.
    std::string low = cleanup;
    high.clear();
    for (int i = 0; i < 1000; ++i) {
        std::string next = order_between(low, high);
        ASSERT_LT(low, next);
        if (!high.empty()) {
            ASSERT_LT(next, high);
        }
        (i % 2 ? low : high) = next;
    }
    EXPECT_LE(high.size(), 10u * 501);
}

}  // namespace
}  // namespace mds::mgmt
