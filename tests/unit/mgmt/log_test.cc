#include "rig.hh"

namespace mds::mgmt {
namespace {

class Logs : public Rig {
  protected:
    json::object logs(const std::string& sid, const std::string& query) {
        return good(sid, "show-logs",
                    R"({"new-query":{"type":"audit","time-frame":"all-time")" + query + "}}");
    }
    /// "operation/subject/status" of each, newest first.
    static std::string told(const json::object& reply) {
        std::string out;
        for (const json::value& v : json::get_array(reply, "logs")) {
            const json::object& o = v.as_object();
            out += json::get_string(o, "operation") + "/" + json::get_string(o, "subject") + "/" +
                   json::get_string(o, "status") + " ";
        }
        return out;
    }
};

TEST_F(Logs, ActionsAreRecordedWithWhoWhenAndFromWhere) {
    std::string sid = login({{"ip-address", "192.0.2.7"}, {"session-name", "monday"}});
    std::string session = json::get_string(last_login, "uid");
    add_host(sid, "h", "10.0.0.1");
    now += 1000;
    publish(sid);
    add_host(sid, "i", "10.0.0.2");
    good(sid, "discard");
    EXPECT_EQ(
        ask(sid, "purge-published-sessions", R"({"number-of-sessions-to-preserve":1})").status,
        403);
    good(sid, "logout");
    sid = login();
    json::object reply = logs(sid, "");
    EXPECT_EQ(told(reply),
              "Log in//Success Log out//Success Purge published sessions//Failure "
              "Discard//Success Publish/monday/Success Log in/monday/Success ");
    EXPECT_EQ(reply.at("logs-count"), 6);
    const json::object& entry = reply.at("logs").as_array().at(4).as_object();
    EXPECT_EQ(entry.at("administrator"), "ops");
    EXPECT_EQ(entry.at("client_ip"), "192.0.2.7");
    EXPECT_EQ(json::get_string(entry, "session_uid"), session);
    EXPECT_EQ(entry.at("session_name"), "monday");
    EXPECT_EQ(entry.at("domain"), "acme");
    EXPECT_EQ(entry.at("origin"), "acme-1");
    EXPECT_EQ(entry.at("time"), "2023-11-14T22:13:21Z");
    EXPECT_EQ(entry.at("additional_info"), "1 changes, revision 2");
    // How much was thrown away: some clients discard by themselves when a request fails.
    EXPECT_EQ(reply.at("logs").as_array().at(3).as_object().at("additional_info"), "1 changes");
    const json::object& refused = reply.at("logs").as_array().at(2).as_object();
    EXPECT_NE(json::get_string(refused, "additional_info").find("manage-sessions"),
              std::string::npos);
    // It outlives the process, and nothing of it is replicated.
    reopen();
    EXPECT_EQ(logs(sid, "").at("logs-count"), 6);
}

TEST_F(Logs, PagesFollowTheirQuery) {
    std::string sid = login();
    for (int i = 0; i < 24; ++i) good(sid, "discard");
    json::object page = logs(sid, R"(,"max-logs-per-request":10)");
    size_t seen = 0;
    std::string last;
    while (page.at("logs-count").to_number<size_t>() > 0) {
        for (const json::value& v : page.at("logs").as_array()) {
            std::string id = json::get_string(v.as_object(), "id");
            EXPECT_NE(id, last);
            last = id;
            ++seen;
        }
        good(sid, "discard");  // later actions do not move the pages
        page =
            good(sid, "show-logs", R"({"query-id":")" + json::get_string(page, "query-id") + "\"}");
    }
    EXPECT_EQ(seen, 25u);
    for (const char* id : {"zz", "7b7d2f", "x"}) {
        EXPECT_EQ(ask(sid, "show-logs", std::string(R"({"query-id":")") + id + "\"}").code(),
                  "generic_err_invalid_parameter");
    }
}

TEST_F(Logs, OldestFirstEndsWhereItBegan) {
    std::string sid = login();
    for (int i = 0; i < 24; ++i) good(sid, "discard");
    std::vector<std::string> newest_first, oldest_first;
    for (auto& [order, ids] : {std::pair("DESC", &newest_first), std::pair("ASC", &oldest_first)}) {
        json::object page = logs(sid, std::string(R"(,"max-logs-per-request":7,"order":")") + order + "\"");
        while (page.at("logs-count").to_number<size_t>() > 0) {
            for (const json::value& v : page.at("logs").as_array()) {
                ids->push_back(json::get_string(v.as_object(), "id"));
            }
            now += 1000;
            if (ids == &oldest_first) good(sid, "discard");  // what happens meanwhile is not a part of it
            page = good(sid, "show-logs", R"({"query-id":")" + json::get_string(page, "query-id") + "\"}");
        }
    }
    std::reverse(newest_first.begin(), newest_first.end());
    EXPECT_EQ(oldest_first.size(), 25u);
    EXPECT_EQ(oldest_first, newest_first);
    EXPECT_EQ(ask(sid, "show-logs", R"({"new-query":{"type":"audit","order":"up"}})").code(),
              "generic_err_invalid_parameter");
}

