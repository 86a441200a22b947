#include "rig.hh"
#include "store/verify.hh"

namespace mds::mgmt {
namespace {

class Objects : public Rig {};

TEST_F(Objects, AddShowSetDelete) {
    std::string sid = login();
    json::object added =
        good(sid, "add-host",
             R"({"name":"web1","ip-address":"192.0.2.10","tags":["prod"],"color":"red"})");
    EXPECT_EQ(added.at("type"), "host");
    EXPECT_EQ(added.at("ipv4-address"), "192.0.2.10");
    EXPECT_EQ(added.at("domain").as_object().at("name"), "acme");
    EXPECT_EQ(added.at("meta-info").as_object().at("lock"), "locked by current session");
    EXPECT_EQ(added.at("meta-info").as_object().at("creator"), "ops");
    EXPECT_EQ(added.at("tags").as_array().at(0).as_object().at("name"), "prod");
    EXPECT_EQ(added.at("groups"), json::array{});
    std::string uid = json::get_string(added, "uid");
    EXPECT_EQ(good(sid, "show-host", R"({"name":"WEB1"})").at("uid"), json::value(uid));
    json::object changed =
        good(sid, "set-host", R"({"uid":")" + uid + R"(","new-name":"web2","comments":"c"})");
    EXPECT_EQ(changed.at("name"), "web2");
    EXPECT_EQ(ask(sid, "show-host", R"({"name":"web1"})").status, 404);
    EXPECT_EQ(good(sid, "show-tag", R"({"name":"prod"})").at("name"), "prod");
    EXPECT_EQ(good(sid, "delete-host", R"({"name":"web2"})").at("message"), "OK");
    Answer gone = ask(sid, "show-host", R"({"uid":")" + uid + "\"}");
    EXPECT_EQ(gone.status, 404);
    EXPECT_EQ(gone.code(), "generic_err_object_not_found");
    EXPECT_EQ(gone.message(), "Requested object [" + uid + "] not found");
}

TEST_F(Objects, EveryTypeOfTheDomain) {
    std::string sid = login();
    const std::pair<const char*, const char*> adds[] = {
        {"host", R"({"name":"h","ip-address":"10.0.0.1"})"},
        {"network", R"({"name":"n","subnet":"10.0.0.0","mask-length":8})"},
        {"address-range",
         R"({"name":"r","ip-address-first":"10.0.0.1","ip-address-last":"10.0.0.2"})"},
        {"multicast-address-range", R"({"name":"m","ip-address":"224.0.0.1"})"},
        {"group", R"({"name":"g","members":["h","n"]})"},
        {"group-with-exclusion", R"({"name":"x","include":"n","except":"h"})"},
        {"wildcard", R"({"name":"w","ipv4-address":"10.0.0.1","ipv4-mask-wildcard":"0.0.0.255"})"},
        {"dns-domain", R"({"name":".example.com","is-sub-domain":"true"})"},
        {"security-zone", R"({"name":"z"})"},
        {"dynamic-object", R"({"name":"dyn"})"},
        {"tag", R"({"name":"t"})"},
        {"service-tcp", R"({"name":"st","port":8080})"},
        {"service-udp", R"({"name":"su","port":"53"})"},
        {"service-icmp", R"({"name":"si","icmp-type":8})"},
        {"service-icmp6", R"({"name":"si6","icmp-type":128})"},
        {"service-other", R"({"name":"so","ip-protocol":89})"},
        {"service-group", R"({"name":"sg","members":["st","http"]})"},
    };
    for (const auto& [type, body] : adds) {
        std::string name(type);
        json::object added = good(sid, "add-" + name, body);
        std::string uid = json::get_string(added, "uid");
        EXPECT_EQ(added.at("type"), json::value(name));
        EXPECT_EQ(good(sid, "show-" + name, R"({"uid":")" + uid + "\"}"), added) << name;
        EXPECT_EQ(ask(sid, "equals", R"({"type":")" + name + R"(","params":)" + body + "}").body,
                  (json::object{{"equals", true}}))
            << name;
    }
    publish(sid);
    EXPECT_EQ(db->object_count(), std::size(adds));
    EXPECT_TRUE(store::verify(db->file()).good());
    json::object lists = good(sid, "show-commands", R"({"prefix":"show-services-"})");
    EXPECT_GE(lists.at("total").as_int64(), 5);
}

