#include <ctime>
#include <random>

#include "mgmt/spans.hh"
#include "rig.hh"

namespace mds::mgmt {
namespace {

class Verify : public Rig {
  protected:
    void SetUp() override {
        sid = login();
        good(sid, "add-package", R"({"name":"P"})");
        good(sid, "delete-access-rule", R"({"layer":"P Network","rule-number":1})");
        add_host(sid, "a1", "10.0.0.1");
        add_host(sid, "a2", "10.0.0.2");
        good(sid, "add-network", R"({"name":"net","subnet":"10.0.0.0","mask-length":24})");
        good(sid, "add-group", R"({"name":"pair","members":["a1","a2"]})");
        good(sid, "add-group", R"({"name":"empty"})");
    }
    void rule(const std::string& columns, const std::string& layer = "P Network") {
        good(sid, "add-access-rule",
             R"({"layer":")" + layer + R"(","position":"bottom")" + (columns.empty() ? "" : ",") +
                 columns + "}");
    }
    /// What verification says: its errors and warnings, one a line.
    std::string verified(std::string* status = nullptr) {
        publish(sid);
        auto task = workspace->task(*Uid::parse(
            json::get_string(good(sid, "verify-policy", R"({"policy-package":"P"})"), "task-id")));
        if (status) *status = task->status;
        std::string out;
        for (const char* list : {"errors", "warnings"}) {
            for (const json::value& v : json::get_array(task->details.at(0).as_object(), list)) {
                out += json::get_string(v.as_object(), "message") + "\n";
            }
        }
        return out;
    }
    std::string sid;
};

TEST_F(Verify, ARuleThatAnEarlierOneCoversIsHidden) {
    rule(R"("source":"net","service":["http","https"],"action":"Accept")");
    rule(R"("source":"a2","destination":"a1","service":"https","action":"Drop")");
    rule("");
    std::string status;
    EXPECT_EQ(verified(&status), "Layer 'P Network': Rule 1 hides rule 2 for services https.\n");
    EXPECT_EQ(status, "failed");
}

TEST_F(Verify, WhatIsNotWhollyCoveredIsNotHidden) {
    rule(R"("source":"a1","service":"http","action":"Accept")");
    rule(R"("source":"net","service":"http","action":"Drop")");
    rule(R"("source":"net","service":"https","action":"Drop")");
    rule(R"("source":"pair","destination":"a1","service":["https","ssh"],"action":"Accept")");
    std::string status;
    EXPECT_EQ(verified(&status), "");
    EXPECT_EQ(status, "succeeded");
}

TEST_F(Verify, DisabledRulesAndConditionsHideNothing) {
    good(
        sid, "add-time",
        R"({"name":"night","hours-ranges":[{"index":1,"enabled":true,"from":"22:00","to":"23:00"}]})");
    rule(R"("enabled":false)");
    rule(R"("time":"night")");
    rule(R"("action":"Client Auth")");
    rule(R"("source":"a1")");
    EXPECT_EQ(verified(), "");
    rule("");
    rule(R"("source":"a1","time":"night")");
    EXPECT_EQ(verified(), "Layer 'P Network': Rule 2 hides rule 6 for services Any.\n");
}

TEST_F(Verify, NegatedColumnsGroupsAndExclusions) {
    good(sid, "add-group-with-exclusion", R"({"name":"others","include":"net","except":"pair"})");
    add_host(sid, "a9", "10.0.0.9");
    add_host(sid, "far", "192.0.2.1");
    rule(R"("source":"net","source-negate":true)");                     // 1
    rule(R"("source":"far")");                                          // 2: outside of net
    rule(R"("source":"a9")");                                           // 3
    rule(R"("source":"others")");                                       // 4
    rule(R"("source":["a9"])");                                         // 5: hidden by 3
    rule(R"("source":"pair","service":"http","service-negate":true)");  // 6
    rule(R"("source":"a1","service":"ssh")");                           // 7: not http
    rule(R"("source":"a1","service":"http")");                          // 8
    rule(R"("source":"pair","source-negate":true)");                    // 9
    EXPECT_EQ(verified(),
              "Layer 'P Network': Rule 1 hides rule 2 for services Any.\n"
              "Layer 'P Network': Rule 3 hides rule 5 for services Any.\n"
              "Layer 'P Network': Rule 6 hides rule 7 for services ssh.\n");
}

TEST_F(Verify, ZonesCountAsThemselves) {
    rule(R"("source":["InternalZone","net"])");
    rule(R"("source":"InternalZone","service":"http")");
    rule(R"("source":"ExternalZone")");
    rule(R"("destination":"DMZZone")");
    rule(R"("source":"net","source-negate":true,"destination":"DMZZone")");
    EXPECT_EQ(verified(),
              "Layer 'P Network': Rule 1 hides rule 2 for services http.\n"
              "Layer 'P Network': Rule 4 hides rule 5 for services Any.\n");
}

TEST_F(Verify, ServicesAreComparedByWhatTheyMatch) {
    good(sid, "add-service-tcp", R"({"name":"low","port":"1-1023"})");
    good(sid, "add-service-tcp", R"({"name":"from","port":"80","source-port":"1024"})");
    good(sid, "add-service-other", R"({"name":"all-udp","ip-protocol":17})");
    rule(R"("service":["low","all-udp"])");
    rule(R"("service":"http")");
    rule(R"("service":"snmp")");
    rule(R"("service":"from")");
    rule(R"("service":"echo-request")");
    rule(R"("service":"Remote_Desktop_Protocol")");
    EXPECT_EQ(verified(),
              "Layer 'P Network': Rule 1 hides rule 2 for services http.\n"
              "Layer 'P Network': Rule 1 hides rule 3 for services snmp.\n");
}

TEST_F(Verify, InlineLayersAreLookedIntoAndMustNotLeadBack) {
    for (const char* name : {"Inner", "Loop"}) {
        good(sid, "add-access-layer",
             std::string(R"({"name":")") + name + R"(","add-default-rule":false})");
    }
    rule(R"("source":"a1","action":"Apply Layer","inline-layer":"Inner")");
    rule("", "Inner");
    rule(R"("service":"http")", "Inner");
    EXPECT_EQ(verified(), "Layer 'Inner': Rule 1.1 hides rule 1.2 for services http.\n");
    good(sid, "delete-access-rule", R"({"layer":"Inner","rule-number":2})");
    good(sid, "delete-access-rule", R"({"layer":"Inner","rule-number":1})");
    rule(R"("service":"ssh","action":"Apply Layer","inline-layer":"Loop")", "Inner");
    rule(R"("action":"Apply Layer","inline-layer":"Inner")", "Loop");
    EXPECT_EQ(verified(), "Layer 'Inner' leads back to itself through rule 1.1.1.\n");
}

TEST_F(Verify, ColumnsWithNothingInThemAreAWarning) {
    rule(R"("source":"empty")");
    rule("");
    std::string status;
    EXPECT_EQ(
        verified(&status),
        "Layer 'P Network': Rule 1 never matches: nothing is in its column source (empty).\n");
    EXPECT_EQ(status, "succeeded with warnings");
}

// Against a plain comparison of every pair of rules, bit by bit.
TEST_F(Verify, AgreesWithComparingEveryPair) {
    std::mt19937 random(7);
    struct Plain {
        uint32_t source, destination, service;
    };
    // Objects are sets of eight addresses; networks and groups of them, as masks of bits.
    std::vector<std::pair<std::string, uint32_t>> places = {{"Any", 0xffffffffu}};
    for (int i = 0; i < 8; ++i) {
        std::string name = "h" + std::to_string(i);
        add_host(sid, name, "172.16.0." + std::to_string(i));
        places.emplace_back(name, 1u << i);
    }
    for (int low : {0, 2, 4, 6}) {
        std::string name = "n" + std::to_string(low);
        good(sid, "add-network",
             R"({"name":")" + name + R"(","subnet":"172.16.0.)" + std::to_string(low) +
                 R"(","mask-length":31})");
        places.emplace_back(name, 3u << low);
    }
    good(sid, "add-network", R"({"name":"n0-3","subnet":"172.16.0.0","mask-length":30})");
    places.emplace_back("n0-3", 0xfu);
    std::vector<std::pair<std::string, uint32_t>> services = {
        {"Any", 0xffffffffu}, {"http", 1}, {"https", 2}, {"ssh", 4}};
    auto pick = [&](const auto& from, std::string& names) {
        size_t first = random() % from.size(), second = random() % from.size();
        bool any = first == 0 || second == 0;
        names = any ? "\"Any\"" : "[\"" + from[first].first + "\",\"" + from[second].first + "\"]";
        return any ? 0xffffffffu : from[first].second | from[second].second;
    };
    std::vector<Plain> rules;
    std::string expected;
    std::vector<bool> hidden;
    for (size_t i = 0; i < 200; ++i) {
        std::string source, destination, service;
        Plain p{pick(places, source), pick(places, destination), pick(services, service)};
        if (p.source == ~0u && p.destination == ~0u) continue;
        rule("\"source\":" + source + ",\"destination\":" + destination +
             ",\"service\":" + service);
        bool found = false;
        for (const Plain& q : rules) {
            found = found || ((q.source & p.source) == p.source &&
                              (q.destination & p.destination) == p.destination &&
                              (q.service & p.service) == p.service);
        }
        hidden.push_back(found);
        rules.push_back(p);
    }
    std::string told = verified();
    size_t most = 100, count = 0;
    for (size_t i = 0; i < rules.size(); ++i) {
        if (hidden[i] && ++count > most) break;
        bool said = told.find(" hides rule " + std::to_string(i + 1) + " for") != std::string::npos;
        EXPECT_EQ(said, hidden[i]) << "rule " << i + 1;
    }
    EXPECT_GT(count, 20u);
}

TEST_F(Verify, TenThousandRulesAreNoMatterOfMinutes) {
    workspace->transact({}, [&](Call& call) {
        for (int i = 0; i < 10'000; ++i) {
            std::string a = "10." + std::to_string(i / 250) + "." + std::to_string(i % 250);
            std::string name = "n" + std::to_string(i);
            call.add("network", {{"name", name}, {"subnet", a + ".0"}, {"mask-length", 24}});
        }
    });
    std::string objects;
    for (int part = 0; part < 10; ++part) {
        std::string list;
        for (int i = part * 1000; i < part * 1000 + 1000; ++i) {
            std::string name = "n" + std::to_string(i);
            std::string other = "n" + std::to_string((i * 7919 + 13) % 10'000);
            list += (list.empty() ? "" : ",") + (R"({"source":")" + name + R"(","destination":")") +
                    other + R"(","service":"http","action":"Accept"})";
        }
        good(sid, "add-rules-batch",
             R"({"objects":[{"type":"access-rule","layer":"P Network",
            "first-position":"bottom","list":[)" +
                 list + "]}]}");
    }
    rule(R"("source":"n77","destination":"n9776","service":"http")");
    std::string status;
    publish(sid);
    // Processor time: other work on the host does not count.
    std::clock_t begin = std::clock();
    std::string told = verified(&status);
    double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    EXPECT_EQ(told, "Layer 'P Network': Rule 78 hides rule 10001 for services http.\n");
    EXPECT_LT(seconds, 10.0);
    RecordProperty("milliseconds", static_cast<int>(seconds * 1000));
}

