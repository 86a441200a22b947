#include "rig.hh"

namespace mds::mgmt {
namespace {

class Manual : public Rig {};

TEST_F(Manual, EveryCommandTellsItsParameters) {
    std::string sid = login();
    uint64_t before = db->position().rev;
    json::object told = good(sid, "show-commands", R"({"details-level":"full"})");
    EXPECT_GT(told.at("total").to_number<uint64_t>(), 150u);
    for (const json::value& v : json::get_array(told, "commands")) {
        const json::object& command = v.as_object();
        std::string name = json::get_string(command, "name");
        EXPECT_FALSE(json::get_string(command, "description").empty()) << name;
        ASSERT_TRUE(command.at("parameters").is_array()) << name;
        for (const json::value& p : command.at("parameters").as_array()) {
            std::string parameter = json::get_string(p.as_object(), "name");
            EXPECT_FALSE(json::get_string(p.as_object(), "type").empty())
                << name << " " << parameter << " is in no table of lib/mgmt/manual.cc";
        }
    }
    EXPECT_EQ(db->position().rev, before);
    EXPECT_EQ(good(sid, "show-session").at("changes"), 0);
}

TEST_F(Manual, WhatIsToldIsAcceptedAndNothingElse) {
    std::string sid = login();
    json::object told =
        good(sid, "show-commands", R"({"details-level":"full","prefix":"add-service-tcp"})");
    const json::object& command = told.at("commands").as_array().at(0).as_object();
    json::object required;
    for (const json::value& v : command.at("parameters").as_array()) {
        const json::object& p = v.as_object();
        std::string name = json::get_string(p, "name");
        if (json::get_bool(p, "required")) required[name] = "x";
        // Null clears; an unknown name is refused whatever its value.
        Answer answer = ask(sid, "add-service-tcp", "{\"" + name + "\":null}");
        EXPECT_NE(answer.code(), "generic_err_invalid_parameter_name") << name;
    }
    EXPECT_EQ(json::text(required), R"({"name":"x"})");
    EXPECT_EQ(ask(sid, "add-service-tcp", R"({"name":"x","nmae":"x"})").code(),
              "generic_err_invalid_parameter_name");
}

}  // namespace
}  // namespace mds::mgmt
