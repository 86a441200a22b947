// Data that every server may change (replication.md 8; SY-1, SY-2, invariants 15 to 17).
#include "office.hh"

namespace mds::repl {
namespace {

class TentativeTest : public ::testing::Test {
  protected:
    TentativeTest()
        : net(3, "/tmp", [this](Node& n) { offices.push_back(std::make_unique<Office>(n)); }) {
        profile = Uid::make();
        boss = Uid::make();
        EXPECT_TRUE(at(0).publish({Office::put("profile", profile, "all", {}), admin(boss, "boss", true)}));
        net.run(1000);
    }
    Office& at(size_t i) { return *offices[i]; }
    store::Change admin(const Uid& uid, const std::string& name, bool super = false) {
        return Office::put("administrator", uid, name,
                           {{"profile", store::make_reference(profile)}, {"super", super}});
    }
    void alone(size_t i) {
        for (size_t other = 0; other < 3; ++other) {
            if (other != i) net.partition(i, other);
        }
        net.run(20'000);
    }
    void heal() {
        net.cut.clear();
        net.run(20'000);
    }
    void expect_one_state() {
        for (size_t i : {1, 2}) {
            expect_equal(*net.nodes[0], *net.nodes[i]);
            EXPECT_TRUE(at(i).disk.empty());
            EXPECT_TRUE(at(i).shown->same_as(*net.nodes[i]->db));
        }
    }

    std::vector<std::unique_ptr<Office>> offices;
    Net net;
    Uid profile, boss;
};

TEST_F(TentativeTest, Sy1ChangesOfTwoServersAreOnBoth) {
    Uid asked = at(1).ask({admin(Uid::make(), "tokyo-ops")});
    ASSERT_TRUE(at(0).publish({admin(Uid::make(), "london-ops")}));
    net.run(500);
    EXPECT_EQ(at(1).answers.at(asked), Tentative::Outcome::committed);
    for (size_t i : {0, 1, 2}) {
        EXPECT_TRUE(at(i).find("administrator", "tokyo-ops")) << i;
        EXPECT_TRUE(at(i).find("administrator", "london-ops")) << i;
    }
    expect_one_state();
}

TEST_F(TentativeTest, Sy2OfTwoEditsOfOneObjectExactlyOneIsPublished) {
    Uid first = at(1).ask({admin(boss, "boss of tokyo", true)});
    Uid second = at(2).ask({admin(boss, "boss of paris", true)});
    net.run(500);
    EXPECT_EQ(at(1).answers.at(first), Tentative::Outcome::committed);
    EXPECT_EQ(at(2).answers.at(second), Tentative::Outcome::refused);
    EXPECT_NE(at(2).problem.find("'boss of tokyo' was changed by 'anna of B'"), std::string::npos)
        << at(2).problem;
    EXPECT_TRUE(at(0).find("administrator", "boss of tokyo"));
    EXPECT_FALSE(at(0).find("administrator", "boss of paris"));
    // Its session goes on; nothing was given back and nothing is left of it.
    EXPECT_TRUE(at(2).given_back.empty());
    expect_one_state();
}

TEST_F(TentativeTest, WithoutThePrimaryAPublishIsSeenAtOnceAndCommittedLater) {
    alone(1);
    Uid mine = at(1).ask({admin(Uid::make(), "night shift")});
    EXPECT_EQ(at(1).answers.at(mine), Tentative::Outcome::tentative);
    EXPECT_TRUE(at(1).find("administrator", "night shift"));
    EXPECT_EQ(at(1).shared->waiting().count, 1u);
    // Only what is committed is told as revisions.
    EXPECT_EQ(net[1].db->position().hash, net[0].db->position().hash);
    EXPECT_EQ(status_of(net[0], net[1]), SyncStatus::unreachable);
    heal();
    EXPECT_TRUE(at(0).find("administrator", "night shift"));
    expect_one_state();
}

TEST_F(TentativeTest, StatusTellsWhatWaitsForThePrimary) {
    net.partition(0, 1);
    net.partition(0, 2);
    net.run(20'000);
    ASSERT_TRUE(at(1).publish({admin(Uid::make(), "night shift")}));
    net.run(15'000);
    EXPECT_EQ(status_of(net[2], net[1]), SyncStatus::lagging);
    for (const PeerStatus& s : net[2].replica->peer_status()) {
        if (s.peer.mds != net[1].mds) continue;
        EXPECT_NE(s.reason.find("1 publish that B has waits for the Primary since"), std::string::npos)
            << s.reason;
    }
    heal();
    EXPECT_EQ(status_of(net[0], net[1]), SyncStatus::synchronized);
}

TEST_F(TentativeTest, TentativeWorkReachesServersThatDoNotDecide) {
    net.partition(0, 1);
    net.partition(0, 2);
    net.run(20'000);
    ASSERT_TRUE(at(1).publish({admin(Uid::make(), "night shift")}));
    net.run(500);
    EXPECT_TRUE(at(2).find("administrator", "night shift"));
    // The one that published it is gone when the Primary comes back.
    net[1].power_off();
    net.cut.clear();
    net.run(20'000);
    EXPECT_TRUE(at(0).find("administrator", "night shift"));
    net[1].boot(false);
    net.run(20'000);
    expect_one_state();
}

TEST_F(TentativeTest, OrderOfArrivalDoesNotMatterForWhatIsShown) {
    alone(1);
    alone(2);
    ASSERT_TRUE(at(1).publish({admin(Uid::make(), "anna")}));
    net.run(1000);
    ASSERT_TRUE(at(2).publish({admin(Uid::make(), "anna")}));
    net.run(1000);
    ASSERT_TRUE(at(1).publish({admin(Uid::make(), "bob")}));
    net.cut.erase({net[1].mds, net[2].mds});
    net.cut.erase({net[2].mds, net[1].mds});
    net.run(20'000);
    EXPECT_EQ(at(1).shown->position().digest, at(2).shown->position().digest);
    EXPECT_EQ(at(1).find("administrator", "anna")->uid, at(2).find("administrator", "anna")->uid);
    // The second anna cannot be; it is told, and the Primary decides.
    EXPECT_NE(at(2).shared->waiting().problem.find("The name 'anna' was taken"), std::string::npos);
}

TEST_F(TentativeTest, Invariant17ARefusedTransactionLeavesNothingAndComesBackOnce) {
    alone(1);
    ASSERT_TRUE(at(0).publish({admin(Uid::make(), "anna")}));
    auto mine = at(1).publish({admin(Uid::make(), "anna"), admin(Uid::make(), "bob")});
    ASSERT_TRUE(mine);
    // What stands on it falls with it.
    Uid bob = at(1).find("administrator", "bob")->uid;
    auto next = at(1).publish({admin(bob, "bobby")});
    ASSERT_TRUE(next);
    heal();
    EXPECT_FALSE(at(0).find("administrator", "bob"));
    EXPECT_FALSE(at(0).find("administrator", "bobby"));
    ASSERT_EQ(at(1).given_back.size(), 2u);
    ASSERT_EQ(at(1).given_back[*mine].size(), 1u);
    EXPECT_NE(at(1).given_back[*mine].front().find("The name 'anna' was taken by 'anna of A' at"),
              std::string::npos)
        << at(1).given_back[*mine].front();
    EXPECT_EQ(at(1).given_back[*next].front(), "administrator 'bob' was deleted by others.");
    EXPECT_TRUE(at(0).given_back.empty());
    EXPECT_TRUE(at(2).given_back.empty());
    expect_one_state();
}

TEST_F(TentativeTest, Invariant15DeletionAgainstUse) {
    Uid spare = Uid::make();
    ASSERT_TRUE(at(0).publish({Office::put("profile", spare, "spare", {})}));
    net.run(500);
    alone(1);
    ASSERT_TRUE(at(0).publish({Office::remove("profile", spare)}));
    store::Change uses = Office::put("administrator", Uid::make(), "carl",
                                     {{"profile", store::make_reference(spare)}});
    auto mine = at(1).publish({uses});
    ASSERT_TRUE(mine);
    heal();
    EXPECT_FALSE(at(1).find("administrator", "carl"));
    EXPECT_EQ(at(1).given_back[*mine].size(), 1u);
    expect_one_state();
}

TEST_F(TentativeTest, NobodyTakesTheLastSuperuserAway) {
    Uid other = Uid::make();
    ASSERT_TRUE(at(0).publish({admin(other, "other boss", true)}));
    net.run(500);
    alone(1);
    ASSERT_TRUE(at(0).publish({Office::remove("administrator", boss)}));
    auto mine = at(1).publish({Office::remove("administrator", other)});
    ASSERT_TRUE(mine);
    // At once where it can be seen, too.
    EXPECT_FALSE(at(1).publish({Office::remove("administrator", boss)}));
    EXPECT_EQ(at(1).problem, "Nobody would be superuser.");
    heal();
    EXPECT_TRUE(at(1).find("administrator", "other boss"));
    EXPECT_EQ(at(1).given_back[*mine].front(), "Nobody would be superuser.");
    expect_one_state();
}

TEST_F(TentativeTest, ARestartForgetsNothing) {
    alone(1);
    ASSERT_TRUE(at(1).publish({admin(Uid::make(), "night shift")}));
    net[1].power_off();
    net[1].boot(false);
    net.run(10'000);
    EXPECT_TRUE(at(1).find("administrator", "night shift"));
    heal();
    EXPECT_TRUE(at(0).find("administrator", "night shift"));
    expect_one_state();
}

TEST_F(TentativeTest, AfterTheLossOfThePrimaryTheNextOneDecides) {
    net.partition(0, 1);
    net.partition(0, 2);
    net.run(20'000);
    ASSERT_TRUE(at(1).publish({admin(Uid::make(), "night shift")}));
    net.run(500);
    net[2].replica->force_active("anna");
    net.run(2000);
    EXPECT_TRUE(net[2].db->find("administrator", "night shift"));
    EXPECT_TRUE(at(1).disk.empty());
    // Once, also when the old Primary comes back.
    net.cut.clear();
    net.run(20'000);
    expect_one_state();
    EXPECT_TRUE(at(0).find("administrator", "night shift"));
    EXPECT_TRUE(at(1).given_back.empty());
}

TEST_F(TentativeTest, WhatServersActOnWaitsForThePrimary) {
    Uid asked = at(1).ask({Office::put("domain", Uid::make(), "Tokyo", {})});
    net.run(500);
    EXPECT_EQ(at(1).answers.at(asked), Tentative::Outcome::committed);
    alone(1);
    EXPECT_FALSE(at(1).publish({Office::put("domain", Uid::make(), "Paris", {})}));
    EXPECT_EQ(at(1).problem, "a Domain waits for the Primary");
    EXPECT_EQ(at(1).shared->waiting().count, 0u);
}

TEST_F(TentativeTest, AnAnswerThatIsLostMakesNoSecondPublish) {
    // The Primary commits; neither its answer nor the record arrives.
    net.lose = [this](const Net::Message& m) { return m.from == net[0].mds && m.to == net[1].mds; };
    Uid mine = at(1).ask({admin(Uid::make(), "night shift")});
    net.run(1000);
    EXPECT_TRUE(net[0].db->find("administrator", "night shift"));
    EXPECT_FALSE(at(1).answers.contains(mine));
    net.run(20'000);
    net.lose = nullptr;
    net.run(20'000);
    EXPECT_NE(at(1).answers.at(mine), Tentative::Outcome::refused);
    EXPECT_TRUE(at(1).given_back.empty());
    EXPECT_EQ(net[0].db->object_count("administrator"), 2u);
    expect_one_state();
}

TEST_F(TentativeTest, ABackupOnlyDelaysIt) {
    at(0).held = true;
    Uid asked = at(1).ask({admin(Uid::make(), "night shift")});
    net.run(500);
    EXPECT_EQ(at(1).answers.at(asked), Tentative::Outcome::refused);
    EXPECT_EQ(at(1).problem, "a backup");
    ASSERT_TRUE(at(1).publish({admin(Uid::make(), "night shift")}));
    net.run(5000);
    EXPECT_FALSE(net[0].db->find("administrator", "night shift"));
    EXPECT_TRUE(at(1).find("administrator", "night shift"));
    // The Primary itself shows and publishes on what is committed meanwhile.
    EXPECT_TRUE(at(0).shown->same_as(*net[0].db));
    at(0).held = false;
    net.run(10'000);
    EXPECT_TRUE(net[0].db->find("administrator", "night shift"));
    expect_one_state();
}

TEST_F(TentativeTest, AWrongClockDoesNotSpread) {
    alone(1);
    at(1).skew_ms = 3'600'000;
    ASSERT_TRUE(at(1).publish({admin(Uid::make(), "early bird")}));
    heal();
    EXPECT_TRUE(at(0).find("administrator", "early bird"));
    alone(2);
    ASSERT_TRUE(at(2).publish({admin(Uid::make(), "carl")}));
    uint64_t clock = at(2).shared->pending().front().clock >> 16;
    EXPECT_LT(clock, static_cast<uint64_t>(at(2).wall_ms()) + 60'000);
    bool told = false;
    for (const std::string& line : net[0].lines) told |= line.find("more than a minute ahead") != std::string::npos;
    EXPECT_TRUE(told);
}

TEST_F(TentativeTest, AFullDiskPublishesNothing) {
    alone(1);
    at(1).disk_full = true;
    EXPECT_FALSE(at(1).publish({admin(Uid::make(), "night shift")}));
    EXPECT_FALSE(at(1).find("administrator", "night shift"));
    at(1).disk_full = false;
    EXPECT_TRUE(at(1).publish({admin(Uid::make(), "night shift")}));
    heal();
    expect_one_state();
}

TEST_F(TentativeTest, ASessionThatWasPublishedIsNotPublishedAgainWithMore) {
    // It hears the Primary, and gets no record.
    net.lose = [this](const Net::Message& m) { return m.to == net[1].mds && m.kind == Kind::delta; };
    Uid session = Uid::make();
    auto ask = [&](const std::string& name) {
        store::PublicDb::PublishRequest request{session, "", "anna", "", {}};
        request.changes = {Office::put("domain", Uid::make(), name, {})};
        std::string told = "nothing";
        at(1).shared->ask(std::move(request), [&told](Tentative::Outcome outcome, std::optional<Error> error) {
            told = outcome == Tentative::Outcome::committed ? "committed" : error ? error->message() : "";
        });
        net.run(4000);
        return told;
    };
    // Committed, and nobody here hears of it; Domains are not tentative.
    std::string told = ask("Tokyo");
    EXPECT_NE(told.find("whether it has carried this out shows when it is back"), std::string::npos) << told;
    EXPECT_TRUE(net[0].db->find("domain", "Tokyo"));
    told = ask("Paris");
    EXPECT_NE(told.find("was published before, as revision"), std::string::npos) << told;
    EXPECT_FALSE(net[0].db->find("domain", "Paris"));
}

TEST_F(TentativeTest, NobodyPublishesInTheNameOfAnotherServer) {
    store::Transaction t = store::Transaction::of(
        *at(1).shown, {Uid::make(), "", "root", "", {Office::put("profile", Uid::make(), "forged", {})}});
    t.origin = net[2].mds;
    net[1].send(net[0].mds, Kind::transaction_ask, t.encode());
    net.run(500);
    EXPECT_FALSE(net[0].db->find("profile", "forged"));
    bool told = false;
    for (const std::string& line : net[0].lines) told |= line.find("in the name of another") != std::string::npos;
    EXPECT_TRUE(told);
    // What servers act on is asked for by its own server, and offered by none.
    t = store::Transaction::of(*at(1).shown, {Uid::make(), "", "root", "",
                                              {Office::put("domain", Uid::make(), "Forged", {})}});
    t.origin = net[1].mds;
    store::Writer offer;
    offer.u8(1).u32(1).text(t.encode());
    net[1].send(net[0].mds, Kind::transactions, offer.take());
    net.run(500);
    EXPECT_FALSE(net[0].db->find("domain", "Forged"));
}

}  // namespace
}  // namespace mds::repl