TEST_F(Logs, FilterFrameAndTops) {
    std::string ops = login(), eve = login({{"user", "eve"}});
    good(eve, "discard");
    now += 3 * 3'600'000;
    ops = login();
    good(ops, "discard");
    EXPECT_EQ(logs(ops, R"(,"filter":"administrator:eve operation:discard")").at("logs-count"), 1);
    EXPECT_EQ(logs(ops, R"(,"filter":"eve OR \"log in\"")").at("logs-count"), 5);
    EXPECT_EQ(logs(ops, R"(,"filter":"nobody")").at("logs-count"), 0);
    auto frame = [&](const std::string& more) {
        return good(ops, "show-logs", R"({"new-query":{"type":"audit",)" + more + "}}")
            .at("logs-count");
    };
    EXPECT_EQ(frame(R"("time-frame":"last-hour","filter":"operation:discard")"), 1);
    EXPECT_EQ(frame(R"("time-frame":"last-24-hours","filter":"operation:discard")"), 2);
    EXPECT_EQ(frame(R"("time-frame":"custom","custom-start":"2023-11-14T22:00:00",
                       "custom-end":"2023-11-14T23:00:00","filter":"operation:discard")"),
              1);
    json::object tops = logs(ops, R"(,"top":{"field":"users","count":1})");
    ASSERT_EQ(tops.at("tops-count"), 1);
    EXPECT_EQ(tops.at("tops").as_array().at(0).as_object().at("value"), "ops");
    EXPECT_FALSE(tops.contains("logs"));
    for (const char* bad :
         {R"({"new-query":{"time-frame":"ever"}})", R"({"new-query":{"type":"x"}})",
          R"({"new-query":{"max-logs-per-request":101}})", R"({"new-query":{"type":"audit",
          "top":{"field":"x"}}})",
          R"({"new-query":{"time-frame":"custom","custom-start":"x",
          "custom-end":"y"}})",
          R"({"new-query":[]})"}) {
        EXPECT_EQ(ask(ops, "show-logs", bad).code(), "generic_err_invalid_parameter") << bad;
    }
    EXPECT_EQ(ask(ops, "show-logs", R"({"new-query":{"typ":"audit"}})").code(),
              "generic_err_invalid_parameter_name");
    EXPECT_EQ(ask(ops, "show-logs").code(), "generic_err_missing_required_parameters");
}

TEST_F(Logs, OfTrafficThereIsNone) {
    std::string sid = login();
    json::object reply = good(sid, "show-logs", R"({"new-query":{"filter":"product:Firewall"}})");
    EXPECT_EQ(reply.at("logs-count"), 0);
    EXPECT_TRUE(reply.at("logs").as_array().empty());
    EXPECT_EQ(
        good(sid, "show-logs", R"({"new-query":{"top":{"field":"sources"}}})").at("tops-count"), 0);
}

TEST_F(Logs, ExpiredSessionsAndOldRows) {
    std::string sid = login({{"user", "eve"}});
    now += 3'600'000;
    workspace->tick();
    sid = login();
    EXPECT_EQ(logs(sid, R"(,"filter":"expired")").at("logs-count"), 1);
    now += 500LL * 24 * 3'600'000;
    workspace->tick();
    sid = login();
    // The session of before expired at the moment of the tick.
    EXPECT_EQ(told(logs(sid, "")), "Log in//Success Session expired//Success ");
}