TEST_F(Objects, BadInputChangesNothing) {
    std::string sid = login();
    add_host(sid, "taken", "10.0.0.1");
    const std::string before = json::text(good(sid, "show-objects", R"({"limit":500})"));
    struct Case {
        const char *command, *body;
        int status;
        const char *code, *message;
    };
    const Case cases[] = {
        {"add-host", R"({"name":"a","ip-address":"10.0.0.2","bogus":1})", 400,
         "generic_err_invalid_parameter_name", "Unrecognized parameter [bogus]"},
        {"add-host", R"({"name":"a","ip-address":"10.0.0.2","tags":["new"],"bogus":1})", 400,
         "generic_err_invalid_parameter_name", "Unrecognized parameter [bogus]"},
        {"add-host", R"({"ip-address":"10.0.0.2"})", 400, "generic_err_missing_required_parameters",
         "Missing parameter: [name]"},
        {"add-host", R"({"name":"a","ip-address":true})", 400, "generic_err_invalid_parameter",
         "Invalid parameter for [ip-address]. 'true' is not an IP address."},
        {"add-host", R"({"name":"taken","ip-address":"10.0.0.2"})", 400, "err_validation_failed",
         "Validation failed with 1 error"},
        {"add-host", R"({"name":"TAKEN","ip-address":"10.0.0.2"})", 400, "err_validation_failed",
         "Validation failed with 1 error"},
        {"add-group", R"({"name":"taken"})", 400, "err_validation_failed",
         "Validation failed with 1 error"},
        {"add-host", R"({"name":"a","ip-address":"10.0.0.2","groups":["nobody"]})", 404,
         "generic_err_object_not_found", "Requested object [nobody] not found"},
        {"add-tag", R"({"name":"a","groups":["x"]})", 400, "generic_err_invalid_parameter_name",
         "Unrecognized parameter [groups]"},
        {"add-service-tcp", R"({"name":"http","port":80})", 400, "err_validation_failed",
         "Validation failed with 1 error"},
        {"set-host", R"({"name":"taken","ip-address":"x"})", 400, "generic_err_invalid_parameter",
         "Invalid parameter for [ip-address]. 'x' is not an IP address."},
        {"set-host", R"({"name":"nobody"})", 404, "generic_err_object_not_found",
         "Requested object [nobody] not found"},
        {"delete-host", R"({})", 400, "generic_err_missing_required_parameters",
         "Missing parameter: [name]"},
        {"delete-network", R"({"name":"taken"})", 404, "generic_err_object_not_found",
         "Requested object [taken] not found"},
        {"show-host", R"({"name":"taken","details-level":"huge"})", 400,
         "generic_err_invalid_parameter",
         "Invalid parameter for [details-level]. 'huge' is none of: uid, standard, full."},
        {"show-hosts", R"({"limit":501})", 400, "generic_err_invalid_parameter",
         "Invalid parameter for [limit]. The value must be between 1 and 500."},
        {"show-hosts", R"({"offset":-1})", 400, "generic_err_invalid_parameter",
         "Invalid parameter for [offset]. The value must not be negative."},
        {"add-host", "{not json", 400, "generic_err_invalid_syntax", "Payload is not valid"},
        {"add-nothing", "{}", 404, "generic_err_command_not_found",
         "Requested API command: [add-nothing] not found"},
        {"equals", R"({"type":"nothing","params":{"name":"x"}})", 400,
         "generic_err_invalid_api_type", "Invalid api type: [nothing]"},
    };
    for (const Case& c : cases) {
        Answer answer = ask(sid, c.command, c.body);
        EXPECT_EQ(answer.status, c.status) << c.command << c.body;
        EXPECT_EQ(answer.code(), c.code) << c.command << c.body << json::text(answer.body);
        EXPECT_EQ(answer.message(), c.message) << c.command << c.body;
    }
    EXPECT_EQ(json::text(good(sid, "show-objects", R"({"limit":500})")), before);
}

TEST_F(Objects, DuplicateNameNamesTheObject) {
    std::string sid = login();
    add_host(sid, "web1", "10.0.0.1");
    Answer answer = ask(sid, "add-host", R"({"name":"web1","ip-address":"10.0.0.2"})");
    EXPECT_EQ(answer.error(), "More than one object named 'web1' exists.");
    EXPECT_EQ(json::get_array(answer.body, "errors")[0].as_object().at("current-session"),
              json::value(true));
    publish(sid);
    answer = ask(sid, "add-host", R"({"name":"web1","ip-address":"10.0.0.2"})");
    EXPECT_EQ(answer.error(), "More than one object named 'web1' exists.");
}

