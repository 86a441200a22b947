// The matrix of multi-domain-ha.md 2.5, row by row: what a server says of a peer, what can be done then
// and what is refused. Rows 15 and 18 (log servers, Multi-Domain Servers) have system tests too.
#include "net.hh"

namespace mds::repl {
namespace {

PeerStatus line(Node& here, Node& there) {
    for (PeerStatus& s : here.replica->peer_status()) {
        if (s.peer.mds == there.mds) return s;
    }
    throw std::runtime_error("no such peer");
}

/// SP: what keeps a full synchronization from being ordered; empty when nothing does.
std::string sync_refused(Node& here, Node& there) {
    try {
        here.replica->check_full_sync(there.mds);
        return "";
    } catch (const Error& e) {
        return e.refusal_id().empty() ? e.message() : e.refusal_id();
    }
}

/// SA on `there`, asked of `here`; empty when it is under way or done.
std::string hand_over_refused(Node& here, Node& there) {
    try {
        here.replica->hand_over(there.mds, "olga", [](std::optional<Error>) {});
        return "";
    } catch (const Error& e) {
        return e.refusal_id().empty() ? e.message() : e.refusal_id();
    }
}

std::string set_active_refused(Node& node) {
    try {
        node.replica->set_active("olga", [](std::optional<Error>) {});
        return "";
    } catch (const Error& e) {
        return e.refusal_id().empty() ? e.message() : e.refusal_id();
    }
}

std::string edit_refused(Node& node) {
    try {
        node.publish("edit");
        return "";
    } catch (const Error& e) {
        return e.refusal_id().empty() ? e.message() : e.refusal_id();
    }
}

/// Every line that is not OK names a cause, since when, and what to do.
void expect(const PeerStatus& s, SyncStatus status, const std::string& word) {
    EXPECT_EQ(s.status, status) << status_word(s.status) << ": " << s.reason;
    if (s.status == SyncStatus::synchronized) {
        EXPECT_EQ(s.sync_state, "Ok");
        EXPECT_GT(s.last_good_ms, 0);
        return;
    }
    EXPECT_NE(s.reason.find(word), std::string::npos) << s.reason;
    EXPECT_FALSE(s.next.empty());
    EXPECT_GT(s.since_ms, 0);
}

/// Records of 0 do not arrive at 1.
void hold_records(Net& net) {
    net.lose = [&net](const Net::Message& m) {
        return m.to == net[1].mds && m.kind == Kind::delta;
    };
}

void force_both(Net& net) {
    net.partition(0, 1);
    net.run(8000);
    net[0].publish("left");
    net[1].replica->force_active("olga");
    net[1].publish("right");
    // Both were made Active by a decision: the first one too, again.
    net[0].replica->set_standby("olga");
    net[0].replica->force_active("olga");
    net[0].publish("left again");
    net.cut.clear();
    net.run(2000);
}

}  // namespace

TEST(Matrix, Row1_ActiveWithAnEqualStandby) {
    Net net(2);
    net[0].publish("web");
    net.run(500);
    expect(line(net[0], net[1]), SyncStatus::synchronized, "");
    EXPECT_EQ(sync_refused(net[0], net[1]), "");
    EXPECT_EQ(hand_over_refused(net[0], net[1]), "");
    net.run(2000);
    EXPECT_EQ(net[1].replica->role(), Role::active);
    net[1].replica->set_standby("olga");
    EXPECT_EQ(net[1].replica->role(), Role::standby);
}

TEST(Matrix, Row2_ActiveWithAStandbyThatIsBehind) {
    Net net(2);
    net.run(1000);
    hold_records(net);
    net[0].publish("one");
    net[0].publish("two");
    net.run(1500);
    PeerStatus s = line(net[0], net[1]);
    expect(s, SyncStatus::lagging, "B is 2 revisions behind, the oldest of them ");
    EXPECT_EQ(s.sync_state, "Ok");  // within the grace
    net.run(7000);
    EXPECT_EQ(line(net[0], net[1]).sync_state, "Sync Error");
    EXPECT_EQ(sync_refused(net[0], net[1]), "");
    net.lose = nullptr;
    net.run(3000);
    expect(line(net[0], net[1]), SyncStatus::synchronized, "");
}

TEST(Matrix, Row2_AStandbyThatIsAlwaysAPublishBehindIsNotLate) {
    Net net(2);
    net.run(1000);
    // Every word of the Standby comes when the next publish has been made.
    std::deque<Net::Message> held;
    net.lose = [&](const Net::Message& m) {
        if (m.to != net[0].mds) return false;
        if (held.empty() || held.back().payload != m.payload) held.push_back(m);
        return true;
    };
    int behind = 0;
    for (int i = 0; i < 40; ++i) {
        net[0].publish("n" + std::to_string(i));
        for (const Net::Message& m : std::exchange(held, {})) {
            net[0].replica->receive(m.from, m.kind, m.payload);
        }
        net.run(400);
        PeerStatus s = line(net[0], net[1]);
        behind += s.status == SyncStatus::lagging;
        EXPECT_EQ(s.sync_state, "Ok") << s.reason << " after " << i;
    }
    EXPECT_GT(behind, 30);
}

TEST(Matrix, Row3_ACopyIsOnItsWay) {
    Net net(2);
    net[0].publish("large", 600'000);
    net.run(1000);
    net.lose = [&](const Net::Message& m) { return m.kind == Kind::copy_chunk; };
    net[0].replica->full_sync(net[1].mds, Uid::make(), "olga",
                              [](std::optional<Error>, const std::string&) {});
    net.run(1000);
    PeerStatus s = line(net[0], net[1]);
    expect(s, SyncStatus::synchronizing, "full copy into B");
    EXPECT_LT(s.percent, 100);
    EXPECT_NE(sync_refused(net[0], net[1]).find("is running"), std::string::npos);
    EXPECT_NE(hand_over_refused(net[0], net[1]).find("is being synchronized"), std::string::npos);
    net.lose = nullptr;
    net.run(10'000);
    expect(line(net[0], net[1]), SyncStatus::synchronized, "");
    expect_equal(net[0], net[1]);
}

TEST(Matrix, Row4_AStandbyWithoutABaseCopy) {
    Net net(1);
    net[0].publish("web");
    net.nodes.push_back(std::make_unique<Node>(net, Uid::make(), "B"));
    net.lose = [&](const Net::Message& m) { return m.kind == Kind::copy_request; };
    net[1].boot(false);
    net[0].replica->set_peers(net.peers_of(net[0]));
    net.run(1000);
    PeerStatus s = line(net[0], net[1]);
    // It has asked for its copy and waits.
    EXPECT_TRUE(s.status == SyncStatus::never_synchronized || s.status == SyncStatus::synchronizing);
    EXPECT_EQ(hand_over_refused(net[0], net[1]), "RF-21");
    EXPECT_NE(set_active_refused(net[1]), "");
    EXPECT_THROW(net[1].replica->force_active("olga"), Error);
    net.lose = nullptr;
    net.run(8000);
    expect(line(net[0], net[1]), SyncStatus::synchronized, "");
}

TEST(Matrix, Row5_TheLastSynchronizationFailed) {
    Net net(2);
    net[0].publish("web");
    net.run(1000);
    // A record that does not fit: nothing is applied, and the reason stands in the status.
    net.lose = [&](const Net::Message& m) {
        if (m.to != net[1].mds || m.kind != Kind::delta) return false;
        DeltaMessage bad = DeltaMessage::decode(m.payload);
        bad.records.back().author = "eve";
        net[1].replica->receive(net[0].mds, Kind::delta, bad.encode());
        return true;
    };
    net[0].publish("bad");
    net.run(3000);
    expect(line(net[0], net[1]), SyncStatus::sync_failed, "its hash differs");
    EXPECT_EQ(line(net[0], net[1]).next, "mdsctl ha sync London --to B");
    EXPECT_EQ(sync_refused(net[0], net[1]), "");
    net.lose = nullptr;
    net.run(5000);
    expect(line(net[0], net[1]), SyncStatus::synchronized, "");
}

TEST(Matrix, Row6_AStandbyThatIsAheadOfTheActive) {
    Net net(3);
    net[0].publish("web");
    net.run(1000);
    // The disk of the Active goes back in time: the others have what it published since.
    net[0].power_off();
    std::string old = net[0].folder + ".old";
    std::filesystem::copy(net[0].folder, old, std::filesystem::copy_options::recursive);
    net[0].boot(true);
    net.run(6000);
    net[0].publish("newer");
    net.run(1000);
    net[0].power_off();
    std::filesystem::remove_all(net[0].folder);
    std::filesystem::rename(old, net[0].folder);
    net.lose = [&](const Net::Message& m) { return m.to == net[0].mds && m.kind == Kind::delta; };
    net[0].boot(true);
    net.run(8000);
    // It says so, and overwrites nobody, however long it cannot get what they have.
    expect(line(net[0], net[1]), SyncStatus::lagging, "A is 2 revisions behind");
    EXPECT_NE(net[0].replica->role(), Role::active);
    EXPECT_EQ(sync_refused(net[0], net[1]), "RF-19");
    EXPECT_NE(edit_refused(net[0]).find("read-only"), std::string::npos) << edit_refused(net[0]);
    net.lose = nullptr;
    net.run(8000);
    EXPECT_TRUE(net[0].has("newer"));
    EXPECT_EQ(net[0].replica->role(), Role::active);
    expect_equal(net[0], net[1]);
}

TEST(Matrix, Row7_TheStandbyIsSilent) {
    Net net(2);
    net.run(1000);
    net.partition(0, 1);
    net.run(8000);
    PeerStatus s = line(net[0], net[1]);
    expect(s, SyncStatus::unreachable, "no connection with peer");
    EXPECT_NE(s.reason.find("last contact"), std::string::npos);
    EXPECT_EQ(s.sync_state, "Communication Error");
    EXPECT_EQ(sync_refused(net[0], net[1]), "RF-20");
    EXPECT_EQ(hand_over_refused(net[0], net[1]), "RF-21");
    net[0].replica->set_standby("olga");
    EXPECT_EQ(net[0].replica->role(), Role::standby);
}

TEST(Matrix, Row8_TwoActivesThatHearEachOther) {
    Net net(2);
    net[0].publish("web");
    net.run(1000);
    force_both(net);
    for (auto [a, b] : {std::pair(0u, 1u), {1u, 0u}}) {
        expect(line(net[a], net[b]), SyncStatus::collision, "both made Active");
        EXPECT_EQ(net[a].replica->domain_state(), "collision");
        EXPECT_EQ(sync_refused(net[a], net[b]), "RF-19");
        EXPECT_EQ(edit_refused(net[a]), "RF-05");
    }
    // Nothing flows until somebody decides.
    EXPECT_FALSE(net[0].has("right"));
    net[0].replica->set_standby("olga");
    net.run(8000);
    expect(line(net[1], net[0]), SyncStatus::synchronized, "");
    expect_equal(net[0], net[1]);
    EXPECT_FALSE(net[1].has("left"));
    EXPECT_EQ(net[1].recovered.size(), 2u);
}

TEST(Matrix, Row9_AnActiveThatWasSilentSinceItWasActive) {
    Net net(2);
    net.run(1000);
    net.partition(0, 1);
    net.run(8000);
    net[1].replica->force_active("olga");
    net.run(500);
    // Neither hears the other: each says so, and nothing is pushed.
    for (auto [a, b] : {std::pair(0u, 1u), {1u, 0u}}) {
        expect(line(net[a], net[b]), SyncStatus::unreachable, "no connection with peer");
        EXPECT_EQ(sync_refused(net[a], net[b]), "RF-20");
    }
    net[1].replica->set_standby("olga");
    EXPECT_EQ(net[1].replica->role(), Role::standby);
}

TEST(Matrix, Row10_AStandbyWithAnEqualActive) {
    Net net(2);
    net[0].publish("web");
    net.run(1000);
    expect(line(net[1], net[0]), SyncStatus::synchronized, "");
    EXPECT_EQ(sync_refused(net[1], net[0]), "RF-19");
    EXPECT_EQ(edit_refused(net[1]), "RF-05");
    EXPECT_EQ(set_active_refused(net[1]), "");
    net.run(3000);
    EXPECT_EQ(net[1].replica->role(), Role::active);
}

TEST(Matrix, Row11_AStandbyThatIsBehindItsActive) {
    Net net(2);
    net.run(1000);
    hold_records(net);
    net[0].publish("web");
    net.run(1500);
    expect(line(net[1], net[0]), SyncStatus::lagging, "B is 1 revision behind");
    EXPECT_EQ(sync_refused(net[1], net[0]), "RF-19");
    EXPECT_EQ(edit_refused(net[1]), "RF-05");
    // It becomes Active only after it has caught up; the other one stays when that takes too long.
    std::string why;
    net[1].replica->set_active("olga", [&](std::optional<Error> e) { why = e ? e->message() : "done"; });
    net.run(25'000);
    EXPECT_NE(why, "done");
    EXPECT_EQ(net[0].replica->role(), Role::active);
    net.lose = nullptr;
    net.run(3000);
    net[1].replica->set_active("olga", [&](std::optional<Error> e) { why = e ? e->message() : "done"; });
    net.run(3000);
    EXPECT_EQ(why, "done");
    EXPECT_TRUE(net[1].has("web"));
}

TEST(Matrix, Row12_AStandbyWhoseActiveIsSilent) {
    Net net(2);
    net.run(1000);
    net.partition(0, 1);
    net.run(8000);
    expect(line(net[1], net[0]), SyncStatus::unreachable, "last contact");
    EXPECT_EQ(sync_refused(net[1], net[0]), "RF-19");
    EXPECT_EQ(edit_refused(net[1]), "RF-05");
    EXPECT_EQ(set_active_refused(net[1]), "RF-21");
    net[1].replica->force_active("olga");
    EXPECT_EQ(net[1].replica->role(), Role::active);
}

TEST(Matrix, Row13_NobodyIsActive) {
    Net net(2);
    net[0].publish("web");
    net.run(1000);
    net[0].replica->set_standby("olga");
    net.run(1000);
    for (auto [a, b] : {std::pair(0u, 1u), {1u, 0u}}) {
        EXPECT_EQ(net[a].replica->domain_state(), "no-active");
        expect(line(net[a], net[b]), SyncStatus::synchronized, "");
        EXPECT_EQ(sync_refused(net[a], net[b]), "RF-19");
        EXPECT_EQ(edit_refused(net[a]), "RF-05");
    }
    EXPECT_EQ(set_active_refused(net[1]), "");
    net.run(3000);
    EXPECT_EQ(net[1].replica->domain_state(), "normal");
}

TEST(Matrix, Row14_ASingleServer) {
    Net net(1);
    EXPECT_EQ(net[0].replica->domain_state(), "single");
    EXPECT_TRUE(net[0].replica->peer_status().empty());
    net[0].replica->set_standby("olga");
    EXPECT_EQ(edit_refused(net[0]), "RF-05");
    net[0].replica->force_active("olga");
    EXPECT_EQ(edit_refused(net[0]), "");
}

TEST(Matrix, Row15_ALogServerIsSynchronizedAndNeverActive) {
    Net net(2);
    std::vector<Peer> peers = net.peers_of(net[0]);
    peers[0].log_server = true;
    net[0].replica->set_peers(peers);
    net[0].publish("web");
    net.run(1000);
    expect(line(net[0], net[1]), SyncStatus::synchronized, "");
    EXPECT_EQ(sync_refused(net[0], net[1]), "");
    EXPECT_NE(hand_over_refused(net[0], net[1]).find("never Active"), std::string::npos);
}

TEST(Matrix, Row16_WithoutTrust) {
    Net net(2);
    net.run(1000);
    net[0].replica->set_link(net[1].mds, "no-trust", "certificate revoked");
    net.partition(0, 1);
    net.run(8000);
    PeerStatus s = line(net[0], net[1]);
    expect(s, SyncStatus::trust_missing, "certificate revoked");
    EXPECT_EQ(s.sync_state, "Communication Error");
    EXPECT_EQ(sync_refused(net[0], net[1]), "RF-20");
    EXPECT_EQ(hand_over_refused(net[0], net[1]), "RF-21");
}

}  // namespace mds::repl
