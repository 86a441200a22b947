// Servers of different releases in one Domain (replication.md 10, invariant 22).
#include "net.hh"

namespace mds::repl {
namespace {

/// The next release: every document gets a member.
const std::vector<store::Migration> k_next = {{[](const std::string&, const std::string& doc) {
    return doc.substr(0, doc.size() - 1) + ",\"zone\":\"any\"}";
}}};

void upgrade(Net& net, size_t i) {
    net[i].power_off();
    net.run(500);
    net[i].release = "2";
    net[i].steps = &k_next;
    net[i].boot(false);
    net.run(3000);
}

std::string document(Node& node, const std::string& host) {
    auto object = node.db->find("network", host);
    return object ? object->doc : "";
}

void expect_new_documents(Node& node, const std::vector<std::string>& hosts) {
    EXPECT_EQ(node.db->schema(), 2u) << node.name;
    for (const std::string& host : hosts) {
        EXPECT_NE(document(node, host).find("zone"), std::string::npos) << node.name << " " << host;
    }
}

}  // namespace

TEST(Schema, ReleasesAreMixedUntilEveryServerKnowsTheNewDocuments) {
    Net net(3);
    for (int i = 0; i < 30; ++i) net[0].publish("h" + std::to_string(i));
    net.run(1000);
    // A newer Standby under an older Active, and then the other way round.
    upgrade(net, 2);
    net[0].publish("old-active");
    net.run(1000);
    expect_equal(net[0], net[2]);
    EXPECT_EQ(status_of(net[0], net[2]), SyncStatus::synchronized);
    EXPECT_EQ(net[2].db->schema(), 1u);
    net[2].replica->set_active("olga", [](std::optional<Error> e) { EXPECT_FALSE(e); });
    net.run(3000);
    ASSERT_EQ(net[2].replica->role(), Role::active);
    net[2].publish("new-active");
    net.run(1000);
    for (size_t i : {0u, 1u}) {
        expect_equal(net[i], net[2]);
        EXPECT_EQ(status_of(net[2], net[i]), SyncStatus::synchronized);
    }
    upgrade(net, 0);
    EXPECT_EQ(net[0].db->schema(), 1u) << "raised while one server does not know it";
    upgrade(net, 1);
    net[2].publish("afterwards");
    net.run(1000);
    for (size_t i : {0u, 1u, 2u}) {
        expect_new_documents(net[i], {"h0", "h29", "old-active", "new-active"});
        expect_equal(net[i], net[2]);
        EXPECT_TRUE(net[i].has("afterwards"));
    }
    // And from the disk.
    net[1].power_off();
    net[1].boot(false);
    net.run(2000);
    expect_equal(net[1], net[2]);
}

TEST(Schema, AServerOfAnOlderReleaseTakesNothingThatItCannotRead) {
    Net net(3);
    net[0].publish("web");
    net.run(1000);
    net[2].power_off();
    std::vector<Peer> all = net.peers_of(net[0]);
    net[0].replica->set_peers({all[0]});
    net[1].replica->set_peers({net.peers_of(net[1])[0]});
    net[0].steps = net[1].steps = &k_next;
    for (size_t i : {0u, 1u}) {
        net[i].power_off();
        net[i].boot(false);
        net[i].replica->set_peers({net.peers_of(net[i])[0]});
    }
    net.run(4000);
    ASSERT_EQ(net[0].db->schema(), 2u);
    // The one that was forgotten comes back as it was.
    net[0].replica->set_peers(net.peers_of(net[0]));
    net[1].replica->set_peers(net.peers_of(net[1]));
    store::Position before;
    net[2].boot(false);
    before = net[2].db->position();
    net[0].publish("after");
    net.run(5000);
    EXPECT_EQ(net[2].db->position().hash, before.hash);
    EXPECT_TRUE(store::verify(net[2].db->file()).good());
    for (size_t i : {0u, 1u}) {
        EXPECT_EQ(status_of(net[i], net[2]), SyncStatus::version_mismatch);
        EXPECT_EQ(status_of(net[2], net[i]), SyncStatus::version_mismatch);
    }
    EXPECT_THROW(net[0].replica->check_full_sync(net[2].mds), Error);
    upgrade(net, 2);
    expect_equal(net[0], net[2]);
    EXPECT_EQ(status_of(net[0], net[2]), SyncStatus::synchronized);
    // Nor does an older release open what a newer one has written.
    net[2].power_off();
    EXPECT_THROW(store::PublicDb{net[2].folder}, Error);
}

TEST(Schema, ARaisedSchemaIsTakenBackWithTheLineThatItWasIn) {
    Net net(3);
    net[0].publish("web");
    net.run(1000);
    for (size_t i : {1u, 2u}) upgrade(net, i);
    // The record reaches one of two.
    net.lose = [&](const Net::Message& m) { return m.to == net[2].mds && m.kind == Kind::delta; };
    upgrade(net, 0);
    ASSERT_EQ(net[0].db->schema(), 2u);
    ASSERT_EQ(net[1].db->schema(), 2u);
    ASSERT_EQ(net[2].db->schema(), 1u);
    net[0].publish("lost");
    net.lose = nullptr;
    net.queue.clear();
    net.partition(0, 2);
    net.partition(1, 2);
    net.run(8000);
    net[2].replica->force_active("olga");
    net[2].publish("kept");
    net.cut.clear();
    net.run(8000);
    for (size_t i : {0u, 1u, 2u}) {
        EXPECT_FALSE(net[i].has("lost"));
        expect_new_documents(net[i], {"web"});
        expect_equal(net[i], net[2]);
    }
    EXPECT_EQ(net[2].recovered.size(), 1u);
}

TEST(Schema, MessagesThatCannotBeReadShowAsAVersionMismatch) {
    Net net(2);
    net[0].publish("web");
    net.run(1000);
    ASSERT_EQ(status_of(net[0], net[1]), SyncStatus::synchronized);
    PositionMessage foreign;
    foreign.server = net[1].server;
    std::string other = foreign.encode();
    other[0] = 9;
    net.lose = [&](const Net::Message& m) { return m.from == net[1].mds; };
    net[0].replica->receive(net[1].mds, Kind::position, other);
    EXPECT_EQ(status_of(net[0], net[1]), SyncStatus::version_mismatch);
    net.lose = nullptr;
    net.run(3000);
    EXPECT_EQ(status_of(net[0], net[1]), SyncStatus::synchronized);
}

}  // namespace mds::repl
