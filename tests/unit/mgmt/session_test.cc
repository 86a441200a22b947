#include "rig.hh"

namespace mds::mgmt {
namespace {

class Sessions : public Rig {};

TEST_F(Sessions, LoginReply) {
    std::string sid = login({{"session-timeout", 900}});
    EXPECT_TRUE(sid.starts_with("ownertag"));
    EXPECT_EQ(sid.size(), 8u + 43u);
    EXPECT_EQ(last_login.at("session-timeout"), 900);
    EXPECT_EQ(last_login.at("api-server-version"), "1.9.1");
    EXPECT_EQ(last_login.at("read-only"), json::value(false));
    EXPECT_EQ(last_login.at("standby"), json::value(false));
    EXPECT_THROW(login({{"session-timeout", 5}}), Error);
}

TEST_F(Sessions, UnknownAndMissingIds) {
    Answer answer = ask("nonsense", "show-hosts");
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.code(), "generic_err_wrong_session_id");
    answer = ask("", "logout");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.code(), "generic_err_missing_required_header");
    EXPECT_EQ(answer.message(), "Missing header: [X-chkp-sid]");
    EXPECT_EQ(ask(login(), "show-hosts", "{}", "7.7").code(), "err_unknown_api_version");
    EXPECT_EQ(ask(login(), "show-hosts", "", "1.9.1").status, 200);
}

TEST_F(Sessions, IdsAreOnlyStoredAsHash) {
    std::string sid = login();
    SQLite::Statement s(work->db(), "SELECT sid_hash FROM session");
    ASSERT_TRUE(s.executeStep());
    EXPECT_EQ(s.getColumn(0).getBytes(), 32);
}

TEST_F(Sessions, IdleLongerThanTheTimeoutIs401) {
    std::string sid = login({{"session-timeout", 60}});
    add_host(sid, "h", "10.0.0.1");
    now += 50'000;
    good(sid, "keepalive");
    now += 50'000;
    good(sid, "show-hosts");
    now += 61'000;
    Answer answer = ask(sid, "show-hosts");
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.code(), "generic_err_wrong_session_id");
    ASSERT_EQ(workspace->sessions().size(), 1u);
    EXPECT_FALSE(workspace->sessions()[0].connected);
    EXPECT_EQ(workspace->sessions()[0].changes, 1u);
}

TEST_F(Sessions, SurviveARestartWithTheirChanges) {
    std::string sid = login();
    add_host(sid, "h", "10.0.0.1");
    good(sid, "set-session", R"({"new-name":"mine"})");
    reopen();
    EXPECT_EQ(good(sid, "show-host", R"({"name":"h"})").at("ipv4-address"), "10.0.0.1");
    json::object shown = good(sid, "show-session");
    EXPECT_EQ(shown.at("name"), "mine");
    EXPECT_EQ(shown.at("changes"), 1);
    publish(sid);
    EXPECT_EQ(db->object_count(), 1u);
}

TEST_F(Sessions, SE_1_LockedObjectIsRefusedWithOwnerAndTime) {
    std::string a = login({{"session-name", "night shift"}});
    add_host(a, "x", "10.0.0.1");
    publish(a);
    good(a, "set-session", R"({"new-name":"night shift"})");
    good(a, "set-host", R"({"name":"x","comments":"a"})");
    std::string b = login({{"user", "eve"}});
    for (const char* command : {"set-host", "delete-host", "lock-object"}) {
        Answer answer = ask(b, command,
                            std::string(command) == "lock-object" ? R"({"name":"x","type":"host"})"
                                                                  : R"({"name":"x"})");
        EXPECT_EQ(answer.status, 409) << command;
        EXPECT_EQ(answer.code(), "generic_err_object_locked");
        EXPECT_TRUE(answer.message().starts_with(
            "Action cannot be executed on object: x due to: Object 'x' is locked by another "
            "session."));
        EXPECT_NE(answer.message().find("Owner: ops"), std::string::npos);
        EXPECT_NE(answer.message().find("night shift"), std::string::npos);
        EXPECT_NE(answer.message().find("since 2023-11-14T22:13:20Z"), std::string::npos);
        EXPECT_EQ(answer.body.at("refusal").as_object().at("id"), "RF-36");
    }
    json::object seen = good(b, "show-host", R"({"name":"x"})");
    EXPECT_EQ(seen.at("comments"), "");
    EXPECT_EQ(seen.at("meta-info").as_object().at("lock"), "locked by other session");
    EXPECT_EQ(seen.at("meta-info").as_object().at("locking-admin"), "ops");
}

