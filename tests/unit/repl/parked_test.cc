// Handing parked publishes over to the Active (replication.md 7 and the rows of 12 about parking).
#include "net.hh"

namespace mds::repl {
namespace {

/// A net of three where the first server was cut off, went on publishing, and another was forced
/// Active meanwhile.
class Parking : public ::testing::Test {
  protected:
    void part(const std::vector<std::string>& unsent, size_t size = 0) {
        net[0].publish("sent");
        net.run(100);
        net.partition(0, 1);
        net.partition(0, 2);
        for (const std::string& host : unsent) net[0].publish(host, size);
        net.run(7000);
        net[1].replica->force_active("anna");
        net[1].publish("new");
        net.run(1000);
    }
    static std::vector<uint64_t> revisions(const Node& node) {
        std::vector<uint64_t> out;
        for (const ParkedPublish& p : node.recovered) out.push_back(p.record.rev);
        return out;
    }
    PeerStatus status(Node& here, Node& there) {
        for (PeerStatus& s : here.replica->peer_status()) {
            if (s.peer.mds == there.mds) return s;
        }
        throw std::runtime_error("no such peer");
    }
    /// Every publish is one recovered session on exactly one server, as it was published.
    void expect_kept(Node& at, size_t count) {
        EXPECT_EQ(net[0].parked_count(), 0u);
        ASSERT_EQ(at.recovered.size(), count);
        for (size_t i = 0; i < count; ++i) {
            const store::Revision& sent = net[0].parked[i].publish.record;
            const store::Revision& got = at.recovered[i].record;
            EXPECT_EQ(got.hash, sent.hash);
            EXPECT_EQ(got.payload, sent.payload);
            EXPECT_EQ(got.undo, sent.undo);
            EXPECT_EQ(got.author, "anna");
            EXPECT_EQ(at.recovered[i].origin, "A");
        }
    }
    Net net{3};
};

TEST_F(Parking, CA_10_EachPublishIsHandedOverInOrderAndTheCountGoesToZero) {
    part({"unsent1", "unsent2", "unsent3"});
    net.lose = [&](const Net::Message& m) { return m.kind == Kind::parked_put; };
    net.cut.clear();
    net.run(3000);
    EXPECT_EQ(net[0].parked_count(), 3u);
    // The status says what is still to come.
    EXPECT_EQ(status(net[1], net[0]).parked, 3u);
    EXPECT_NE(status(net[1], net[0]).reason.find("3 publishes that only A had wait"),
              std::string::npos)
        << status(net[1], net[0]).reason;
    net.lose = {};
    net.run(3000);
    expect_kept(net[1], 3);
    EXPECT_EQ(status(net[1], net[0]).parked, 0u);
    EXPECT_EQ(status(net[1], net[0]).reason, "");
    std::vector<uint64_t> order = revisions(net[1]);
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
    EXPECT_TRUE(net[2].recovered.empty());
    expect_equal(net[0], net[1]);
}

TEST_F(Parking, ALargeOneTravelsInPiecesOfOneFrame) {
    part({"large"}, 3 << 20);
    size_t pieces = 0, largest = 0;
    net.lose = [&](const Net::Message& m) {
        if (m.kind == Kind::parked_put) {
            ++pieces;
            largest = std::max(largest, m.payload.size());
        }
        return false;
    };
    net.cut.clear();
    net.run(3000);
    expect_kept(net[1], 1);
    EXPECT_GT(pieces, 3u);
    EXPECT_LE(largest, size_t{1} << 20);
}

TEST_F(Parking, LostAndRepeatedMessagesMakeNoDoubles) {
    part({"unsent1", "unsent2"}, 2 << 20);
    int count = 0;
    net.lose = [&](const Net::Message& m) {
        return (m.kind == Kind::parked_put || m.kind == Kind::parked_ok) && ++count % 3 == 0;
    };
    net.cut.clear();
    net.run(90000);
    expect_kept(net[1], 2);
}

TEST_F(Parking, TheActiveDiesBetweenKeepingAndAnswering) {
    part({"unsent1", "unsent2"});
    net.lose = [&](const Net::Message& m) { return m.kind == Kind::parked_ok; };
    net.cut.clear();
    net.run(2000);
    ASSERT_EQ(net[1].recovered.size(), 1u);
    EXPECT_EQ(net[0].parked_count(), 2u);
    net[1].power_off();
    net.run(1000);
    net.lose = {};
    net[1].boot(false);
    net.run(12000);
    expect_kept(net[1], 2);
}

TEST_F(Parking, TheExActiveDiesWithParkedRowsAndHandsThemOverAfterItsStart) {
    part({"unsent1", "unsent2"});
    net.lose = [&](const Net::Message& m) { return m.kind == Kind::parked_put; };
    net.cut.clear();
    net.run(3000);
    EXPECT_EQ(net[0].parked_count(), 2u);
    net[0].power_off();
    net.lose = {};
    net[0].boot(false);
    net.run(8000);
    expect_kept(net[1], 2);
}

TEST_F(Parking, AnotherActiveGetsThemWhenTheRoleChangesMeanwhile) {
    part({"unsent1", "unsent2"});
    net.lose = [&](const Net::Message& m) { return m.kind == Kind::parked_put; };
    net.cut.clear();
    net.run(3000);
    net[2].replica->set_active("anna", [](std::optional<Error>) {});
    net.run(3000);
    ASSERT_EQ(net[2].replica->role(), Role::active);
    net.lose = {};
    net.run(4000);
    EXPECT_TRUE(net[1].recovered.empty());
    expect_kept(net[2], 2);
}

TEST_F(Parking, AServerThatIsActiveAgainKeepsItsOwn) {
    part({"unsent"});
    net.lose = [&](const Net::Message& m) { return m.kind == Kind::parked_put; };
    net.cut.clear();
    net.run(3000);
    net[0].replica->set_active("anna", [](std::optional<Error>) {});
    net.run(3000);
    ASSERT_EQ(net[0].replica->role(), Role::active);
    EXPECT_EQ(net[0].parked_count(), 0u);
    EXPECT_EQ(net[0].recovered.size(), 1u);
    EXPECT_TRUE(net[1].recovered.empty());
}

TEST_F(Parking, WhatCannotBeKeptIsNamedAndTriedAgain) {
    part({"unsent"});
    net[1].refuse_to_recover = 1;
    net.cut.clear();
    net.run(3000);
    EXPECT_EQ(net[0].parked_count(), 1u);
    EXPECT_EQ(net[0].replica->parked_problem(), "B: the disk is full");
    net.run(12000);
    expect_kept(net[1], 1);
    EXPECT_EQ(net[0].replica->parked_problem(), "");
}

TEST_F(Parking, NobodyButTheActiveKeepsThem) {
    part({"unsent"});
    net.lose = [&](const Net::Message& m) { return m.kind == Kind::parked_put; };
    net.cut.clear();
    net.run(2000);
    net.lose = {};
    // A piece that is addressed to a Standby, as after a change of roles.
    ParkedPublish publish = *net[0].next_parked();
    std::string bytes = publish.encode();
    ParkedPut put{publish.record.term_id, publish.record.rev, bytes.size(), 0, bytes};
    net[2].replica->receive(net[0].mds, Kind::parked_put, put.encode());
    EXPECT_TRUE(net[2].recovered.empty());
    // Nor anything that is no publish.
    put.bytes = std::string(bytes.size(), 'x');
    net[1].replica->receive(net[0].mds, Kind::parked_put, put.encode());
    EXPECT_TRUE(net[1].recovered.empty());
}

}  // namespace
}  // namespace mds::repl