TEST_F(Objects, SameAddressIsAWarningThatRefuses) {
    std::string sid = login();
    add_host(sid, "a", "10.0.0.1");
    Answer answer = ask(sid, "add-host", R"({"name":"b","ip-address":"10.0.0.1"})");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.message(), "Validation failed with 1 warning");
    EXPECT_TRUE(answer.warning().starts_with("Multiple objects have the same IP address 10.0.0.1"));
    EXPECT_TRUE(answer.error().empty());
    answer = ask(sid, "add-host", R"({"name":"a","ip-address":"10.0.0.1"})");
    EXPECT_EQ(answer.message(), "Validation failed with 1 warning and 1 error");
    publish(sid);
    answer = ask(sid, "add-host", R"({"name":"b","ip-address":"10.0.0.1"})");
    EXPECT_EQ(answer.status, 400);
    good(sid, "add-host", R"({"name":"b","ip-address":"10.0.0.1","ignore-warnings":"true"})");
    publish(sid);
    good(sid, "delete-host", R"({"name":"a"})");
    good(sid, "delete-host", R"({"name":"b"})");
    good(sid, "add-host", R"({"name":"c","ip-address":"10.0.0.1"})");
}

TEST_F(Objects, RF_25_DeletingAUsedObjectListsItsUsers) {
    std::string sid = login();
    add_host(sid, "h", "10.0.0.1");
    good(sid, "add-group", R"({"name":"g","members":["h"]})");
    Answer answer = ask(sid, "delete-host", R"({"name":"h"})");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.code(), "generic_err_object_deletion");
    EXPECT_NE(answer.message().find("group 'g'"), std::string::npos);
    EXPECT_EQ(answer.body.at("refusal").as_object().at("id"), "RF-25");
    publish(sid);
    EXPECT_EQ(ask(sid, "delete-host", R"({"name":"h"})").status, 400);
    good(sid, "set-group", R"({"name":"g","members":{"remove":"h"}})");
    good(sid, "delete-host", R"({"name":"h"})");
    publish(sid);
    EXPECT_EQ(db->object_count(), 1u);
}

TEST_F(Objects, GroupsOfAMemberEditTheGroup) {
    std::string sid = login();
    good(sid, "add-group", R"({"name":"g1"})");
    good(sid, "add-group", R"({"name":"g2"})");
    publish(sid);
    json::object host =
        good(sid, "add-host", R"({"name":"h","ip-address":"10.0.0.1","groups":["g1","g2"]})");
    EXPECT_EQ(host.at("groups").as_array().size(), 2u);
    json::object group = good(sid, "show-group", R"({"name":"g1"})");
    EXPECT_EQ(group.at("members").as_array().at(0).as_object().at("name"), "h");
    EXPECT_EQ(group.at("meta-info").as_object().at("lock"), "locked by current session");
    host = good(sid, "set-host", R"({"name":"h","groups":{"remove":"g1"}})");
    EXPECT_EQ(host.at("groups").as_array().size(), 1u);
    host = good(sid, "set-host", R"({"name":"h","groups":[]})");
    EXPECT_EQ(host.at("groups"), json::array{});
    EXPECT_EQ(ask(sid, "equals", R"({"type":"host","params":{"name":"h","groups":["g1"]}})").body,
              (json::object{{"equals", false}}));
    std::string other = login({{"user", "eve"}});
    publish(sid);
    good(other, "set-group", R"({"name":"g1","comments":"mine"})");
    EXPECT_EQ(ask(sid, "set-host", R"({"name":"h","groups":["g1"]})").status, 409);
}

