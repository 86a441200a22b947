#include "rig.hh"
#include "store/verify.hh"

namespace mds::mgmt {
namespace {

class Revisions : public Rig {
  protected:
    /// As somebody who may manage sessions, unless `extra` says otherwise.
    std::string login(json::object extra = {}) {
        if (!extra.contains("permissions")) {
            extra["permissions"] = json::object{{"read-write", true}, {"manage-sessions", true}};
        }
        return Rig::login(std::move(extra));
    }
    /// Publishes host "h<number>" and returns the session that did.
    std::string publish_host(const std::string& sid, int number) {
        std::string text = std::to_string(number);
        add_host(sid, "h" + text,
                 "10.0." + std::to_string(number / 250) + "." + std::to_string(number % 250 + 1));
        std::string session = json::get_string(good(sid, "show-session"), "uid");
        publish(sid);
        now += 1000;
        return session;
    }
    json::object details_of(const json::object& reply) {
        auto task = workspace->task(*Uid::parse(json::get_string(reply, "task-id")));
        EXPECT_EQ(task->status, "succeeded");
        return task->details.at(0).as_object();
    }
    size_t published_count(const std::string& sid) {
        json::object reply =
            good(sid, "show-sessions", R"({"view-published-sessions":true,"limit":500})");
        return json::get_array(reply, "objects").size();
    }
};

TEST_F(Revisions, SE_6_PurgeRemovesForGoodAndKeepsTheRest) {
    std::string sid = login();
    std::vector<std::string> all;
    for (int i = 1; i <= 100; ++i) all.push_back(publish_host(sid, i));
    uint64_t objects = db->object_count();
    auto digest = db->position().digest;
    json::object done = details_of(
        good(sid, "purge-published-sessions", R"({"number-of-sessions-to-preserve":40})"));
    EXPECT_EQ(done.at("numberOfPurgedSessions"), 60);
    EXPECT_EQ(published_count(sid), 40u);
    EXPECT_EQ(ask(sid, "show-session", R"({"uid":")" + all[59] + "\"}").status, 404);
    EXPECT_EQ(ask(sid, "show-session", R"({"uid":")" + all[60] + "\"}").status, 200);
    EXPECT_EQ(ask(sid, "revert-to-revision", R"({"to-session":")" + all[9] + "\"}").status, 404);
    EXPECT_EQ(db->object_count(), objects);
    EXPECT_EQ(db->position().digest, digest);
    // For good: also after a restart, and the log goes on.
    reopen();
    sid = login();
    EXPECT_EQ(published_count(sid), 40u);
    publish_host(sid, 101);
    EXPECT_EQ(published_count(sid), 41u);
    EXPECT_TRUE(store::verify(db->file()).good());
}

TEST_F(Revisions, SE_6_AStandbyThatAppliesThePurgeHasTheSameList) {
    std::string sid = login();
    for (int i = 1; i <= 10; ++i) publish_host(sid, i);
    std::string copy_folder = folder + "/standby";
    std::filesystem::create_directories(copy_folder);
    store::PublicDb standby_db(copy_folder);
    store::Position at = db->copy_to(copy_folder + "/copy.db");
    standby_db.adopt(store::ProvenCopy::prove(copy_folder + "/copy.db", at));
    publish_host(sid, 11);
    good(sid, "purge-published-sessions", R"({"number-of-sessions-to-preserve":4})");
    standby_db.apply(db->records(at.rev + 1, 1 << 20));
    EXPECT_EQ(standby_db.position().hash, db->position().hash);
    EXPECT_EQ(standby_db.oldest_record(), db->oldest_record());
    EXPECT_EQ(standby_db.revisions(1000, 1000).size(), db->revisions(1000, 1000).size());
    // A replica that is behind the purged part gets nothing, and asks for a full copy.
    EXPECT_TRUE(db->records(3, 1 << 20).empty());
}

