// A large publish is written on another thread, while other sessions are served.
#include <atomic>
#include <deque>
#include <thread>

#include "rig.hh"
#include "store/verify.hh"

namespace mds::mgmt {
namespace {

class Beside : public Rig {
  protected:
    struct Job {
        std::function<void()> work, then;
    };
    Beside() {
        background = [this](std::function<void()> job, std::function<void()> then) {
            jobs.push_back({std::move(job), std::move(then)});
        };
        reopen();
    }
    ~Beside() override { jobs.clear(); }

    /// Does what was handed to other threads, one after the other, as a daemon's loop would.
    void run_jobs() {
        while (!jobs.empty()) {
            Job job = std::move(jobs.front());
            jobs.pop_front();
            std::thread(job.work).join();
            job.then();
        }
    }
    /// A command that may answer later.
    std::shared_ptr<std::optional<Reply>> start(const std::string& sid, const std::string& command,
                                                const std::string& body = "{}") {
        auto reply = std::make_shared<std::optional<Reply>>();
        workspace->execute(sid, command, "", body, {}, [reply](Reply r) { *reply = std::move(r); });
        return reply;
    }
    void add_many(const std::string& sid, const std::string& prefix, int count, int net = 0) {
        std::string list;
        for (int i = 0; i < count; ++i) {
            list += (list.empty() ? "" : ",") + std::string(R"({"name":")") + prefix +
                    std::to_string(i) + R"(","ip-address":"10.)" + std::to_string(net) + "." +
                    std::to_string(i / 250) + "." + std::to_string(i % 250 + 1) + "\"}";
        }
        good(sid, "add-objects-batch", R"({"objects":[{"type":"host","list":[)" + list + "]}]}");
    }
    int64_t hosts(const std::string& sid) {
        return json::get_int(good(sid, "show-hosts", R"({"limit":1})"), "total");
    }
    int64_t rows(const char* table) {
        SQLite::Statement s(work->db(), std::string("SELECT count(*) FROM ") + table);
        s.executeStep();
        return s.getColumn(0).getInt64();
    }