TEST_F(Sessions, SE_2_DisconnectKeepsTheLock) {
    std::string a = login();
    add_host(a, "x", "10.0.0.1");
    publish(a);
    good(a, "set-host", R"({"name":"x","comments":"a"})");
    EXPECT_EQ(good(a, "logout").at("message"), "OK");
    EXPECT_EQ(ask(a, "show-hosts").status, 401);
    std::string b = login({{"user", "eve"}});
    EXPECT_EQ(ask(b, "set-host", R"({"name":"x"})").status, 409);
    reopen();
    EXPECT_EQ(ask(b, "set-host", R"({"name":"x"})").status, 409);
    std::string again = login({{"continue-last-session", true}});
    EXPECT_EQ(good(again, "show-host", R"({"name":"x"})").at("comments"), "a");
    json::object discarded = good(again, "discard");
    EXPECT_EQ(discarded.at("number-of-discarded-changes"), 1);
    EXPECT_EQ(ask(b, "set-host", R"({"name":"x"})").status, 200);
}

TEST_F(Sessions, SE_5_TakeOver) {
    std::string a = login();
    add_host(a, "x", "10.0.0.1");
    std::string uid = json::get_string(last_login, "uid");
    std::string eve = login({{"user", "eve"}});
    std::string body = R"({"uid":")" + uid + "\"}";
    EXPECT_EQ(ask(eve, "take-over-session", body).status, 403);
    std::string boss =
        login({{"user", "boss"},
               {"permissions", json::object{{"read-write", true}, {"manage-sessions", true}}}});
    add_host(boss, "own", "10.0.0.9");
    EXPECT_EQ(ask(boss, "take-over-session", body).status, 400);
    good(boss, "discard");
    EXPECT_EQ(ask(boss, "take-over-session", body).status, 409);
    body = R"({"uid":")" + uid + R"(","disconnect-active-session":true})";
    EXPECT_EQ(good(boss, "take-over-session", body).at("user-name"), "boss");
    EXPECT_EQ(ask(a, "show-hosts").status, 401);
    EXPECT_EQ(good(boss, "show-host", R"({"name":"x"})").at("name"), "x");
    publish(boss);
    EXPECT_EQ(db->object_count(), 1u);
}

TEST_F(Sessions, AnAssignedSessionHasTheUidAndRightsOfItsNewOwner) {
    Uid eve_uid = Uid::make(), seen;
    workspace->add_command("who", [&](Call& call) {
        seen = call.user_uid();
        return json::object{};
    });
    std::string a = login();
    add_host(a, "x", "10.0.0.1");
    std::string uid = json::get_string(last_login, "uid");
    good(a, "logout");
    std::string boss =
        login({{"user", "boss"},
               {"permissions", json::object{{"read-write", true}, {"manage-sessions", true}}}});
    good(boss, "assign-session", R"({"uid":")" + uid + R"(","administrator-name":"eve"})");
    std::string eve = login({{"user", "eve"}, {"user-uid", eve_uid.text()}});
    good(eve, "switch-session", R"({"uid":")" + uid + "\"}");
    good(eve, "who");
    EXPECT_EQ(seen, eve_uid);
    EXPECT_EQ(ask(eve, "assign-session", R"({"uid":")" + uid + "\"}").status, 403);
}

TEST_F(Sessions, SeveralContinuableSessionsAreAnError) {
    for (const char* name : {"a", "b"}) {
        std::string sid = login();
        good(sid, "add-tag", std::string(R"({"name":")") + name + "\"}");
        good(sid, "logout");
    }
    try {
        login({{"continue-last-session", true}});
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::login_several_sessions);
    }
}

TEST_F(Sessions, ReadOnlySessionsCannotWrite) {
    std::string sid = login({{"read-only", true}});
    EXPECT_EQ(last_login.at("read-only"), json::value(true));
    Answer answer = ask(sid, "add-host", R"({"name":"h","ip-address":"10.0.0.1"})");
    EXPECT_EQ(answer.status, 403);
    EXPECT_EQ(answer.code(), "generic_err_no_permissions");
    EXPECT_EQ(ask(sid, "show-hosts").status, 200);
    good(sid, "logout");
    EXPECT_TRUE(workspace->sessions().empty());
}

TEST_F(Sessions, AS_2_AS_3_StandbyIsReadOnlyAndNamesTheActive) {
    standby = true;
    std::string sid = login();
    EXPECT_EQ(last_login.at("standby"), json::value(true));
    EXPECT_EQ(last_login.at("read-only"), json::value(true));
    for (const char* command : {"add-host", "publish", "set-group", "delete-tag"}) {
        Answer answer = ask(sid, command, R"({"name":"h"})");
        EXPECT_EQ(answer.status, 403) << command;
        EXPECT_NE(answer.message().find("acme-2 (127.0.2.1)"), std::string::npos);
        EXPECT_EQ(answer.body.at("refusal").as_object().at("id"), "RF-05");
    }
    EXPECT_EQ(ask(sid, "show-hosts").status, 200);
}