TEST_F(Objects, MembershipsEditedOneByOneSurviveARestartAndAFailure) {
    std::string sid = login();
    add_host(sid, "a", "10.0.0.1");
    good(sid, "add-group", R"({"name":"g","members":["a"],"comments":"has \"members\":[ in it"})");
    publish(sid);
    for (int i = 0; i < 20; ++i) {
        std::string n = std::to_string(i);
        good(sid, "add-host",
             R"({"name":"m)" + n + R"(","ip-address":"10.1.0.)" + n + R"(","groups":"g"})");
    }
    good(sid, "set-host", R"({"name":"m0","groups":[]})");
    good(sid, "set-host", R"({"name":"a","groups":{"remove":"g"}})");
    good(sid, "set-host", R"({"name":"m19","groups":{"remove":"g"}})");
    std::string before = json::text(good(sid, "show-group", R"({"name":"g"})"));
    EXPECT_EQ(good(sid, "show-group", R"({"name":"g"})").at("members").as_array().size(), 18u);
    // The second group is not there, so the first one keeps its members.
    EXPECT_EQ(ask(sid, "add-host",
                  R"({"name":"z","ip-address":"10.2.0.1","groups":["g"],"tags":["t"],"color":1})")
                  .status,
              400);
    EXPECT_EQ(ask(sid, "set-host", R"({"name":"m0","groups":["g","nobody"]})").status, 404);
    EXPECT_EQ(json::text(good(sid, "show-group", R"({"name":"g"})")), before);
    reopen();
    EXPECT_EQ(json::text(good(sid, "show-group", R"({"name":"g"})")), before);
    EXPECT_EQ(good(sid, "show-host", R"({"name":"m1"})").at("groups").as_array().size(), 1u);
    good(sid, "set-host", R"({"name":"m2","groups":[]})");
    good(sid, "set-group", R"({"name":"g","comments":"whole"})");
    good(sid, "set-host", R"({"name":"m3","groups":[]})");
    reopen();
    EXPECT_EQ(good(sid, "show-group", R"({"name":"g"})").at("members").as_array().size(), 16u);
    publish(sid);
    EXPECT_EQ(good(sid, "show-group", R"({"name":"g"})").at("members").as_array().size(), 16u);
    EXPECT_TRUE(store::verify(db->file()).good());
    good(sid, "set-host", R"({"name":"m4","groups":[]})");
    good(sid, "discard");
    EXPECT_EQ(good(sid, "show-group", R"({"name":"g"})").at("members").as_array().size(), 16u);
}

TEST_F(Objects, AFailureAfterAMembershipTakesItBack) {
    std::string sid = login();
    good(sid, "add-group", R"({"name":"g1"})");
    good(sid, "add-group", R"({"name":"g2"})");
    good(sid, "set-group", R"({"name":"g2","groups":["g1"]})");
    // g1 would contain itself through g2; whichever edit came first is taken back.
    good(sid, "add-group", R"({"name":"g0"})");
    EXPECT_EQ(ask(sid, "set-group", R"({"name":"g1","groups":["g0","g2"]})").status, 400);
    EXPECT_EQ(good(sid, "show-group", R"({"name":"g0"})").at("members"), json::array{});
    EXPECT_EQ(good(sid, "show-group", R"({"name":"g2"})").at("members"), json::array{});
    add_host(sid, "h", "10.0.0.1");
    EXPECT_EQ(
        good(sid, "set-host", R"({"name":"h","groups":["g0"]})").at("groups").as_array().size(),
        1u);
}

TEST_F(Objects, GroupsMustNotContainThemselves) {
    std::string sid = login();
    good(sid, "add-group", R"({"name":"a"})");
    good(sid, "add-group", R"({"name":"b","members":["a"]})");
    good(sid, "add-group", R"({"name":"c","members":["b"]})");
    for (const char* body :
         {R"({"name":"a","members":["c"]})", R"({"name":"a","members":["a"]})"}) {
        Answer answer = ask(sid, "set-group", body);
        EXPECT_EQ(answer.code(), "err_validation_failed") << body;
    }
    EXPECT_EQ(ask(sid, "set-group", R"({"name":"c","groups":["a"]})").status, 400);
    EXPECT_EQ(good(sid, "show-group", R"({"name":"a"})").at("members"), json::array{});
}

TEST_F(Objects, DetailsLevelShapesReferences) {
    std::string sid = login();
    std::string uid = add_host(sid, "h", "10.0.0.1");
    good(sid, "add-group", R"({"name":"g","members":["h"]})");
    json::object at_uid = good(sid, "show-group", R"({"name":"g","details-level":"uid"})");
    EXPECT_EQ(at_uid.at("members"), (json::array{uid}));
    json::object standard = good(sid, "show-group", R"({"name":"g"})");
    EXPECT_EQ(standard.at("members").as_array()[0].as_object().at("ipv4-address"), "10.0.0.1");
    json::object full = good(sid, "show-group", R"({"name":"g","details-level":"full"})");
    EXPECT_TRUE(full.at("members").as_array()[0].as_object().contains("meta-info"));
}