TEST(Spans, SubtractAndContain) {
    auto at = [](int last) {
        model::Address a = *model::Address::parse("10.0.0.0");
        a.bytes[3] = static_cast<uint8_t>(last);
        return a;
    };
    std::mt19937 random(3);
    for (int round = 0; round < 500; ++round) {
        Spans a, b;
        std::vector<bool> in_a(64), in_b(64);
        for (int i = 0; i < 4; ++i) {
            for (auto* set : {&a, &b}) {
                int first = static_cast<int>(random() % 64),
                    last = first + static_cast<int>(random() % 8);
                last = std::min(last, 63);
                set->add(at(first), at(last));
                auto& bits = set == &a ? in_a : in_b;
                for (int k = first; k <= last; ++k) bits[static_cast<size_t>(k)] = true;
            }
        }
        a.merge();
        b.merge();
        bool contained = true;
        for (size_t k = 0; k < 64; ++k) contained = contained && (!in_b[k] || in_a[k]);
        EXPECT_EQ(a.contains(b), contained);
        Spans rest = a;
        rest.subtract(b);
        std::vector<bool> left(64);
        for (const auto& span : rest.list()) {
            for (int k = span.first.bytes[3]; k <= span.last.bytes[3]; ++k) {
                left[static_cast<size_t>(k)] = true;
            }
        }
        for (size_t k = 0; k < 64; ++k) EXPECT_EQ(left[k], in_a[k] && !in_b[k]) << round;
    }
}

}  // namespace
}  // namespace mds::mgmt
