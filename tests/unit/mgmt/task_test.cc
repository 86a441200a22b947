#include "rig.hh"

namespace mds::mgmt {
namespace {

class Tasks : public Rig {};

TEST_F(Tasks, ShapesAndFailure) {
    std::string sid = login();
    Uid id = workspace->create_task("Install", "acme", "ops");
    workspace->update_task(id, 40, "half way");
    std::string body = R"({"task-id":[")" + id.text() + R"("],"details-level":"full"})";
    json::object reply = good(sid, "show-task", body);
    const json::object running = reply.at("tasks").as_array().at(0).as_object();
    EXPECT_EQ(running.at("status"), "in progress");
    EXPECT_EQ(running.at("progress-percentage"), 40);
    EXPECT_EQ(running.at("progress-description"), "half way");
    EXPECT_EQ(running.at("task-details"), json::array{});
    workspace->finish_task(id, "failed", {}, "disk full");
    reply = good(sid, "show-task", body);
    const json::object& failed = reply.at("tasks").as_array().at(0).as_object();
    EXPECT_EQ(failed.at("comments"), "disk full");
    const json::object& details = failed.at("task-details").as_array().at(0).as_object();
    EXPECT_EQ(details.at("statusDescription"), "disk full");
    EXPECT_EQ(details.at("fault-message"), "disk full");
    EXPECT_FALSE(
        good(sid, "show-task", R"({"task-id":")" + id.text() + R"(","details-level":"uid"})")
            .at("tasks")
            .as_array()[0]
            .as_object()
            .contains("task-details"));
    EXPECT_EQ(ask(sid, "show-task", R"({"task-id":"00000000-0000-0000-0000-000000000000"})").status,
              404);
    EXPECT_EQ(good(sid, "show-tasks", R"({"status":"failed"})").at("total"), 1);
}

TEST_F(Tasks, LostByARestartUnlessResumable) {
    Uid lost = workspace->create_task("A", "x", "ops");
    Uid kept = workspace->create_task("B", "x", "ops", true);
    reopen();
    EXPECT_EQ(workspace->task(lost)->status, "failed");
    EXPECT_EQ(workspace->task(lost)->comments, "lost by a restart");
    EXPECT_EQ(workspace->task(kept)->status, "in progress");
}

TEST_F(Tasks, Trap_24_OtherSessionsFindThem) {
    std::string a = login(), b = login({{"user", "eve"}});
    std::string id = publish(a);
    good(a, "logout");
    EXPECT_EQ(ask(b, "show-task", R"({"task-id":")" + id + "\"}").status, 200);
}

class Commands : public Rig {};

TEST_F(Commands, OtherServicesRegisterTheirOwn) {
    CommandFlags write;
    write.write = true;
    workspace->add_command(
        "add-host",
        [this](Call& call) {
            json::object reply = workspace->generic("add-host", call);
            reply["wrapped"] = true;
            return reply;
        },
        write);
    std::string sid = login();
    EXPECT_EQ(good(sid, "add-host", R"({"name":"h","ip-address":"10.0.0.1"})").at("wrapped"),
              json::value(true));
}

TEST_F(Commands, FailureTakesBackWhatTheCommandDid) {
    workspace->add_command("half", [](Call& call) -> json::object {
        call.add("host", {{"name", "h"}, {"ip-address", "10.0.0.1"}});
        throw Error(Code::ha_invalid, "no");
    });
    std::string sid = login();
    EXPECT_EQ(ask(sid, "half").status, 400);
    EXPECT_EQ(ask(sid, "show-host", R"({"name":"h"})").status, 404);
    reopen();
    EXPECT_EQ(good(sid, "show-session").at("changes"), 0);
}

TEST_F(Commands, AsyncOnesAnswerLater) {
    std::function<void()> finish;
    workspace->add_async_command("later", [&](Call& call, std::function<void(Reply)> then) {
        finish = [&call, then] {
            call.add("host", {{"name", "h"}, {"ip-address", "10.0.0.1"}});
            then(ok_reply({{"user", call.user()}}));
        };
    });
    std::string sid = login();
    std::optional<Reply> reply;
    workspace->execute(sid, "later", "", "{}", {}, [&](Reply r) { reply = std::move(r); });
    EXPECT_FALSE(reply);
    finish();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->body, R"({"user":"ops"})");
    reopen();
    EXPECT_EQ(good(sid, "show-host", R"({"name":"h"})").at("name"), "h");
    finish = nullptr;
}

TEST_F(Commands, RF_40_SystemCommandsNeedSystemData) {
    CommandFlags flags;
    flags.system_only = true;
    workspace->add_command(
        "add-mds", [](Call&) { return json::object{}; }, flags);
    Answer answer = ask(login(), "add-mds");
    EXPECT_EQ(answer.code(), "err_not_a_system_domain_session");
    EXPECT_EQ(answer.body.at("refusal").as_object().at("id"), "RF-40");
}

TEST_F(Commands, PermissionsAreAsked) {
    CommandFlags flags;
    flags.permission = "high-availability-operations";
    workspace->add_command(
        "set-ha-state", [](Call&) { return json::object{}; }, flags);
    Answer answer = ask(login(), "set-ha-state");
    EXPECT_EQ(answer.status, 403);
    EXPECT_NE(answer.message().find("high-availability-operations"), std::string::npos);
}

class SystemData : public Rig {
  protected:
    SystemData() {
        close();
        std::filesystem::remove_all(folder);
        std::filesystem::create_directories(folder);
        domain_type = "mds";
        open();
        db->create(Uid::make(), "test");
    }
};

TEST_F(SystemData, ServersAndDomains) {
    std::string sid = login();
    good(sid, "add-mds", R"({"name":"mds1","ip-address":"127.0.0.2","one-time-password":"x"})");
    workspace->transact({}, [](Call& call) {
        call.add("mds", {{"name", "mds2"}, {"ip-address", "127.0.0.3"}}, {{"role", "secondary"}});
    });
    EXPECT_EQ(good(sid, "show-mdss").at("total"), 2);
    json::object shown = good(sid, "show-mds", R"({"name":"mds2"})");
    EXPECT_FALSE(shown.contains("role"));
    EXPECT_EQ(shown.at("server-type"), "multi-domain server");
    publish(sid);
    json::object domain = good(sid, "add-domain", R"({"name":"acme","servers":[{"name":"acme-1",
        "ip-address":"127.0.1.1","multi-domain-server":"mds1"}]})");
    const json::object& server = domain.at("servers").as_array().at(0).as_object();
    EXPECT_EQ(server.at("multi-domain-server"), "mds1");
    EXPECT_FALSE(server.contains("ipv6-address"));
    EXPECT_EQ(ask(sid, "delete-mds", R"({"name":"mds1"})").code(), "generic_err_object_deletion");
}

}  // namespace
}  // namespace mds::mgmt
