// Sessions over data that every server may change (replication.md 8): the database under them may become
// another one, and what was asked of the Primary may be found in the log later.
#include "rig.hh"
#include "store/transaction.hh"

namespace mds::mgmt {
namespace {

class SharedTest : public Rig {
  protected:
    /// Publishes over an object as another server would.
    void publish_elsewhere(const std::string& name, const std::string& comments) {
        auto host = db->find("network", name);
        json::object document = json::parse_object(host->doc);
        document["comments"] = comments;
        db->publish({Uid::make(), "", "carl", "", {{store::Change::Op::put, host->uid, host->type, host->scope,
                                                    host->name, json::canonical(document)}}}, {});
    }
};

TEST_F(SharedTest, EqualNumbersOfTwoHistoriesAreNotTheSameObject) {
    std::string sid = login();
    add_host(sid, "web", "10.1.1.1");
    publish(sid);
    uint64_t before = db->position().rev;
    publish_elsewhere("web", "of a server that is replaced");
    good(sid, "set-host", R"({"name":"web","color":"red"})");
    // What bob edited is taken back; another line has the same number.
    workspace->content_moves();
    db->undo_to(before);
    workspace->content_moved();
    publish_elsewhere("web", "of the Primary");
    ASSERT_EQ(db->position().rev, before + 1);
    Answer answer = ask(sid, "publish");
    EXPECT_EQ(answer.status, 400) << json::text(answer.body);
    EXPECT_NE(answer.error().find("was changed by revision"), std::string::npos) << answer.error();
}

TEST_F(SharedTest, TheSameContentUnderAnotherNumberIsPublishedOver) {
    std::string sid = login();
    add_host(sid, "web", "10.1.1.1");
    publish(sid);
    good(sid, "set-host", R"({"name":"web","color":"red"})");
    uint64_t before = db->position().rev;
    // The same object comes as another revision: first something else, then it again.
    auto web = db->find("network", "web");
    workspace->content_moves();
    db->undo_to(before - 1);
    db->begin_term([&] {
        store::Term term = db->term();
        term.no += 1;
        term.id = Uid::make();
        return term;
    }());
    db->publish({Uid::make(), "", "carl", "", {{store::Change::Op::put, web->uid, web->type, web->scope,
                                                web->name, web->doc}}}, {});
    workspace->content_moved();
    ASSERT_NE(db->find("network", "web")->rev, web->rev);
    publish(sid);
    EXPECT_EQ(json::get_string(good(sid, "show-host", R"({"name":"web"})"), "color"), "red");
}

}  // namespace
}  // namespace mds::mgmt
