#include <gtest/gtest.h>

#include "flip.hh"
#include "net.hh"

namespace mds::repl {
namespace {

class RepairTest : public ::testing::Test {
  protected:
    RepairTest() : net(2), a(net[0]), b(net[1]) {
        for (int i = 0; i < 70; ++i) a.publish("host-" + std::to_string(i));
        net.run(3000);
    }
    static SyncStatus status(Node& of) { return of.replica->peer_status().at(0).status; }
    static void damage(Node& n, const std::string& host) {
        test::flush(n.db->file());
        std::string row = "hostnetwork" + host;
        ASSERT_TRUE(test::flip_byte(n.db->file(), row, row.size() - 1));
    }
    static bool said(Node& n, const std::string& words) {
        for (const std::string& line : n.lines) {
            if (line.find(words) != std::string::npos) return true;
        }
        return false;
    }
    Net net;
    Node &a, &b;
};

TEST_F(RepairTest, AByteFlippedOnAStandbyIsFoundReportedAndRepairedWithoutAFullCopy) {
    ASSERT_EQ(status(a), SyncStatus::synchronized);
    damage(b, "host-57");
    std::string path = b.db->file();
    store::Verification found;
    b.replica->verify([&](const store::Verification& v) { found = v; });
    EXPECT_FALSE(found.good());
    EXPECT_FALSE(b.replica->damage().empty());
    EXPECT_TRUE(said(b, "the database is damaged at revision"));
    // Until it is repaired nobody says OK.
    b.replica->tick();
    EXPECT_EQ(status(b), SyncStatus::sync_failed);
    net.run(5000);
    EXPECT_EQ(b.replica->damage(), "");
    EXPECT_TRUE(said(b, "the database is whole again"));
    EXPECT_EQ(b.db->file(), path);
    EXPECT_TRUE(store::verify(b.db->file()).good());
    EXPECT_EQ(status(a), SyncStatus::synchronized);
    EXPECT_EQ(status(b), SyncStatus::synchronized);
    a.publish("after");
    net.run(1000);
    EXPECT_TRUE(b.has("after"));
    EXPECT_EQ(status(a), SyncStatus::synchronized);
}

TEST_F(RepairTest, TheActiveIsRepairedFromAStandby) {
    damage(a, "host-33");
    a.replica->verify([](const store::Verification&) {});
    EXPECT_FALSE(a.replica->damage().empty());
    net.run(5000);
    EXPECT_EQ(a.replica->damage(), "");
    EXPECT_TRUE(store::verify(a.db->file()).good());
    EXPECT_EQ(a.replica->role(), Role::active);
}

TEST_F(RepairTest, RowsChangedBehindOurBackAreFoundByComparingBuckets) {
    // Row and hash fit each other: only the sum of all tells.
    test::tamper(b.db->file(), "DELETE FROM object WHERE name='host-9'");
    test::tamper(b.db->file(), "DELETE FROM name WHERE folded='host-9'");
    std::string path = b.db->file();
    b.replica->verify([](const store::Verification&) {});
    EXPECT_NE(b.replica->damage(), "");
    EXPECT_TRUE(b.told(Event::database_damaged));
    EXPECT_FALSE(b.told(Event::database_repaired));
    net.run(8000);
    EXPECT_EQ(b.replica->damage(), "");
    EXPECT_TRUE(b.told(Event::database_repaired));
    EXPECT_TRUE(b.has("host-9"));
    EXPECT_TRUE(store::verify(b.db->file()).good());
    EXPECT_EQ(b.db->file(), path) << "repaired, not copied";
}

TEST_F(RepairTest, DamageIsRepairedWhilePublishesGoOn) {
    damage(b, "host-52");
    test::tamper(b.db->file(), "DELETE FROM object WHERE name='host-11'");
    b.replica->verify([](const store::Verification&) {});
    for (int i = 0; i < 60; ++i) {
        a.publish("more-" + std::to_string(i));
        net.run(100);
    }
    net.run(8000);
    EXPECT_EQ(b.replica->damage(), "");
    EXPECT_TRUE(store::verify(b.db->file()).good());
    EXPECT_EQ(a.db->position().digest, b.db->position().digest);
    EXPECT_EQ(a.db->position().rev, b.db->position().rev);
}

TEST_F(RepairTest, WithoutAPeerTheDamageStaysSaidUntilOneIsThere) {
    net.partition(0, 1);
    damage(b, "host-66");
    b.replica->verify([](const store::Verification&) {});
    net.run(60000);
    EXPECT_NE(b.replica->damage(), "");
    std::string path = b.db->file();
    net.cut.clear();
    net.run(30000);
    EXPECT_EQ(b.replica->damage(), "");
    EXPECT_EQ(b.db->file(), path) << "repaired, not copied";
    EXPECT_EQ(status(a), SyncStatus::synchronized);
}

TEST_F(RepairTest, HW_4_AServerWithADamagedLogGivesNoFullCopyAndTakesTheRecordFromTheOther) {
    std::string path = b.db->file(), answer;
    store::Hash good = b.db->revision(10)->hash;
    test::tamper(a.db->file(), "UPDATE revision SET payload=payload||x'00' WHERE rev=10");
    a.replica->full_sync(b.mds, Uid::make(), "olga",
                         [&](std::optional<Error> e, const std::string&) {
                             answer = e ? e->message() : "done";
                         });
    net.run(200);
    EXPECT_NE(answer.find("record 10 of the log is damaged"), std::string::npos) << answer;
    net.run(8000);
    EXPECT_EQ(b.db->file(), path) << "the only good record was overwritten";
    EXPECT_EQ(a.db->revision(10)->hash, good);
    EXPECT_EQ(a.replica->damage(), "");
    expect_equal(a, b);
    EXPECT_EQ(status(a), SyncStatus::synchronized);
    EXPECT_EQ(status(b), SyncStatus::synchronized);
    a.replica->full_sync(b.mds, Uid::make(), "olga",
                         [&](std::optional<Error> e, const std::string&) {
                             answer = e ? e->message() : "done";
                         });
    net.run(8000);
    EXPECT_EQ(answer, "done");
    EXPECT_NE(b.db->file(), path);
    expect_equal(a, b);
}

TEST_F(RepairTest, TwoThatAreDamagedAtDifferentPlacesRepairEachOther) {
    test::tamper(a.db->file(), "UPDATE revision SET author='eve' WHERE rev IN (10,11)");
    damage(a, "host-33");
    test::tamper(b.db->file(), "UPDATE revision SET author='eve' WHERE rev=20");
    damage(b, "host-34");
    a.replica->verify([](const store::Verification&) {});
    b.replica->verify([](const store::Verification&) {});
    EXPECT_NE(a.replica->damage(), "");
    EXPECT_NE(b.replica->damage(), "");
    std::string path = b.db->file();
    net.run(20000);
    EXPECT_EQ(a.replica->damage(), "");
    EXPECT_EQ(b.replica->damage(), "");
    EXPECT_EQ(b.db->file(), path) << "repaired, not copied";
    EXPECT_EQ(a.db->oldest_record(), 1u);
    EXPECT_EQ(b.db->oldest_record(), 1u);
    expect_equal(a, b);
    EXPECT_EQ(status(a), SyncStatus::synchronized);
}

TEST_F(RepairTest, ARecordThatNobodyHasWholeEndsTheLogAndNeedsNoPurge) {
    for (Node* n : {&a, &b}) {
        test::tamper(n->db->file(), "UPDATE revision SET author='eve' WHERE rev=10");
        n->replica->verify([](const store::Verification&) {});
        EXPECT_NE(n->replica->damage(), "");
    }
    uint64_t rev = a.db->position().rev;
    net.run(20000);
    for (Node* n : {&a, &b}) {
        EXPECT_EQ(n->replica->damage(), "");
        EXPECT_EQ(n->db->oldest_record(), 11u);
        EXPECT_TRUE(said(*n, "record 10 of the log is damaged on every server"));
        EXPECT_TRUE(n->has("host-9"));
    }
    EXPECT_EQ(a.db->position().rev, rev) << "no record was written for it";
    expect_equal(a, b);
    EXPECT_EQ(status(a), SyncStatus::synchronized);
    a.publish("after");
    net.run(1000);
    EXPECT_TRUE(b.has("after"));
}

TEST_F(RepairTest, ARecordIsNotGivenUpWhileSomebodySilentMayHaveIt) {
    net.partition(0, 1);
    test::tamper(a.db->file(), "UPDATE revision SET author='eve' WHERE rev=10");
    a.replica->verify([](const store::Verification&) {});
    net.run(60000);
    EXPECT_NE(a.replica->damage(), "");
    EXPECT_EQ(a.db->oldest_record(), 1u);
    net.cut.clear();
    net.run(30000);
    EXPECT_EQ(a.replica->damage(), "");
    EXPECT_EQ(a.db->oldest_record(), 1u);
    expect_equal(a, b);
}

TEST_F(RepairTest, ADamagedRecordThatAStandbyNeedsIsFoundWhenItIsToBeSent) {
    net.partition(0, 1);
    for (int i = 0; i < 5; ++i) a.publish("late-" + std::to_string(i));
    uint64_t bad = a.db->position().rev - 2;
    test::tamper(a.db->file(), "UPDATE revision SET author='eve' WHERE rev=" + std::to_string(bad));
    net.run(1000);
    EXPECT_EQ(a.replica->damage(), "");
    net.cut.clear();
    // Nobody else has it: the content is whole, so the Standby gets that.
    net.run(30000);
    EXPECT_EQ(a.replica->damage(), "");
    EXPECT_EQ(a.db->oldest_record(), bad + 1);
    EXPECT_TRUE(b.has("late-4"));
    expect_equal(a, b);
    EXPECT_EQ(status(a), SyncStatus::synchronized);
    EXPECT_EQ(status(b), SyncStatus::synchronized);
}

TEST_F(RepairTest, NobodyIsSynchronizedBeforeItsDatabaseWasRead) {
    b.power_off();
    net.run(1000);
    b.hold_background = true;
    b.boot(false);
    // Where mds-sync watches the connection beats are seldom.
    a.replica->set_link(b.mds, "connected", "");
    b.replica->set_link(a.mds, "connected", "");
    net.run(4000);
    EXPECT_EQ(a.db->position().hash, b.db->position().hash);
    EXPECT_EQ(status(a), SyncStatus::synchronizing);
    EXPECT_EQ(status(b), SyncStatus::synchronizing);
    b.hold_background = false;
    b.run_held();
    net.run(200);  // told at once, not at the next beat
    EXPECT_EQ(status(a), SyncStatus::synchronized);
    EXPECT_EQ(status(b), SyncStatus::synchronized);
}

}  // namespace
}  // namespace mds::repl
