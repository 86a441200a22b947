// A member that somebody took over (T-9): what of its messages is taken, and what is not.
#include "net.hh"

namespace mds::repl {
namespace {

/// Active A, Standby B, and C, a log server whose place the test takes.
class BadMember : public ::testing::Test {
  protected:
    BadMember() {
        for (Node* n : {&a(), &b()}) {
            std::vector<Peer> peers = net.peers_of(*n);
            for (Peer& p : peers) p.log_server = p.mds == c().mds;
            n->replica->set_peers(peers);
        }
        a().publish("h1");
        net.run(1500);
        here.server = c().server;
        here.role = Role::standby;
        here.history = {c().db->position(), c().db->terms()};
        c().power_off();
        b().lines.clear();
        a().lines.clear();
    }
    Node& a() { return net[0]; }
    Node& b() { return net[1]; }
    Node& c() { return net[2]; }
    /// Its position with a term behind the last one, that makes `active` Active.
    PositionMessage with_term(const Uid& active) {
        PositionMessage m = here;
        store::Term t = m.history.terms.back();
        t.parent = std::exchange(t.id, Uid::make());
        t.no += 1;
        t.start_rev = m.history.position.rev + 1;
        t.active = active;
        t.cause = "force";
        m.history.terms.push_back(t);
        m.history.position.rev += 1;
        m.history.position.term_id = t.id;
        m.history.position.term_no = t.no;
        m.history.position.hash[0] ^= 1;
        return m;
    }
    void says(Node& to, const PositionMessage& m) { to.replica->receive(c().mds, Kind::position, m.encode()); }
    static bool told(const Node& n, const std::string& what) {
        return std::any_of(n.lines.begin(), n.lines.end(),
                           [&](const std::string& line) { return line.find(what) != std::string::npos; });
    }

    Net net{3};
    PositionMessage here;
};

TEST_F(BadMember, T_9_AnActiveIsNoneAnyMoreOnlyWhenWhoReplacedItSaysSo) {
    for (const Uid& who : {b().server, c().server, Uid::make(), Uid{}}) {
        says(a(), with_term(who));
        EXPECT_EQ(a().replica->role(), Role::active);
    }
    EXPECT_TRUE(told(a(), "it says that B became Active, which that one does not say")) << join(a().lines, "\n");
    EXPECT_TRUE(told(a(), "a log server never is"));
    EXPECT_TRUE(told(a(), "never can be"));
    EXPECT_TRUE(told(a(), "nobody is Active any more"));
    // Who cannot be asked may have been made Active: then its word counts, as it did before.
    net.partition(0, 1);
    net.run(8000);
    says(a(), with_term(b().server));
    EXPECT_EQ(a().replica->role(), Role::standby);
}

TEST_F(BadMember, T_9_NobodyHasMoreOfAnActivesTermThanTheActive) {
    PositionMessage m = here;
    m.history.position.rev += 5;
    says(a(), m);
    EXPECT_EQ(a().replica->role(), Role::active);
    EXPECT_TRUE(told(a(), "of this server's own term"));
    // Status names the reason, not only the silence.
    net.run(8000);
    says(a(), m);
    for (const PeerStatus& s : a().replica->peer_status()) {
        if (s.peer.mds == c().mds) {
            EXPECT_NE(s.reason.find("what it sends is refused"), std::string::npos) << s.reason;
        }
    }
}

TEST_F(BadMember, T_9_RecordsCopiesAndOrdersAreTakenOfWhoWasAskedOrMayGiveThem) {
    auto forged = b().db->scratch(b().folder + "/forged");
    store::Change change{store::Change::Op::put, Uid::make(), "host", "network", "forged", "{}"};
    store::Revision record = forged->publish({Uid::make(), "", "anna", "", {change}}, {});
    b().replica->receive(c().mds, Kind::delta, DeltaMessage{{record}}.encode());
    b().replica->receive(c().mds, Kind::refused, NoteMessage{Uid{}, 0, "take a copy of me"}.encode());
    b().replica->receive(c().mds, Kind::full_sync, NoteMessage{Uid::make(), 0, "anna"}.encode());
    net.run(3000);
    EXPECT_FALSE(b().has("forged"));
    EXPECT_FALSE(told(b(), "asking C for a full copy"));
    EXPECT_TRUE(told(b(), "records were not asked for there"));
    EXPECT_TRUE(told(b(), "nothing was asked there"));
    EXPECT_TRUE(told(b(), "it is not the Active server"));
    expect_equal(a(), b());
    // The Active's own order is obeyed.
    bool done = false;
    a().replica->full_sync(b().mds, Uid::make(), "anna", [&](std::optional<Error> e, std::string) { done = !e; });
    net.run(5000);
    EXPECT_TRUE(done);
}

TEST_F(BadMember, T_9_WhatIsRefusedAgainAndAgainDoesNotFillTheJournal) {
    for (int i = 0; i < 1000; ++i) {
        a().replica->receive(c().mds, static_cast<Kind>(i % 40), std::string(static_cast<size_t>(i % 50), 'x'));
        a().replica->receive(Uid::make(), Kind::delta, "x");
    }
    size_t of_c = 0;
    for (const std::string& line : a().lines) of_c += line.find(" of C was refused") != std::string::npos;
    EXPECT_LE(of_c, 30u);
    EXPECT_GE(of_c, 5u);
    EXPECT_EQ(a().replica->role(), Role::active);
}

}  // namespace
}  // namespace mds::repl