class Export : public Rig {};

TEST_F(Export, TellsObjectsByClass) {
    std::string sid = login();
    for (int i = 0; i < 5; ++i)
        add_host(sid, "h" + std::to_string(i), "10.0.0." + std::to_string(i + 1));
    good(sid, "add-group", R"({"name":"g","members":["h0"]})");
    auto exported = [&](const std::string& body) {
        return *workspace->task(
            *Uid::parse(json::get_string(good(sid, "export", body), "task-id")));
    };
    TaskInfo task = exported("{}");
    EXPECT_EQ(task.status, "succeeded");
    const json::object& all = task.details.at(0).as_object();
    EXPECT_EQ(all.at("exported-objects"), 6);
    EXPECT_EQ(all.at("classes").as_array().at(0).as_object().at("class"), "host");
    task = exported(R"({"include-classes":["host"],"query-limit":2})");
    EXPECT_EQ(task.status, "succeeded with warnings");
    EXPECT_EQ(task.details.at(0).as_object().at("exported-objects"), 2);
    EXPECT_EQ(task.details.at(0).as_object().at("total-objects"), 5);
    EXPECT_EQ(
        exported(R"({"exclude-classes":"host"})").details.at(0).as_object().at("exported-objects"),
        1);
    EXPECT_EQ(ask(sid, "export", R"({"include-classes":["hosts"]})").code(),
              "generic_err_invalid_api_type");
    EXPECT_EQ(ask(sid, "export", R"({"include-topics":["x"]})").code(),
              "generic_err_invalid_parameter");
    EXPECT_EQ(ask(sid, "export", R"({"query-limit":0})").code(), "generic_err_invalid_parameter");
}

class Misc : public Rig {};

TEST_F(Misc, TheServerTellsWhatItIs) {
    std::string sid = login();
    json::object version = good(sid, "show-version");
    EXPECT_TRUE(json::get_string(version, "product-version").starts_with("OpenMDS "));
    for (const char* key : {"os-build", "os-edition", "os-kernel-version"}) {
        EXPECT_FALSE(json::get_string(version, key).empty()) << key;
    }
    json::object status = good(sid, "show-api-status");
    EXPECT_EQ(status.at("status"), "started");
    EXPECT_EQ(status.at("api-server-version"), "1.9.1");
    EXPECT_EQ(json::text(good(sid, "auto-complete", R"({"text":"add service-t"})")),
              R"({"suggestions":["add-service-tcp"]})");
}

TEST_F(Misc, OtherProductsCommandsAreNotImplementedNotUnknown) {
    std::string sid = login();
    for (const char* command : {"verify-software-package", "cme-api", "gaia-api"}) {
        Answer answer = ask(sid, command, R"({"name":"x"})");
        EXPECT_EQ(answer.status, 501);
        EXPECT_EQ(answer.code(), "not_implemented");
    }
    EXPECT_EQ(ask(sid, "clone-host", R"({"name":"x"})").status, 404);
    EXPECT_EQ(good(sid, "show-commands", R"({"prefix":"cme"})").at("total"), 0);
}

TEST_F(Misc, SE_9_CommandsOfSystemDataAreRefusedInADomain) {
    std::string sid = login();
    for (const char* command : {"add-mds", "show-servers-and-processes", "show-mdss", "add-domain",
                                "add-administrator", "login-to-domain"}) {
        Answer answer = ask(sid, command, R"({"name":"x"})");
        EXPECT_EQ(answer.status, 400) << command;
        EXPECT_EQ(answer.code(), "err_not_a_system_domain_session") << command;
        EXPECT_EQ(answer.body.at("refusal").as_object().at("id"), "RF-40");
        EXPECT_NE(answer.message().find("acme"), std::string::npos);
    }
    Answer lists = ask(sid, "show-hosts",
                       R"({"domains-to-process":["CURRENT_DOMAIN"],"ignore-warnings":true})");
    EXPECT_EQ(lists.code(), "err_not_a_system_domain_session");
    EXPECT_EQ(ask(sid, "add-nothing").code(), "generic_err_command_not_found");
}

}  // namespace
}  // namespace mds::mgmt
