#include "rig.hh"

namespace mds::mgmt {
namespace {

class Publish : public Rig {};

TEST_F(Publish, SE_4_PublishMakesARevisionAndFreesLocks) {
    std::string sid = login({{"session-name", "change 7"}});
    add_host(sid, "a", "10.0.0.1");
    add_host(sid, "b", "10.0.0.2");
    std::string session = json::get_string(last_login, "uid");
    std::string task = publish(sid);
    EXPECT_EQ(published, 1);
    auto revision = db->revisions(db->position().rev + 1, 1).at(0);
    EXPECT_EQ(revision.session_name, "change 7");
    EXPECT_EQ(revision.author, "ops");
    EXPECT_EQ(revision.changes, 2u);
    EXPECT_EQ(revision.session.text(), session);
    json::object shown =
        good(sid, "show-task", R"({"task-id":")" + task + R"(","details-level":"full"})");
    const json::object& first = shown.at("tasks").as_array().at(0).as_object();
    EXPECT_EQ(first.at("task-name"), "Publish operation");
    EXPECT_EQ(first.at("status"), "succeeded");
    EXPECT_EQ(first.at("progress-percentage"), 100);
    const json::object& details = first.at("task-details").as_array().at(0).as_object();
    EXPECT_EQ(details.at("publishResponse").as_object().at("numberOfPublishedChanges"), 2);
    EXPECT_EQ(details.at("revision"), json::value(session));
    json::object host = good(sid, "show-host", R"({"name":"a"})");
    EXPECT_EQ(host.at("meta-info").as_object().at("lock"), "unlocked");
    EXPECT_EQ(good(sid, "show-session").at("changes"), 0);
    json::object old = good(sid, "show-session", R"({"uid":")" + session + "\"}");
    EXPECT_EQ(old.at("state"), "published");
    EXPECT_EQ(good(sid, "show-last-published-session").at("uid"), json::value(session));
}

TEST_F(Publish, OV_5_PublishWithoutChangesMakesNoRevision) {
    std::string sid = login();
    uint64_t before = db->position().rev;
    std::string task = publish(sid);
    EXPECT_EQ(db->position().rev, before);
    EXPECT_EQ(published, 0);
    EXPECT_EQ(workspace->task(*Uid::parse(task))->status, "succeeded");
    EXPECT_EQ(good(sid, "discard").at("number-of-discarded-changes"), 0);
}

TEST_F(Publish, SE_3_ValidationErrorsListEverythingAndPublishNothing) {
    std::string a = login(), b = login({{"user", "eve"}});
    add_host(a, "same", "10.0.0.1");
    add_host(a, "other", "10.0.0.2");
    good(b, "add-host", R"({"name":"same","ip-address":"10.0.0.3"})");
    good(b, "add-host", R"({"name":"other","ip-address":"10.0.0.4"})");
    publish(a);
    uint64_t before = db->position().rev;
    Answer answer = ask(b, "publish");
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.code(), "err_validation_failed");
    EXPECT_EQ(answer.message(), "Validation failed with 2 errors");
    EXPECT_NE(answer.error(0).find("More than one object named"), std::string::npos);
    EXPECT_FALSE(answer.error(1).empty());
    EXPECT_EQ(db->position().rev, before);
    good(b, "set-host", R"({"name":"same","new-name":"s2"})");
}

TEST_F(Publish, ChangesArePrivateUntilPublished) {
    std::string a = login(), b = login({{"user", "eve"}});
    add_host(a, "h", "10.0.0.1");
    EXPECT_EQ(ask(b, "show-host", R"({"name":"h"})").status, 404);
    EXPECT_EQ(good(b, "show-hosts").at("total"), 0);
    publish(a);
    EXPECT_EQ(ask(b, "show-host", R"({"name":"h"})").status, 200);
    good(a, "delete-host", R"({"name":"h"})");
    EXPECT_EQ(good(a, "show-hosts").at("total"), 0);
    EXPECT_EQ(good(b, "show-hosts").at("total"), 1);
    good(a, "discard");
    EXPECT_EQ(good(a, "show-hosts").at("total"), 1);
}

