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
    net.run(8000);
    EXPECT_EQ(b.replica->damage(), "");
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