TEST_F(Revisions, PurgeByDateNeedsOneOfBothAndARight) {
    std::string sid = login();
    for (int i = 1; i <= 3; ++i) publish_host(sid, i);
    EXPECT_EQ(ask(sid, "purge-published-sessions").code(),
              "generic_err_missing_required_parameters");
    EXPECT_EQ(ask(sid, "purge-published-sessions",
                  R"({"number-of-sessions-to-preserve":1,"preserve-to-date":"2020-01-01"})")
                  .status,
              400);
    EXPECT_EQ(
        ask(sid, "purge-published-sessions", R"({"number-of-sessions-to-preserve":0})").status,
        400);
    details_of(good(sid, "purge-published-sessions", R"({"preserve-to-date":"2000-01-01"})"));
    EXPECT_EQ(published_count(sid), 3u);
    details_of(good(sid, "purge-published-sessions", R"({"preserve-to-date":"2999-01-01"})"));
    EXPECT_EQ(published_count(sid), 1u);
    std::string weak = login({{"user", "eve"},
                              {"permissions", json::object{{"read-write", true},
                                                           {"manage-sessions", false},
                                                           {"areas", json::object{}}}}});
    EXPECT_EQ(
        ask(weak, "purge-published-sessions", R"({"number-of-sessions-to-preserve":1})").status,
        403);
}

TEST_F(Revisions, AutomaticPurgeLeavesWhatAServerThatIsAwayStillNeeds) {
    std::string sid = login();
    good(sid, "set-automatic-purge",
         R"({"enabled":true,"keep-sessions-by-count":true,"number-of-sessions-to-keep":2,
             "keep-sessions-by-days":false})");
    for (int i = 1; i <= 8; ++i) publish_host(sid, i);
    held_by_all = 4;
    now += 61'000;
    workspace->tick();
    EXPECT_EQ(db->oldest_record(), 5u);
    EXPECT_FALSE(db->records(5, 1 << 20).empty());
}

TEST_F(Revisions, ALogThatIsTooLargeIsPurgedFromItsBegin) {
    std::string sid = login();
    for (int i = 1; i <= 60; ++i) publish_host(sid, i);
    log_bytes = 20'000;
    reopen();
    EXPECT_GT(db->purge_point(log_bytes), 0u);
    sid = login();
    now += 61'000;
    // What a registered server lacks may have to be put aside one day: it stays.
    held_by_all = 2;
    workspace->tick();
    EXPECT_EQ(db->oldest_record(), 3u);
    held_by_all = UINT64_MAX;
    now += 61'000;
    workspace->tick();
    uint64_t oldest = db->oldest_record();
    EXPECT_GT(oldest, 5u);
    EXPECT_LT(oldest, 60u);
    EXPECT_EQ(db->purge_point(log_bytes), 0u);
    EXPECT_TRUE(store::verify(db->file()).good());
    now += 61'000;
    workspace->tick();
    EXPECT_EQ(db->oldest_record(), oldest) << "once is enough";
}

TEST_F(Revisions, AutomaticPurgeFollowsItsSettings) {
    std::string sid = login();
    good(sid, "set-automatic-purge",
         R"({"enabled":true,"keep-sessions-by-count":true,"number-of-sessions-to-keep":3,
             "keep-sessions-by-days":false,
             "scheduling":{"check-interval":2,"time-units":"hours"}})");
    for (int i = 1; i <= 5; ++i) publish_host(sid, i);
    now += 61'000;
    workspace->tick();
    EXPECT_EQ(published_count(sid), 3u);
    for (int i = 6; i <= 9; ++i) publish_host(sid, i);
    now += 61'000;
    workspace->tick();
    EXPECT_EQ(published_count(sid), 7u) << "not before the interval";
    now += 2 * 3'600'000;
    workspace->tick();
    sid = login();
    EXPECT_EQ(published_count(sid), 3u);
    // A Standby leaves it to the Active.
    standby = true;
    good(login(), "show-automatic-purge");
    uint64_t before = db->position().rev;
    now += 4 * 3'600'000;
    workspace->tick();
    EXPECT_EQ(db->position().rev, before);
}

