// Manual synchronization as an order (multi-domain-ha.md MA, MD) and load sharing (LS).
#include "flip.hh"
#include "net.hh"
#include "store/verify.hh"

#include <map>

namespace mds::repl {
namespace {

const char k_work[] = R"({"sessions":[{"user":"anna","changes":3}],"tasks":[]})";

struct Outcome {
    int times = 0;
    std::optional<Error> error;
    std::string cost;
    Replica::SyncDone done() {
        return [this](std::optional<Error> e, std::string c) {
            ++times;
            error = std::move(e);
            cost = std::move(c);
        };
    }
};

}  // namespace

TEST(FullSync, MA_2_MA_3_TheCostIsKnownBeforeAndToldAfterwards) {
    Net net(2);
    net[1].work = k_work;
    net.run(2000);
    EXPECT_EQ(net[0].replica->peer_status().at(0).work, k_work);
    Outcome outcome;
    net[0].replica->full_sync(net[1].mds, Uid::make(), "admin", outcome.done());
    net.run(3000);
    EXPECT_EQ(outcome.times, 1);
    EXPECT_FALSE(outcome.error);
    EXPECT_EQ(outcome.cost, k_work);
    EXPECT_NE(net[1].ended_because.find("full synchronization from A, ordered by admin"),
              std::string::npos);
    expect_equal(net[0], net[1]);
}

TEST(FullSync, MA_1_APeerWhoseDataDiffersHasTheDataOfTheSourceAfterwards) {
    Net net(2);
    net[0].publish("common");
    net.run(500);
    ASSERT_TRUE(net[1].has("common"));
    // Rows that somebody has edited by hand: no record tells of them.
    test::tamper(net[1].db->file(), "UPDATE object SET doc='{\"extra\":1}'");
    EXPECT_FALSE(store::verify(net[1].db->file()).good());
    Outcome outcome;
    net[0].replica->full_sync(net[1].mds, Uid::make(), "admin", outcome.done());
    net.run(4000);
    EXPECT_FALSE(outcome.error) << outcome.error->message();
    EXPECT_EQ(net[1].db->find("network", "common")->doc, net[0].db->find("network", "common")->doc);
    expect_equal(net[0], net[1]);
}

TEST(FullSync, MD_2_LostOrdersAndAnswersAreRepeatedAndDoneOnce) {
    Net net(2);
    net[1].work = k_work;
    int orders = 0, answers = 0;
    net.lose = [&](const Net::Message& m) {
        if (m.kind == Kind::full_sync) return ++orders == 1;
        if (m.kind == Kind::full_sync_done) return ++answers == 1;
        return false;
    };
    Outcome outcome;
    net[0].replica->full_sync(net[1].mds, Uid::make(), "admin", outcome.done());
    net.run(12000);
    EXPECT_EQ(outcome.times, 1);
    EXPECT_FALSE(outcome.error);
    // What it cost is told though the first answer was lost.
    EXPECT_EQ(outcome.cost, k_work);
}

TEST(FullSync, MD_2_TheSameOrderAfterARestartOfTheActiveIsTheSameOrder) {
    Net net(2);
    net[1].work = k_work;
    Uid order = Uid::make();
    net.lose = [&](const Net::Message& m) { return m.kind == Kind::full_sync_done; };
    Outcome lost, found;
    net[0].replica->full_sync(net[1].mds, order, "admin", lost.done());
    net.run(1500);
    net[0].power_off();
    net.lose = {};
    net[0].boot(false);
    net.run(4000);
    size_t copies = net[0].copies.size();
    net[0].replica->full_sync(net[1].mds, order, "admin", found.done());
    net.run(3000);
    EXPECT_EQ(found.times, 1);
    EXPECT_EQ(found.cost, k_work);
    EXPECT_EQ(net[0].copies.size(), copies);
}

TEST(FullSync, MD_2_ATargetThatIsRestartedBeginsAnew) {
    Net net(2);
    for (int i = 0; i < 30; ++i) net[0].publish("h" + std::to_string(i), 20000);
    net.run(500);
    int chunks = 0;
    net.lose = [&](const Net::Message& m) { return m.kind == Kind::copy_chunk && ++chunks > 4; };
    Outcome outcome;
    net[0].replica->full_sync(net[1].mds, Uid::make(), "admin", outcome.done());
    net.run(2500);
    PeerStatus s = net[0].replica->peer_status().at(0);
    EXPECT_EQ(s.status, SyncStatus::synchronizing);
    EXPECT_EQ(s.step, "transfer");
    EXPECT_GT(s.percent, 0);
    EXPECT_LT(s.percent, 100);
    net[1].power_off();
    net.lose = {};
    net.run(1000);
    net[1].boot(false);
    net.run(8000);
    EXPECT_EQ(outcome.times, 1);
    EXPECT_FALSE(outcome.error) << outcome.error->message();
    expect_equal(net[0], net[1]);
}

TEST(FullSync, ATargetThatIsLostEndsTheOrder) {
    Net net(2);
    net.lose = [&](const Net::Message& m) { return m.kind == Kind::copy_chunk; };
    Outcome outcome;
    net[0].replica->full_sync(net[1].mds, Uid::make(), "admin", outcome.done());
    net.run(1000);
    net[1].power_off();
    net.run(70000);
    EXPECT_EQ(outcome.times, 1);
    ASSERT_TRUE(outcome.error);
    EXPECT_NE(outcome.error->message().find("stopped answering"), std::string::npos);
    ASSERT_FALSE(net[0].copies.empty());
    EXPECT_EQ(net[0].copies.back(), "B failed");
}

TEST(FullSync, MA_7_OnlyFromTheActiveAndNeverToAnother) {
    Net net(3);
    Outcome outcome;
    auto order = [&](size_t from, size_t to) {
        try {
            net[from].replica->full_sync(net[to].mds, Uid::make(), "admin", outcome.done());
        } catch (const Error& e) {
            return e.refusal_id();
        }
        return std::string();
    };
    EXPECT_EQ(order(1, 2), "RF-19");
    EXPECT_EQ(order(1, 0), "RF-19");
    net[2].power_off();
    net.run(7000);
    EXPECT_EQ(order(0, 2), "RF-20");
    EXPECT_EQ(outcome.times, 0);
}

TEST(FullSync, MD_3_OneOfTwoStandbysIsAddressed) {
    Net net(3);
    net[1].work = net[2].work = k_work;
    Outcome outcome;
    net[0].replica->full_sync(net[1].mds, Uid::make(), "admin", outcome.done());
    net.run(3000);
    EXPECT_FALSE(outcome.error);
    EXPECT_NE(net[1].ended_because, "");
    EXPECT_EQ(net[2].ended_because, "");
    EXPECT_EQ(net[2].work, k_work);
}

TEST(FullSync, IS_1_TheFirstCopyIsToldFromTheCopiesOfLater) {
    Net net(2);
    ASSERT_EQ(net[0].copies.size(), 2u);
    EXPECT_EQ(net[0].copies[0], "B first");
    EXPECT_EQ(net[0].copies[1], "B done");
    Outcome outcome;
    net[0].replica->full_sync(net[1].mds, Uid::make(), "admin", outcome.done());
    net.run(3000);
    EXPECT_EQ(net[0].copies.at(2), "B again");
}

TEST(FullSync, MD_2_ATargetAnswersWhileItUnpacksAndProvesACopy) {
    Net net(2);
    net[0].publish("large", 200'000);
    net.run(1000);
    net[1].hold_background = true;
    Outcome outcome;
    net[0].replica->full_sync(net[1].mds, Uid::make(), "admin", outcome.done());
    int rounds = 0;
    for (; rounds < 100; ++rounds) {
        net.run(1000);
        if (outcome.times > 0) break;
        EXPECT_EQ(status_of(net[0], net[1]), SyncStatus::synchronizing);
        // No more than a window of pieces waits, however fast they come.
        EXPECT_LE(net[1].held.size(), 8u);
        net[1].run_held();
    }
    EXPECT_GT(rounds, 2);
    EXPECT_FALSE(outcome.error) << outcome.error->message();
    net[1].hold_background = false;
    net.run(3000);
    expect_equal(net[0], net[1]);
}

TEST(FullSync, HW_4_WhatIsLeftOfAnAttemptThatFailedDoesNotCountInTheNext) {
    Net net(2);
    net[0].publish("large", 200'000);
    net.run(1000);
    Outcome first, second;
    net[1].hold_background = true;
    net[0].replica->full_sync(net[1].mds, Uid::make(), "admin", first.done());
    net.run(200);
    auto left = std::move(net[1].held);
    net[1].held.clear();
    ASSERT_FALSE(left.empty());
    // The sender is silent for so long that the copy is given up, and made anew.
    net.partition(0, 1);
    net.run(40'000);
    net[1].hold_background = false;
    net.cut.clear();
    net.run(3000);
    for (auto& one : left) one();
    net.run(40'000);
    expect_equal(net[0], net[1]);
    net[0].replica->full_sync(net[1].mds, Uid::make(), "admin", second.done());
    net.run(5000);
    EXPECT_FALSE(second.error);
    expect_equal(net[0], net[1]);
}

TEST(FullSync, PiecesTravelPackedAndPlainWhicheverIsFaster) {
    Net net(2);
    net[0].publish("large", 1'500'000);
    net.run(1000);
    std::map<uint8_t, int> codecs;
    net.lose = [&](const Net::Message& m) {
        if (m.kind == Kind::copy_chunk && m.to == net[1].mds) {
            ++codecs[CopyChunk::decode(m.payload).codec];
        }
        return false;
    };
    Outcome outcome;
    net[0].replica->full_sync(net[1].mds, Uid::make(), "admin", outcome.done());
    net.run(10'000);
    EXPECT_EQ(outcome.times, 1);
    EXPECT_FALSE(outcome.error);
    EXPECT_GE(codecs[0], 16);
    EXPECT_GE(codecs[1], 16);
    expect_equal(net[0], net[1]);
}

TEST(FullSync, IS_3_TheFirstCopyComesFromTheActiveThoughAStandbyWasHeardFirst) {
    Net net(3);
    auto join = [&] {
        net[2].power_off();
        std::filesystem::remove_all(net[2].folder);
        std::filesystem::create_directory(net[2].folder);
        for (auto& n : net.nodes) n->copies.clear();
        net.cut.clear();
        net.partition(0, 2);
        net[2].boot(false);
        net.run(1000);
        EXPECT_FALSE(net[2].db->has_history());
    };
    join();
    net.cut.clear();
    net.run(3000);
    EXPECT_TRUE(net[2].db->has_history());
    EXPECT_EQ(net[0].copies.size(), 2u);
    EXPECT_TRUE(net[1].copies.empty());
    // When the Active does not answer, a Standby will do.
    join();
    net.run(9000);
    EXPECT_TRUE(net[2].db->has_history());
    EXPECT_EQ(net[1].copies.size(), 2u);
}

TEST(FullSync, PE_3_PE_4_OneChangeTravelsToEveryStandbyAndTheRestDoesNot) {
    Net net(3);
    store::PublicDb::PublishRequest load;
    load.author = "anna";
    Uid changed;
    for (int i = 0; i < 20000; ++i) {
        changed = Uid::make();
        load.changes.push_back({store::Change::Op::put, changed, "host", "network",
                                "h" + std::to_string(i), R"({"ipv4-address":"10.0.0.1"})"});
    }
    net[0].db->publish(load, {});
    net[0].replica->committed();
    net.run(3000);
    expect_equal(net[0], net[2]);
    std::map<std::string, size_t> bytes;
    net.lose = [&](const Net::Message& m) {
        for (auto& n : net.nodes) {
            if (n->mds == m.to && m.from == net[0].mds && m.kind != Kind::position) {
                bytes[n->name] += m.payload.size();
            }
        }
        return false;
    };
    net[0].db->publish({Uid::make(),
                        "",
                        "anna",
                        "",
                        {{store::Change::Op::put, changed, "host", "network", "h19999",
                          R"({"ipv4-address":"10.0.0.2"})"}}},
                       {});
    net[0].replica->committed();
    net.run(3000);
    expect_equal(net[0], net[1]);
    expect_equal(net[0], net[2]);
    ASSERT_EQ(bytes.size(), 2u);
    for (const auto& [name, sent] : bytes) EXPECT_LT(sent, 2000u) << name;
}

TEST(FullSync, LS_1_LS_4_OneActiveAndTwoStandbysAnyOfWhichTakesOver) {
    Net net(3);
    for (size_t next : {1u, 2u, 0u}) {
        bool done = false;
        net[next].replica->set_active("anna", [&](std::optional<Error> e) { done = !e; });
        net.run(3000);
        EXPECT_TRUE(done);
        for (size_t i = 0; i < 3; ++i) {
            EXPECT_EQ(net[i].replica->role() == Role::active, i == next);
        }
        // CA-2: the others follow the new one.
        net[next].publish("by" + std::to_string(next));
        net.run(1000);
        for (size_t i = 0; i < 3; ++i) {
            EXPECT_TRUE(net[i].has("by" + std::to_string(next)));
            expect_equal(net[i], net[next]);
        }
    }
}

}  // namespace mds::repl
