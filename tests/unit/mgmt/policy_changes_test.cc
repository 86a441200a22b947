#include "mgmt/policy_changes.hh"

#include <gtest/gtest.h>

#include "json/json.hh"

namespace mds::mgmt {
namespace {

/// A flat policy with one layer of these rules, "uid action" each, and these objects.
json::object policy(const std::vector<std::string>& rules, const json::object& objects = {}) {
    json::array list;
    for (const std::string& one : rules) {
        size_t space = one.find(' ');
        list.push_back(json::object{{"uid", one.substr(0, space)},
                                    {"type", "access-rule"},
                                    {"name", "rule " + one.substr(0, space)},
                                    {"action", one.substr(space + 1)},
                                    {"meta-info", json::object{{"last-modifier", one}}},
                                    {"rule-number", std::to_string(list.size() + 1)}});
    }
    json::object layer{{"name", "Network"}, {"implicit-cleanup-action", "drop"}, {"rules", std::move(list)}};
    return {{"layers", json::array{std::move(layer)}}, {"nat-rules", json::array{}}, {"objects", objects}};
}

/// "added b 2; changed c 3 action drop accept; "
std::string told(const json::object& before, const json::object& after) {
    std::string out;
    for (const json::value& v : policy_changes(before, after)) {
        const json::object& c = v.as_object();
        out += json::get_string(c, "change") + " " + json::get_string(c, "uid") + " " + json::get_string(c, "rule-number");
        if (json::get_string(c, "change") == "changed") {
            for (const json::value& f : json::get_array(c, "fields")) {
                const json::object& field = f.as_object();
                out += " " + json::get_string(field, "field") + " " + json::text(field.at("before")) + json::text(field.at("after"));
            }
        }
        out += "; ";
    }
    return out;
}

TEST(PolicyChanges, OfTheSameThereAreNone) {
    EXPECT_EQ(told(policy({"a x", "b x"}), policy({"a x", "b x"})), "");
    EXPECT_EQ(told({}, policy({})), "");
}

TEST(PolicyChanges, WhatIsAddedAndRemovedMovesNobodyElse) {
    EXPECT_EQ(told(policy({"a x", "b x", "c x"}), policy({"n x", "a x", "c x"})), "added n 1; removed b 2; ");
    EXPECT_EQ(told({}, policy({"a x", "b x"})), "added a 1; added b 2; ");
    EXPECT_EQ(told(policy({"a x"}), {}), "removed a 1; ");
}

TEST(PolicyChanges, AFieldIsToldWithBothValues) {
    EXPECT_EQ(told(policy({"a drop"}), policy({"a accept"})), R"(changed a 1 action "drop""accept"; )");
}

TEST(PolicyChanges, OnlyWhatWasMovedIsToldAsMoved) {
    EXPECT_EQ(told(policy({"a x", "b x", "c x", "d x"}), policy({"d x", "a x", "b x", "c x"})), "moved d 1; ");
    EXPECT_EQ(told(policy({"a x", "b x", "c x", "d x"}), policy({"b x", "c x", "n x", "a x", "d x"})), "added n 3; moved a 4; ");
    const json::array moved = policy_changes(policy({"a x", "b x", "c x"}), policy({"c y", "a x", "b x"}));
    ASSERT_EQ(moved.size(), 1u);
    // Where it was, and what is changed besides.
    EXPECT_EQ(json::text(moved[0].as_object().at("fields")),
              R"([{"field":"rule-number","before":"3","after":"1"},{"field":"action","before":"x","after":"y"}])");
}

TEST(PolicyChanges, ObjectsOfRulesAreToldAndNamed) {
    auto host = [](const char* address) {
        return json::object{{"h", json::object{{"uid", "h"}, {"name", "web"}, {"type", "host"}, {"ipv4-address", address}}}};
    };
    EXPECT_EQ(told(policy({"a h"}, host("10.0.0.1")), policy({"a h"}, host("10.0.0.2"))),
              R"(changed h  ipv4-address "10.0.0.1""10.0.0.2"; )");
    // One that only a new rule names comes with the rule.
    EXPECT_EQ(told(policy({"a x"}), policy({"a h"}, host("10.0.0.1"))), R"(changed a 1 action "x""web"; )");
}

TEST(PolicyChanges, InlineLayersAreToldByName) {
    auto inner = [](const char* first, const char* second, int position) {
        json::object flat = policy({"a x"});
        json::array& layers = flat.at("layers").as_array();
        layers[0].as_object().at("rules").as_array()[0].as_object()["inline-layer"] = position;
        for (const char* name : {first, second}) layers.push_back(json::object{{"name", name}, {"rules", json::array{}}});
        return flat;
    };
    // Another position is the same layer; another layer is a change.
    EXPECT_EQ(told(inner("Web", "Mail", 1), inner("Mail", "Web", 2)), "");
    EXPECT_EQ(told(inner("Web", "Mail", 1), inner("Web", "Mail", 2)), R"(changed a 1 inline-layer "Web""Mail"; )");
}

}  // namespace
}  // namespace mds::mgmt