TEST_F(Publish, FenceStopsIt) {
    std::string sid = login();
    add_host(sid, "h", "10.0.0.1");
    fenced = true;
    EXPECT_EQ(ask(sid, "publish").status, 400);
    EXPECT_EQ(db->object_count(), 0u);
    fenced = false;
    publish(sid);
    EXPECT_EQ(db->object_count(), 1u);
}

TEST_F(Publish, CrashBetweenTheTwoFilesIsHealedAtTheNextStart) {
    std::string sid = login();
    add_host(sid, "h", "10.0.0.1");
    Uid session = *Uid::parse(json::get_string(last_login, "uid"));
    // What the publish does in public.db, without what follows in work.db.
    store::PublicDb::PublishRequest request;
    request.session = session;
    // The statement ends before the databases are closed.
    for (SQLite::Statement s(work->db(), "SELECT uid,type,scope,name,doc FROM overlay");
         s.executeStep();) {
        auto uid = s.getColumn(0);
        request.changes.push_back({store::Change::Op::put,
                                   *Uid::from_bytes({static_cast<const char*>(uid.getBlob()), 16}),
                                   s.getColumn(1).getString(), s.getColumn(2).getString(),
                                   s.getColumn(3).getString(), s.getColumn(4).getString()});
    }
    db->publish(request, {});
    reopen();
    EXPECT_EQ(good(sid, "show-session").at("changes"), 0);
    EXPECT_EQ(good(sid, "show-hosts").at("total"), 1);
    EXPECT_EQ(good(sid, "show-session", R"({"uid":")" + session.text() + "\"}").at("state"),
              "published");
    publish(sid);
    EXPECT_EQ(published, 0);
}

TEST_F(Publish, AnObjectChangedElsewhereMeanwhileIsAConflict) {
    std::string sid = login();
    std::string uid = add_host(sid, "h", "10.0.0.1");
    publish(sid);
    good(sid, "set-host", R"({"name":"h","comments":"mine"})");
    auto object = db->get(*Uid::parse(uid));
    db->publish(
        {Uid::make(),
         "",
         "other",
         "",
         {{store::Change::Op::put, object->uid, object->type, object->scope, "h2", object->doc}}},
        {});
    Answer answer = ask(sid, "publish");
    EXPECT_EQ(answer.code(), "err_validation_failed");
    EXPECT_NE(answer.error().find("was changed by revision"), std::string::npos);
}

TEST_F(Publish, ShowChangesListsOperations) {
    std::string sid = login();
    add_host(sid, "a", "10.0.0.1");
    add_host(sid, "b", "10.0.0.2");
    publish(sid);
    good(sid, "set-host", R"({"name":"a","comments":"x"})");
    good(sid, "delete-host", R"({"name":"b"})");
    publish(sid);
    auto reply = good(sid, "show-changes");
    auto task = workspace->task(*Uid::parse(json::get_string(reply, "task-id")));
    const auto& changes = task->details.at(0).as_object().at("changes").as_array();
    ASSERT_EQ(changes.size(), 2u);
    const auto& newest = changes[0].as_object().at("operations").as_object();
    EXPECT_EQ(newest.at("modified-objects").as_array().size(), 1u);
    EXPECT_EQ(newest.at("deleted-objects").as_array().at(0).as_object().at("name"), "b");
    const auto& oldest = changes[1].as_object().at("operations").as_object();
    EXPECT_EQ(oldest.at("added-objects").as_array().size(), 2u);
}

TEST_F(Publish, ExecuteAsPublishesAtOnceOrNotAtAll) {
    Reply reply = workspace->execute_as({}, "add-host", R"({"name":"h","ip-address":"10.0.0.1"})");
    EXPECT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(db->object_count(), 1u);
    EXPECT_TRUE(workspace->sessions().empty());
    reply = workspace->execute_as({}, "add-host", R"({"name":"h","ip-address":"10.0.0.2"})");
    EXPECT_EQ(reply.status, 400);
    EXPECT_EQ(db->object_count(), 1u);
    std::string sid = login();
    good(sid, "set-host", R"({"name":"h","comments":"x"})");
    reply = workspace->execute_as({}, "set-host", R"({"name":"h","comments":"y"})");
    EXPECT_EQ(reply.status, 409);
    good(sid, "discard");
    EXPECT_EQ(workspace->execute_as({}, "set-host", R"({"name":"h","comments":"y"})").status, 200);
}