    std::deque<Job> jobs;
};

TEST_F(Beside, OthersReadTheLastRevisionAndWorkOnUntilALargePublishIsCommitted) {
    std::string a = login(), b = login();
    add_many(a, "n-", 2000);
    auto reply = start(a, "publish");
    ASSERT_EQ(jobs.size(), 1u);
    EXPECT_FALSE(*reply);
    // While the other thread writes.
    std::atomic<bool> written = false;
    std::thread writer([&] {
        jobs.front().work();
        written = true;
    });
    int looks = 0;
    do {
        EXPECT_EQ(ask(b, "show-host", R"({"name":"n-1"})").status, 404);
        EXPECT_EQ(hosts(b), 0);
        ++looks;
    } while (!written);
    writer.join();
    EXPECT_GT(looks, 1);
    // Written, but not committed yet.
    EXPECT_EQ(hosts(b), 0);
    add_host(b, "of-b", "192.0.2.1");
    EXPECT_EQ(hosts(b), 1);
    auto end = std::move(jobs.front().then);
    jobs.pop_front();
    end();
    ASSERT_TRUE(*reply);
    EXPECT_EQ((*reply)->status, 200) << (*reply)->body;
    EXPECT_EQ(hosts(b), 2001);
    EXPECT_EQ(ask(b, "show-host", R"({"name":"n-1999"})").status, 200);
    std::string task = json::get_string(json::parse_object((*reply)->body), "task-id");
    auto shown = good(b, "show-task", R"({"task-id":")" + task + "\"}");
    EXPECT_EQ(json::get_string(shown.at("tasks").as_array()[0].as_object(), "status"), "succeeded");
    EXPECT_TRUE(store::verify(db->file()).good());
}

TEST_F(Beside, CommandsOfTheSessionAndOtherPublishesWaitInOrder) {
    std::string a = login(), b = login();
    add_many(a, "n-", 600);
    add_host(b, "of-b", "192.0.2.1");
    auto first = start(a, "publish");
    auto look = start(a, "show-host", R"({"name":"of-b"})");
    auto second = start(b, "publish");
    EXPECT_FALSE(*look || *second);
    uint64_t before = db->position().rev;
    run_jobs();
    ASSERT_TRUE(*first && *look && *second);
    EXPECT_EQ((*look)->status, 404);  // it came before the other publish
    EXPECT_EQ((*second)->status, 200);
    EXPECT_EQ(db->position().rev, before + 2);
    EXPECT_EQ(hosts(a), 601);
}

TEST_F(Beside, AChangeOfRoleTakesThePublishBackAndTheSessionKeepsItsChanges) {
    std::string a = login();
    add_many(a, "n-", 600);
    auto reply = start(a, "publish");
    jobs.front().work();
    store::Term term = db->term();
    term.parent = term.id;
    term.id = Uid::make();
    ++term.no;
    uint64_t rev = db->begin_term(term).rev;
    run_jobs();
    ASSERT_TRUE(*reply);
    EXPECT_EQ((*reply)->status, 400);
    EXPECT_NE((*reply)->body.find("err_publish_failed"), std::string::npos);
    EXPECT_NE((*reply)->body.find("change of role"), std::string::npos);
    EXPECT_EQ(db->position().rev, rev);
    EXPECT_EQ(published, 0);
    EXPECT_TRUE(store::verify(db->file()).good());
    auto again = start(a, "publish");
    run_jobs();
    EXPECT_EQ((*again)->status, 200) << (*again)->body;
    EXPECT_EQ(hosts(a), 600);
    EXPECT_TRUE(store::verify(db->file()).good());
}

TEST_F(Beside, AServerThatMayNotPublishAnyMoreCommitsNothing) {
    std::string a = login();
    add_many(a, "n-", 600);
    auto reply = start(a, "publish");
    jobs.front().work();
    fenced = true;
    run_jobs();
    EXPECT_NE((*reply)->body.find("fenced"), std::string::npos);
    EXPECT_EQ(published, 0);
    fenced = false;
    EXPECT_EQ(json::get_int(good(a, "show-session"), "changes"), 600);
    EXPECT_TRUE(store::verify(db->file()).good());
}

TEST_F(Beside, TheServersOwnChangesComeAfterIt) {
    std::string a = login();
    add_many(a, "n-", 600);
    auto reply = start(a, "publish");
    // Nobody has begun to write: it is done here.
    uint64_t rev = workspace->transact({}, [](Call& call) {
        call.add("host", {{"name", "own"}, {"ip-address", "192.0.2.9"}});
    });
    EXPECT_TRUE(*reply);
    EXPECT_EQ((*reply)->status, 200);
    EXPECT_EQ(db->position().rev, rev);
    run_jobs();
    EXPECT_EQ(hosts(a), 601);
    EXPECT_EQ(published, 2);
}

TEST_F(Beside, ARefusedPublishLeavesTheSessionAsItWas) {
    std::string a = login(), b = login();
    add_many(a, "n-", 600);
    add_host(b, "N-5", "192.0.2.1");
    good(b, "publish");
    auto reply = start(a, "publish");
    run_jobs();
    EXPECT_EQ((*reply)->status, 400);
    EXPECT_NE((*reply)->body.find("More than one object named 'n-5' exists."), std::string::npos);
    EXPECT_EQ(json::get_int(good(a, "show-session"), "changes"), 600);
    good(a, "delete-host", R"({"name":"n-5"})");
    auto again = start(a, "publish");
    run_jobs();
    EXPECT_EQ((*again)->status, 200) << (*again)->body;
}

TEST_F(Beside, NobodyElseTouchesASessionThatIsBeingPublished) {
    std::string a = login();
    std::string uid = json::get_string(last_login, "uid");
    std::string b = login({{"permissions", json::object{{"manage-sessions", true}}}});
    add_many(a, "n-", 600);
    auto reply = start(a, "publish");
    std::string body = R"({"uid":")" + uid + "\"}";
    for (const char* command : {"discard", "take-over-session", "disconnect", "submit-session"}) {
        Answer answer = ask(b, command, body);
        EXPECT_EQ(answer.code(), "generic_err_session_in_use") << command;
    }
    // Its connection may end: what was asked for happens all the same.
    now += 700'000;
    workspace->tick();
    run_jobs();
    EXPECT_EQ((*reply)->status, 200);
    EXPECT_EQ(db->object_count("host"), 600u);
}

TEST_F(Beside, RowsOfALargePublishAreSweptAwayAlsoAfterARestart) {
    std::string a = login();
    add_many(a, "n-", 6000);
    auto reply = start(a, "publish");
    run_jobs();
    ASSERT_EQ((*reply)->status, 200);
    EXPECT_EQ(rows("overlay"), 6000);
    workspace->tick();
    EXPECT_EQ(rows("overlay"), 4000);
    reopen();
    EXPECT_EQ(rows("overlay"), 4000);
    EXPECT_EQ(json::get_int(good(a, "show-session"), "changes"), 0);
    add_host(a, "kept", "192.0.2.1");
    for (int i = 0; i < 5; ++i) workspace->tick();
    EXPECT_EQ(rows("overlay"), 1);
    EXPECT_EQ(hosts(a), 6001);
}

}  // namespace
}  // namespace mds::mgmt