TEST_F(Objects, EqualsAsTheClientsNeedIt) {
    std::string sid = login();
    Answer none = ask(sid, "equals", R"({"type":"host","params":{"name":"nobody"}})");
    EXPECT_EQ(none.status, 404);
    EXPECT_EQ(none.code(), "generic_err_object_not_found");
    add_host(sid, "h", "10.0.0.1");
    auto equal = [&](const char* params) {
        Answer a = ask(sid, "equals", std::string(R"({"type":"host","params":)") + params + "}");
        EXPECT_EQ(a.status, 200) << json::text(a.body);
        return json::get_bool(a.body, "equals");
    };
    EXPECT_TRUE(equal(R"({"name":"H","ip-address":"10.0.0.1"})"));
    EXPECT_FALSE(equal(R"({"name":"h","ip-address":"10.0.0.9"})"));
    EXPECT_FALSE(equal(R"({"name":"h","groups":["gone"]})"));
    EXPECT_FALSE(equal(R"({"name":"h","tags":["gone"]})"));
    EXPECT_EQ(ask(sid, "show-tag", R"({"name":"gone"})").status, 404);
}

TEST_F(Objects, SetIfExistsUpdates) {
    std::string sid = login();
    std::string uid = add_host(sid, "h", "10.0.0.1");
    json::object set =
        good(sid, "add-host", R"({"name":"h","ip-address":"10.0.0.2","set-if-exists":true})");
    EXPECT_EQ(set.at("uid"), json::value(uid));
    EXPECT_EQ(set.at("ipv4-address"), "10.0.0.2");
}

TEST_F(Objects, PredefinedObjectsAreReadOnly) {
    std::string sid = login();
    json::object http = good(sid, "show-service-tcp", R"({"name":"http"})");
    EXPECT_EQ(http.at("port"), "80");
    EXPECT_EQ(http.at("read-only"), json::value(true));
    EXPECT_EQ(http.at("domain").as_object().at("name"), "Check Point Data");
    EXPECT_EQ(ask(sid, "set-service-tcp", R"({"name":"http","port":81})").status, 403);
    EXPECT_EQ(ask(sid, "delete-service-tcp", R"({"name":"http"})").status, 403);
    good(sid, "add-group", R"({"name":"g","members":["Any"]})");
    publish(sid);
}

TEST_F(Objects, WhereUsedDirectlyAndIndirectly) {
    std::string sid = login();
    add_host(sid, "h", "10.0.0.1");
    good(sid, "add-group", R"({"name":"a","members":["h"]})");
    publish(sid);
    good(sid, "add-group", R"({"name":"b","members":["a"]})");
    json::object used = good(sid, "where-used", R"({"name":"h","indirect":true})");
    EXPECT_EQ(used.at("used-directly").as_object().at("total"), 1);
    const auto& indirect = used.at("used-indirectly").as_object();
    EXPECT_EQ(indirect.at("objects").as_array().at(0).as_object().at("name"), "b");
    json::object unused = good(sid, "show-unused-objects");
    EXPECT_EQ(unused.at("total"), 1);
}

TEST_F(Objects, ShowObjectGivesTheNameOfAUid) {
    std::string sid = login();
    std::string uid = add_host(sid, "h", "10.0.0.1");
    json::object shown = good(sid, "show-object", R"({"uid":")" + uid + "\"}");
    EXPECT_EQ(shown.at("object").as_object().at("name"), "h");
    EXPECT_EQ(ask(sid, "show-object", R"({"uid":"x"})").code(), "generic_err_object_not_found");
}

TEST_F(Objects, BatchIsAllOrNothing) {
    std::string sid = login();
    json::object reply = good(sid, "add-objects-batch", R"({"objects":[
        {"type":"host","list":[{"name":"a","ip-address":"10.0.0.1"},{"name":"b","ip-address":"10.0.0.2"}]},
        {"type":"group","list":[{"name":"g","members":["a","b"]}]}]})");
    auto task = workspace->task(*Uid::parse(json::get_string(reply, "task-id")));
    EXPECT_EQ(task->status, "succeeded");
    reply = good(sid, "add-objects-batch", R"({"objects":[
        {"type":"host","list":[{"name":"c","ip-address":"10.0.0.3"},{"name":"a","ip-address":"10.0.0.4"}]}]})");
    task = workspace->task(*Uid::parse(json::get_string(reply, "task-id")));
    EXPECT_EQ(task->status, "failed");
    EXPECT_NE(task->comments.find("More than one object named 'a'"), std::string::npos);
    EXPECT_EQ(ask(sid, "show-host", R"({"name":"c"})").status, 404);
    publish(sid);
    EXPECT_EQ(db->object_count(), 3u);
}

}  // namespace
}  // namespace mds::mgmt