TEST_F(Publish, TransactIsAllOrNothing) {
    EXPECT_THROW(
        workspace->transact({},
                            [](Call& call) {
                                call.add("host", {{"name", "h"}, {"ip-address", "10.0.0.1"}});
                                throw Error(Code::ha_invalid, "no");
                            }),
        Error);
    EXPECT_EQ(db->object_count(), 0u);
    EXPECT_GT(workspace->transact({},
                                  [](Call& call) {
                                      call.add("host", {{"name", "h"}, {"ip-address", "10.0.0.1"}});
                                  }),
              0u);
    EXPECT_EQ(db->object_count(), 1u);
    EXPECT_EQ(workspace->transact({}, [](Call&) {}), 0u);
    workspace->inspect([](Call& call) { EXPECT_TRUE(call.find("host", "h").has_value()); });
}

TEST_F(Publish, ZeroLossTaskEndsWhenAStandbyHasIt) {
    std::function<void(std::string)> confirm;
    uint64_t waits_for = 0;
    bool at_once = false;
    replicate = [&](uint64_t rev, std::function<void()> tired,
                    std::function<void(std::string)> then) {
        waits_for = rev;
        if (at_once) {
            then("");
        } else {
            confirm = std::move(then);
        }
        tired();
    };
    reopen();
    std::string sid = login();
    auto task_of = [&](const std::string& id) {
        return good(sid, "show-task", R"({"details-level":"full","task-id":")" + id + "\"}")
            .at("tasks").as_array().at(0).as_object();
    };
    add_host(sid, "a", "192.0.2.1");
    std::string id = publish(sid);
    EXPECT_EQ(waits_for, db->position().rev);
    EXPECT_EQ(task_of(id).at("status"), "in progress");
    confirm("");
    EXPECT_EQ(task_of(id).at("status"), "succeeded");
    add_host(sid, "b", "192.0.2.2");
    id = publish(sid);
    confirm("no Standby has confirmed it in time");
    EXPECT_EQ(task_of(id).at("status"), "succeeded with warnings");
    EXPECT_EQ(task_of(id).at("comments"),
              "PUBLISHED, NOT REPLICATED: no Standby has confirmed it in time");
    EXPECT_TRUE(db->find("network", "b"));
    // Confirmed before the command is answered: whoever asks finds the task ended.
    at_once = true;
    add_host(sid, "c", "192.0.2.3");
    EXPECT_EQ(task_of(publish(sid)).at("status"), "succeeded");
    // Nothing to publish: nothing to wait for.
    confirm = {};
    EXPECT_EQ(task_of(publish(sid)).at("status"), "succeeded");
    EXPECT_FALSE(confirm);
}

TEST_F(Publish, TheLogOfPrivateWorkIsGivenBackAgainAndAgain) {
    std::string sid = login();
    uintmax_t largest = 0;
    for (int i = 0; i < 1500; ++i) {
        add_host(sid, "h" + std::to_string(i),
                 "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1));
        std::string task = publish(sid);
        good(sid, "show-task", R"({"task-id":")" + task + "\"}");
        good(sid, "show-session");
        if (i % 100 == 0) {
            largest = std::max(largest, std::filesystem::file_size(folder + "/work.db-wal"));
        }
    }
    // A checkpoint is due every 4,000 pages of 4 KiB; it needs a moment in which nobody reads.
    EXPECT_LT(largest, uintmax_t{24} << 20);
    EXPECT_GT(std::filesystem::file_size(folder + "/work.db"), uintmax_t{100'000});
}

}  // namespace
}  // namespace mds::mgmt