TEST_F(Revisions, RevertBringsEverythingBackAsANewRevision) {
    std::string sid = login();
    std::string first = publish_host(sid, 1);
    good(sid, "add-group", R"({"name":"g","members":["h1"]})");
    publish(sid);
    publish_host(sid, 2);
    good(sid, "set-host", R"({"name":"h1","new-name":"renamed","comments":"x"})");
    publish(sid);
    good(sid, "delete-group", R"({"name":"g"})");
    publish(sid);
    good(sid, "delete-host", R"({"name":"renamed"})");
    publish(sid);
    std::string other = login({{"user", "eve"}});
    good(other, "add-host", R"({"name":"mine","ip-address":"10.9.9.9"})");
    std::string to = R"({"to-session":")" + first + "\"}";
    uint64_t before = db->position().rev;
    json::object plan = details_of(good(sid, "verify-revert", to));
    EXPECT_EQ(db->position().rev, before);
    EXPECT_EQ(plan.at("added-objects"), 1);
    EXPECT_EQ(plan.at("deleted-objects"), 1);
    EXPECT_EQ(json::get_array(plan, "sessions-with-changes").size(), 1u);
    details_of(good(sid, "revert-to-revision", to));
    EXPECT_EQ(db->position().rev, before + 1);
    EXPECT_EQ(good(sid, "show-host", R"({"name":"h1"})").at("comments"), json::value(""));
    EXPECT_EQ(ask(sid, "show-host", R"({"name":"h2"})").status, 404);
    EXPECT_EQ(ask(sid, "show-group", R"({"name":"g"})").status, 404);
    EXPECT_TRUE(store::verify(db->file()).good());
    // Other sessions end, their changes wait for them.
    Answer ended = ask(other, "show-hosts");
    EXPECT_EQ(ended.status, 401);
    EXPECT_NE(ended.message().find("earlier revision"), std::string::npos);
    other = login({{"user", "eve"}, {"continue-last-session", true}});
    EXPECT_EQ(good(other, "show-session").at("changes"), 1);
    // Going back once more to the same changes nothing and succeeds.
    details_of(good(sid, "revert-to-revision", to));
    EXPECT_EQ(db->position().rev, before + 1);
    good(sid, "set-host", R"({"name":"h1","comments":"y"})");
    EXPECT_EQ(ask(sid, "revert-to-revision", to).status, 400);
}

TEST_F(Revisions, SubmittedSessionsArePublishedByAnother) {
    json::object no_publish{{"read-write", true}, {"publish-sessions", false}};
    std::string ops = login({{"permissions", no_publish}});
    std::string approver =
        login({{"user", "eve"},
               {"permissions",
                json::object{{"read-write", true}, {"approve-or-reject-sessions", true}}}});
    EXPECT_EQ(ask(ops, "submit-session").code(), "err_submit_failed");
    add_host(ops, "h", "10.0.0.1");
    EXPECT_EQ(ask(ops, "publish").status, 403);
    std::string session = json::get_string(good(ops, "show-session"), "uid");
    std::string uid = R"({"uid":")" + session + "\"}";
    EXPECT_EQ(ask(approver, "approve-session", uid).code(), "err_submit_failed");
    good(ops, "submit-session");
    EXPECT_EQ(good(ops, "show-session").at("changes"), 0);
    EXPECT_EQ(good(ops, "show-session", uid).at("state"), "pending_approval");
    EXPECT_EQ(ask(ops, "switch-session", uid).code(), "err_switch_session_failed");
    EXPECT_EQ(ask(ops, "approve-session", uid).status, 403);
    EXPECT_EQ(good(approver, "show-hosts").at("total"), 0);
    // Rejected: it goes back, is continued and submitted again; a restart in between loses nothing.
    EXPECT_EQ(ask(approver, "reject-session", uid).code(),
              "generic_err_missing_required_parameters");
    good(approver, "reject-session", R"({"uid":")" + session + R"(","comments":"which host?"})");
    reopen();
    json::object shown = good(ops, "show-session", uid);
    EXPECT_EQ(shown.at("state"), "rejected");
    EXPECT_EQ(shown.at("comments"), "Rejected by eve: which host?");
    good(ops, "switch-session", uid);
    good(ops, "set-host", R"({"name":"h","comments":"this one"})");
    good(ops, "submit-session");
    reopen();
    good(approver, "approve-session", uid);
    EXPECT_EQ(good(approver, "show-host", R"({"name":"h"})").at("comments"), "this one");
    EXPECT_EQ(good(approver, "show-session", uid).at("state"), "published");
    EXPECT_EQ(db->revisions(db->position().rev + 1, 1).at(0).author, "ops");
}

}  // namespace
}  // namespace mds::mgmt
