#include "net.hh"

namespace mds::repl {

TEST(Replica, LS_3_TheFirstServerIsActiveAndLaterOnesAreStandbyAndSynchronized) {
    Net net(3);
    EXPECT_EQ(net[0].replica->role(), Role::active);
    for (size_t i : {1u, 2u}) {
        EXPECT_EQ(net[i].replica->role(), Role::standby);
        EXPECT_EQ(status_of(net[0], net[i]), SyncStatus::synchronized);
        expect_equal(net[0], net[i]);
    }
    EXPECT_EQ(net[0].replica->domain_state(), "normal");
    EXPECT_EQ(net[2].replica->domain_state(), "normal");
}

TEST(Replica, LS_6_APublishReachesEveryStandbyAtOnce) {
    Net net(3);
    net[0].publish("web");
    net.deliver();
    EXPECT_TRUE(net[1].has("web"));
    EXPECT_TRUE(net[2].has("web"));
    EXPECT_THROW(net[1].publish("no"), Error);
}

TEST(Replica, SY_5_AStandbyThatWasAwayCatchesUpByDeltas) {
    Net net(2);
    net[1].power_off();
    for (int i = 0; i < 20; ++i) net[0].publish("h" + std::to_string(i));
    net.run(6000);
    EXPECT_EQ(status_of(net[0], net[1]), SyncStatus::unreachable);
    net[1].boot(false);
    net.run(2000);
    expect_equal(net[0], net[1]);
    EXPECT_EQ(status_of(net[0], net[1]), SyncStatus::synchronized);
}

TEST(Replica, SE_6_AStandbyThatNeedsAPurgedRevisionTakesAFullCopyAndSaysSo) {
    Net net(3);
    for (int i = 0; i < 55; ++i) net[0].publish("h" + std::to_string(i));
    net.run(1000);
    net[1].power_off();
    uint64_t last = 0;
    for (int i = 55; i < 100; ++i) last = net[0].publish("h" + std::to_string(i));
    net.run(1000);
    expect_equal(net[0], net[2]);
    net[2].lines.clear();  // it came by a full copy at its start
    net[1].lines.clear();
    net[0].db->purge(last - 40, "anna", [] {});
    net[0].replica->committed();
    net.run(2000);
    // The one that was there follows the purge by the log itself, without a copy.
    expect_equal(net[0], net[2]);
    auto says = [](Node& n, const std::string& what) {
        for (const std::string& line : n.lines) {
            if (line.find(what) != std::string::npos) return true;
        }
        return false;
    };
    EXPECT_FALSE(says(net[2], "full copy"));
    net[1].boot(false);
    net.run(4000);
    expect_equal(net[0], net[1]);
    EXPECT_TRUE(says(net[1], "is no longer in the log, it was purged"));
    EXPECT_TRUE(says(net[1], "full copy of"));
    for (Node* n : {&net[1], &net[2]}) {
        EXPECT_EQ(n->db->oldest_record(), net[0].db->oldest_record());
        EXPECT_EQ(n->db->revisions(n->db->position().rev + 1, 1000).size(),
                  net[0].db->revisions(net[0].db->position().rev + 1, 1000).size());
    }
}

TEST(Replica, CA_1_OrderlyHandoverNeverHasTwoActives) {
    Net net(3);
    net[0].publish("web");
    bool done = false;
    net[1].replica->set_active("anna", [&](std::optional<Error> e) { done = !e; });
    for (int i = 0; i < 60; ++i) {
        net.run(50);
        EXPECT_LE((net[0].replica->role() == Role::active) + (net[1].replica->role() == Role::active),
                  1);
    }
    EXPECT_TRUE(done);
    EXPECT_EQ(net[1].replica->role(), Role::active);
    EXPECT_EQ(net[0].replica->role(), Role::standby);
    net[1].publish("db");
    net.run(500);
    EXPECT_TRUE(net[0].has("db"));
    expect_equal(net[0], net[1]);
    expect_equal(net[2], net[1]);
}

TEST(Replica, CA_8_CA_9_NoActiveThenAnyStandby) {
    Net net(3);
    net[0].replica->set_standby("anna");
    net.run(2000);
    for (size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(net[i].replica->domain_state(), "no-active");
        EXPECT_THROW(net[i].publish("x"), Error);
    }
    bool done = false;
    net[2].replica->set_active("anna", [&](std::optional<Error> e) { done = !e; });
    net.run(2000);
    EXPECT_TRUE(done);
    EXPECT_EQ(net[2].replica->role(), Role::active);
    net[2].publish("x");
    net.run(1000);
    expect_equal(net[0], net[2]);
}

TEST(Replica, CA_10_ForcedTakeoverThenTheReturnedActiveParksAndFollows) {
    Net net(3);
    net[0].publish("sent");
    net.run(100);
    net.partition(0, 1);
    net.partition(0, 2);
    net[0].publish("unsent1");
    net[0].publish("unsent2");
    net.run(7000);
    try {
        net[1].replica->set_active("anna", [](std::optional<Error>) {});
        FAIL() << "RF-21 expected";
    } catch (const Error& e) {
        EXPECT_EQ(e.refusal_id(), "RF-21");
        EXPECT_NE(e.message().find("not responding"), std::string::npos);
    }
    EXPECT_EQ(net[1].replica->role(), Role::standby);  // AS-6: nothing by itself
    net[1].replica->force_active("anna");
    net[1].publish("new");
    net.run(1000);
    EXPECT_TRUE(net[2].has("new"));
    net.cut.clear();
    net.run(3000);
    EXPECT_EQ(net[0].replica->role(), Role::standby);
    EXPECT_EQ(net[0].parked.size(), 2u);
    EXPECT_FALSE(net[0].has("unsent1"));
    EXPECT_TRUE(net[0].has("sent"));
    EXPECT_TRUE(net[0].has("new"));
    expect_equal(net[0], net[1]);
    expect_equal(net[2], net[1]);
}

TEST(Replica, CA_10_ARestartedOldActiveStepsDownAlsoWhenItSawNobodyAtItsStart) {
    Net net(2);
    net[0].power_off();
    net.run(6000);
    net[1].replica->force_active("anna");
    net[1].publish("new");
    net.partition(0, 1);
    net[0].boot(true);
    net.run(6000);
    EXPECT_EQ(net[0].replica->role(), Role::active);  // it could not ask anybody
    net.cut.clear();
    net.run(3000);
    EXPECT_EQ(net[0].replica->role(), Role::standby);
    expect_equal(net[0], net[1]);
}

// It may pull the new Active's records while it still waits to hear its other peers: what it then has
// is not its own term.
TEST(Replica, CA_10_AReturnedActiveThatCatchesUpBeforeItHasHeardAllDoesNotTakeTheRoleBack) {
    Net net(3);
    net[0].publish("before");
    net.run(100);
    net[0].power_off();
    net.run(6000);
    net[1].replica->force_active("anna");
    net[1].publish("new");
    net.run(100);
    net.partition(0, 2);
    net[0].boot(true);
    net.run(1000);
    EXPECT_TRUE(net[0].has("new"));
    net.cut.clear();
    net.run(6000);
    EXPECT_EQ(net[0].replica->role(), Role::standby);
    EXPECT_EQ(net[1].replica->role(), Role::active);
    EXPECT_TRUE(net[1].has("new"));
    expect_equal(net[0], net[1]);
    expect_equal(net[2], net[1]);
}

TEST(Replica, CA_10_AnActiveWhoseDiskWentBackInTimeDoesNotResumeWhenItsStandbyVanishes) {
    Net net(2);
    net[0].publish("one");
    net.run(100);
    std::string snapshot = net[0].folder + ".snapshot";
    net[0].power_off();
    std::filesystem::copy(net[0].folder, snapshot, std::filesystem::copy_options::recursive);
    net[0].boot(true);
    net.run(6000);
    net[0].publish("two");
    net.run(100);
    net[0].power_off();
    std::filesystem::remove_all(net[0].folder);
    std::filesystem::rename(snapshot, net[0].folder);
    // What is missing does not come, and then the only one that has it is gone.
    net.lose = [](const Net::Message& m) { return m.kind == Kind::delta; };
    net[0].boot(true);
    net.run(1000);
    net.partition(0, 1);
    net[0].replica->receive(net[1].mds, Kind::gone, "");
    net.run(60'000);
    EXPECT_EQ(net[0].replica->role(), Role::starting);
    try {
        net[0].replica->require_writable();
        ADD_FAILURE() << "writable";
    } catch (const Error& e) {
        EXPECT_NE(e.message().find("B has revision"), std::string::npos) << e.message();
    }
    // The Standby comes back: nothing is lost.
    net.lose = nullptr;
    net.cut.clear();
    net.run(15'000);
    EXPECT_EQ(net[0].replica->role(), Role::active);
    EXPECT_TRUE(net[0].has("two"));
    expect_equal(net[0], net[1]);
}

TEST(Replica, ARestartedActiveResumesAndAStandbyStaysStandby) {
    Net net(2);
    net[0].publish("a");
    net[0].power_off();
    net[1].power_off();
    net[0].boot(true);
    net[1].boot(false);
    net.run(3000);
    EXPECT_EQ(net[0].replica->role(), Role::active);
    EXPECT_EQ(net[1].replica->role(), Role::standby);
    net[0].publish("b");
    net.run(500);
    expect_equal(net[0], net[1]);
}

TEST(Replica, CA_11_CollisionStopsPublishingAndOneSideYields) {
    Net net(3);
    net.partition(0, 1);
    net.partition(0, 2);
    net.run(7000);
    net[1].replica->force_active("anna");
    net[1].publish("right");
    net.run(200);
    // The old Active is forced too, by somebody who sees only that side.
    net[0].replica->set_standby("bob");
    net[0].replica->force_active("bob");
    net[0].publish("left");
    net.cut.clear();
    net.run(3000);
    EXPECT_TRUE(net[0].replica->collision());
    EXPECT_TRUE(net[1].replica->collision());
    EXPECT_THROW(net[0].publish("x"), Error);
    EXPECT_THROW(net[1].publish("x"), Error);
    EXPECT_EQ(status_of(net[1], net[0]), SyncStatus::collision);
    EXPECT_EQ(net[0].told(Event::collision), "B");
    EXPECT_EQ(net[1].told(Event::collision), "A");
    EXPECT_FALSE(net[0].told(Event::collision_over));
    net[0].replica->set_standby("anna");
    net.run(3000);
    EXPECT_EQ(net[1].replica->domain_state(), "normal");
    EXPECT_EQ(net[0].parked.size(), 1u);
    EXPECT_EQ(net[0].told(Event::publishes_parked), "B");
    EXPECT_TRUE(net[0].told(Event::collision_over)) << "on the one that stepped back";
    EXPECT_TRUE(net[1].told(Event::collision_over)) << "on the one that goes on";
    net[1].publish("after");
    net.run(1000);
    expect_equal(net[0], net[1]);
    expect_equal(net[2], net[1]);
}

TEST(Replica, HW_4_ADamagedPieceIsRefusedAndTheCopyIsRepeated) {
    Net net(1);
    net[0].publish("a");
    net[0].damage_chunks = 1;
    net.nodes.push_back(std::make_unique<Node>(net, Uid::make(), "B"));
    net[0].replica->set_peers(net.peers_of(net[0]));
    net[1].boot(false);
    net.run(8000);
    EXPECT_TRUE(net[1].has("a"));
    expect_equal(net[0], net[1]);
    EXPECT_EQ(net[1].told(Event::full_sync_begun), "A");
    EXPECT_EQ(net[1].told(Event::full_sync_failed), "A");
    EXPECT_EQ(net[1].told(Event::full_sync_ended), "A");
    bool told = false;
    for (const std::string& line : net[1].lines) told |= line.find("transfer") != std::string::npos;
    EXPECT_TRUE(told);
}

TEST(Replica, HW_2_MD_1_ManualFullSyncOverwritesTheStandby) {
    Net net(3);
    net[0].publish("a");
    net.run(200);
    bool done = false;
    net[0].replica->full_sync(net[1].mds, Uid::make(), "anna",
                              [&](std::optional<Error> e, const std::string&) { done = !e; });
    net.run(3000);
    EXPECT_TRUE(done);
    expect_equal(net[0], net[1]);
    try {
        net[1].replica->full_sync(net[0].mds, Uid::make(), "anna",
                                  [](std::optional<Error>, const std::string&) {});
        FAIL() << "RF-19 expected";
    } catch (const Error& e) {
        EXPECT_EQ(e.refusal_id(), "RF-19");
    }
}

TEST(Replica, CA_10_NothingIsTakenBackBeforeItIsParked) {
    Net net(2);
    net.partition(0, 1);
    net[0].publish("left");
    net.run(7000);
    net[1].replica->force_active("anna");
    net[0].disk_full = true;
    net.cut.clear();
    net.run(3000);
    EXPECT_EQ(net[0].replica->role(), Role::standby);
    EXPECT_TRUE(net[0].has("left"));
    net[0].disk_full = false;
    net.run(3000);
    EXPECT_FALSE(net[0].has("left"));
    EXPECT_EQ(net[0].parked.size(), 1u);
    expect_equal(net[0], net[1]);
}

TEST(Replica, CA_9_SetActiveAtTwoPlacesNeverMakesTwoActives) {
    Net net(3);
    net[0].replica->set_standby("anna");
    net.run(1000);
    net.partition(2, 0);
    net.partition(2, 1);
    net.run(7000);
    // The one that was Active gives the role away; who cannot ask it has to be forced.
    try {
        net[2].replica->set_active("bob", [](std::optional<Error>) {});
        FAIL() << "RF-21 expected";
    } catch (const Error& e) {
        EXPECT_EQ(e.refusal_id(), "RF-21");
    }
    bool done = false;
    net[1].replica->set_active("anna", [&](std::optional<Error> e) { done = !e; });
    net.run(2000);
    EXPECT_TRUE(done);
    EXPECT_EQ(net[1].replica->role(), Role::active);
    EXPECT_EQ(net[2].replica->role(), Role::standby);
}

TEST(Replica, SE_6_OnlyWhatEveryServerHasMayBePurged) {
    Net net(2);
    net[0].publish("both");
    net.run(500);
    uint64_t shared = net[0].db->position().rev;
    EXPECT_EQ(net[0].replica->held_by_all(), shared);
    net.partition(0, 1);
    net[0].publish("here");
    net.run(7000);
    EXPECT_EQ(net[0].replica->held_by_all(), shared);
    net.cut.clear();
    net.run(2000);
    EXPECT_EQ(net[0].replica->held_by_all(), shared + 1);
}

TEST(Replica, SY_5_ACopyMadeBeforeAPurgeIsNotServedAfterIt) {
    Net net(1);
    net[0].publish("a");
    net.nodes.push_back(std::make_unique<Node>(net, Uid::make(), "B"));
    net.nodes.push_back(std::make_unique<Node>(net, Uid::make(), "C"));
    for (auto& n : net.nodes) {
        if (n->replica) n->replica->set_peers(net.peers_of(*n));
    }
    net[1].boot(false);
    net.run(3000);
    EXPECT_TRUE(net[1].has("a"));
    for (int i = 0; i < 5; ++i) net[0].publish("h" + std::to_string(i));
    net[0].db->purge(net[0].db->position().rev - 1, "anna", {});
    net[0].replica->committed();
    net[2].boot(false);
    net.run(3000);
    expect_equal(net[0], net[2]);
}

TEST(Replica, ADeltaIsNoHeartbeat) {
    Net net(2);
    net.run(1000);
    net.partition(0, 1);
    net.run(6000);
    ASSERT_EQ(status_of(net[1], net[0]), SyncStatus::unreachable);
    // Records that are here already: they say that the sender lives, not where it is.
    DeltaMessage again{net[0].db->records(net[0].db->position().rev, 1)};
    net[1].replica->receive(net[0].mds, Kind::delta, again.encode());
    EXPECT_NE(status_of(net[1], net[0]), SyncStatus::synchronized);
    EXPECT_FALSE(net[1].replica->peer_status()[0].digest_equal);
}

TEST(Replica, AConnectionToldBeforeThePeerIsKnownCounts) {
    Net net(2);
    auto idle = [&] { return net[0].replica->next_ms() > 500; };
    for (size_t i : {0, 1}) net[i].replica->set_link(net[1 - i].mds, "connected", "");
    net.run(3000);
    EXPECT_TRUE(idle());
    net[0].replica->set_peers({});
    net[0].replica->set_link(net[1].mds, "unreachable", "");
    net[0].replica->set_link(net[1].mds, "connected", "");
    net[0].replica->set_peers(net.peers_of(net[0]));
    net.run(12'000);  // the other one beats seldom, too
    EXPECT_EQ(status_of(net[0], net[1]), SyncStatus::synchronized);
    EXPECT_TRUE(idle());
}

TEST(Replica, CA_1_AServerThatHasJustStartedAsksUntilItIsTold) {
    Net net(2);
    for (size_t i : {0, 1}) net[i].replica->set_link(net[1 - i].mds, "connected", "");
    net.run(60'000);  // the Active beats every ten seconds only
    net[1].power_off();
    net[1].boot(false);
    net[1].replica->set_link(net[0].mds, "connected", "");
    // What the Active said first came before anybody listened here.
    net.lose = [&](const Net::Message& m) { return m.to == net[1].mds; };
    net.run(500);
    net.lose = nullptr;
    net.run(1500);
    EXPECT_EQ(status_of(net[1], net[0]), SyncStatus::synchronized);
}

TEST(Replica, CA_1_RF_21_AnActiveThatCanBeReachedHasItsTimeToAnswer) {
    Net net(2);
    auto link = [&](const std::string& state) { net[1].replica->set_link(net[0].mds, state, ""); };
    link("connected");
    net.run(1000);
    net[0].replica->set_link(net[1].mds, "connected", "");
    net.partition(0, 1);
    net.run(40'000);
    ASSERT_EQ(status_of(net[1], net[0]), SyncStatus::unreachable);
    std::optional<Error> failed;
    bool done = false;
    auto then = [&](std::optional<Error> e) {
        failed = std::move(e);
        done = true;
    };
    // It was silent, but its host is there: a moment later it answers.
    net[1].replica->set_active("anna", then);
    net.run(1000);
    EXPECT_FALSE(done);
    net.cut.clear();
    net.run(3000);
    ASSERT_TRUE(done);
    EXPECT_FALSE(failed) << failed->message();
    EXPECT_EQ(net[1].replica->role(), Role::active);
    // It stays silent: refused after the time that silence takes, with what helps.
    net.partition(0, 1);
    net[0].replica->set_link(net[1].mds, "connected", "");
    net.run(40'000);
    done = false;
    net[0].replica->set_active("anna", then);
    net.run(7000);
    ASSERT_TRUE(done && failed);
    EXPECT_EQ(failed->refusal_id(), "RF-21");
    EXPECT_NE(failed->message().find("B does not answer (last contact "), std::string::npos);
    // No way to its host: refused at once.
    net[0].replica->set_link(net[1].mds, "unreachable", "");
    EXPECT_THROW(net[0].replica->set_active("anna", then), Error);
}

TEST(Replica, NeverOkWhenItCouldNotCompare) {
    Net net(2);
    EXPECT_EQ(status_of(net[0], net[1]), SyncStatus::synchronized);
    net.partition(0, 1);
    net.run(6000);
    EXPECT_EQ(status_of(net[0], net[1]), SyncStatus::unreachable);
    EXPECT_EQ(status_of(net[1], net[0]), SyncStatus::unreachable);
}

}  // namespace mds::repl