TEST_F(Sessions, SE_8_SessionsEndWhenTheServerBecomesStandby) {
    std::string sid = login();
    add_host(sid, "h", "10.0.0.1");
    Uid task = workspace->create_task("Set HA state", "acme", "ops");
    std::string body = R"({"task-id":")" + task.text() + "\"}";
    standby = true;
    workspace->end_sessions("The server became standby.");
    Answer answer = ask(sid, "show-hosts");
    EXPECT_EQ(answer.status, 401);
    EXPECT_EQ(answer.code(), "generic_err_session_expired");
    EXPECT_NE(answer.message().find("acme-2 (127.0.2.1)"), std::string::npos);
    EXPECT_EQ(answer.body.at("refusal").as_object().at("id"), "RF-38");
    now += 60'000;
    EXPECT_EQ(ask(sid, "show-task", body).status, 200);
    now += 600'000;
    EXPECT_EQ(ask(sid, "show-task", body).status, 401);
    ASSERT_EQ(workspace->sessions().size(), 1u);
    EXPECT_EQ(workspace->sessions()[0].changes, 1u);
    standby = false;
    std::string again = login({{"continue-last-session", true}});
    EXPECT_EQ(good(again, "show-host", R"({"name":"h"})").at("name"), "h");
}

TEST_F(Sessions, ShowSessionsAndPermissions) {
    std::string a = login();
    std::string uid = json::get_string(last_login, "uid");
    std::string b = login({{"user", "eve"}});
    EXPECT_EQ(good(a, "show-sessions").at("total"), 2);
    add_host(a, "h", "10.0.0.1");
    EXPECT_EQ(ask(b, "discard", R"({"uid":")" + uid + "\"}").status, 403);
    EXPECT_EQ(ask(b, "publish", R"({"uid":")" + uid + "\"}").status, 403);
    EXPECT_EQ(ask(b, "disconnect", R"({"uid":")" + uid + "\"}").status, 403);
    json::object shown = good(b, "show-session", R"({"uid":")" + uid + "\"}");
    EXPECT_EQ(shown.at("state"), "open");
    EXPECT_EQ(shown.at("application"), "WEB_API");
    EXPECT_EQ(shown.at("icon"), "Objects/worksession");
}

TEST_F(Sessions, SwitchBetweenOnesOwnSessions) {
    std::string a = login();
    std::string uid = json::get_string(last_login, "uid");
    add_host(a, "h", "10.0.0.1");
    good(a, "logout");
    std::string b = login();
    EXPECT_EQ(ask(b, "show-host", R"({"name":"h"})").status, 404);
    good(b, "switch-session", R"({"uid":")" + uid + "\"}");
    EXPECT_EQ(ask(b, "show-host", R"({"name":"h"})").status, 200);
}

TEST_F(Sessions, LockAndUnlockByHand) {
    std::string a = login();
    std::string uid = add_host(a, "h", "10.0.0.1");
    publish(a);
    std::string body = R"({"uid":")" + uid + "\"}";
    good(a, "lock-object", body);
    std::string b = login({{"user", "eve"}});
    EXPECT_EQ(ask(b, "unlock-object", body).status, 409);
    EXPECT_EQ(ask(b, "set-host", body).status, 409);
    good(a, "unlock-object", body);
    good(b, "set-host", R"({"uid":")" + uid + R"(","comments":"b"})");
    EXPECT_EQ(ask(b, "unlock-object", body).status, 409);
}

TEST_F(Sessions, ShowWhatTheyHoldFieldByField) {
    std::string sid = login();
    add_host(sid, "kept", "10.0.0.1");
    add_host(sid, "gone", "10.0.0.2");
    good(sid, "publish");
    good(sid, "set-host", R"({"name":"kept","comments":"new"})");
    good(sid, "delete-host", R"({"name":"gone"})");
    good(sid, "add-group", R"({"name":"g","members":["kept"]})");
    std::string uid = json::get_string(good(sid, "show-session"), "uid");
    json::object told = good(sid, "show-session-changes", R"({"uid":")" + uid + R"("})");
    std::map<std::string, json::object> by_name;
    for (const json::value& v : json::get_array(told, "changes")) {
        by_name[json::get_string(v.as_object(), "name")] = v.as_object();
    }
    ASSERT_EQ(by_name.size(), 3u);
    EXPECT_EQ(json::get_string(by_name["gone"], "change"), "removed");
    EXPECT_EQ(json::get_string(by_name["kept"], "change"), "changed");
    EXPECT_EQ(by_name["kept"].at("fields"),
              (json::array{json::object{{"field", "comments"}, {"before", ""}, {"after", "new"}}}));
    EXPECT_EQ(json::get_string(by_name["g"], "change"), "added");
    std::string fields = json::text(by_name["g"].at("fields"));
    EXPECT_NE(fields.find("\"kept\""), std::string::npos) << "members are named: " << fields;
}

}  // namespace
}  // namespace mds::mgmt
