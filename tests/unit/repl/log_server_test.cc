// A log server that alone has what nobody else knows any more.
#include "net.hh"

namespace mds::repl {
namespace {

/// Active A, Standby B, log server C. C alone has term T of A with "lost": A's disk went back to before it.
class AloneWithATerm : public ::testing::Test {
  protected:
    AloneWithATerm() {
        a().publish("kept");
        net.run(1500);
        std::string snapshot = a().folder + ".snapshot";
        a().power_off();
        std::filesystem::copy(a().folder, snapshot, std::filesystem::copy_options::recursive);
        b().power_off();
        a().boot(false);
        net.run(15'000);
        a().replica->set_standby("olga");
        a().replica->set_active("olga", [](std::optional<Error> error) { EXPECT_FALSE(error); });
        net.run(1000);
        lost = a().publish("lost");
        net.run(1500);
        EXPECT_TRUE(c().has("lost"));
        a().power_off();
        std::filesystem::remove_all(a().folder);
        std::filesystem::rename(snapshot, a().folder);
        net.partition(0, 2);
        net.partition(1, 2);
        b().boot(false);
        a().boot(false);
        net.run(15'000);
        EXPECT_EQ(a().replica->role(), Role::active);
        a().publish("new");
        net.run(1500);
        EXPECT_TRUE(b().has("new"));
        EXPECT_FALSE(b().has("lost"));
    }
    Node& a() { return net[0]; }
    Node& b() { return net[1]; }
    Node& c() { return net[2]; }

    Net net{3, "/tmp", [](Node& n) { n.log_server = n.name == "C"; }};
    uint64_t lost = 0;
};

TEST_F(AloneWithATerm, T_9_FollowsTheActiveAgainAndKeepsItApart) {
    // Whoever follows the Active does not go to and fro.
    bool strayed = false;
    b().on_content = [&](const std::vector<store::Revision>&) { strayed |= b().has("lost"); };
    net.cut.clear();
    net.run(60'000);
    EXPECT_EQ(a().replica->role(), Role::active);
    EXPECT_FALSE(strayed);
    expect_equal(a(), b());
    expect_equal(a(), c());
    EXPECT_FALSE(c().has("lost"));
    ASSERT_EQ(c().parked.size(), 1u) << "what it alone had is not lost";
    EXPECT_EQ(c().parked[0].publish.record.rev, lost);
    EXPECT_EQ(status_of(a(), c()), SyncStatus::synchronized);
}

TEST_F(AloneWithATerm, AStandbyTakesItWhenNobodyIsActive) {
    a().power_off();
    net.cut.clear();
    net.run(60'000);
    EXPECT_TRUE(b().has("lost")) << "the only line that says who was made Active";
    EXPECT_TRUE(c().has("lost"));
    // The one it names comes back, and yields to its own newer term.
    a().boot(false);
    net.run(60'000);
    expect_equal(a(), b());
    expect_equal(a(), c());
    EXPECT_TRUE(a().has("lost"));
}

}  // namespace
}  // namespace mds::repl
