#include "bench.hh"

#include "crypto/spake2.hh"
#include "enrol/channel.hh"
#include "enrol/key.hh"

using namespace mds;
using namespace mds::enrol;
using mds::test::Bench;
using End = ServeResult::End;

namespace {

/// Passes frames on between two TLS connections: what somebody between both ends can do (T-2).
void relay(int socket, uint16_t to) {
    try {
        Channel from = Channel::accept(socket, 5000);
        Channel back = Channel::connect("127.0.0.1", to, 5000);
        for (Frame kind : {Frame::hello, Frame::share, Frame::confirm}) {
            back.send(kind, from.receive(kind, k_small_frame));
            from.send(kind, back.receive(kind, k_small_frame));
        }
    } catch (const Error& e) {
        // One end refused.
    }
}

Hello evil() {
    return {"primary", "evil", "0190a000-0000-7000-8000-00000000000e", "0.1.0", "x", 0, "", ""};
}

/// Does the hello of an initiator; returns the channel.
Channel say_hello(const Bench& b) {
    Channel channel = Channel::connect("127.0.0.1", b.listener.port, 5000);
    channel.send(Frame::hello, evil().to_json());
    channel.receive(Frame::hello, k_small_frame);
    return channel;
}

/// Runs `attack` against the responder and returns how that served.
template <class Attack>
ServeResult attacked(Bench& b, Attack attack) {
    std::thread server([&] { b.served = b.responder->serve(b.listener.accept_one(), "evil"); });
    try {
        attack();
    } catch (const Error&) {
        // Refused: the responder's view counts.
    }
    server.join();
    return b.served;
}

}  // namespace

TEST(Relay, T_2_BetweenTwoConnectionsNeverMatchesAndCostsOneTry) {
    Bench b;
    test::Listener middle;
    std::thread attacker([&] { relay(middle.accept_one(), b.listener.port); });
    std::thread server([&] { b.served = b.responder->serve(b.listener.accept_one(), "relay"); });
    InitiatorParams p = b.params();
    p.port = middle.port;
    EXPECT_THROW(connect(p), Error);
    attacker.join();
    server.join();
    EXPECT_EQ(b.served.end, End::wrong_key) << b.served.text;
    EXPECT_EQ(b.responder->tries_left(), 4u);
    EXPECT_EQ(b.issued, 0);
}

TEST(Relay, AResponderThatDoesNotKnowTheKeyGetsNoCertificate) {
    Bench b;
    b.restart();
    b.responder->set_key("some-other-key", 3'600'000);
    EXPECT_EQ(b.refused(b.params()).code(), Code::login_failed);
    EXPECT_EQ(b.issued, 0);
}

TEST(Relay, T_5_ReflectedMessagesAreRefused) {
    Bench b;
    test::Listener mirror;
    std::thread attacker([&] {
        try {
            Channel channel = Channel::accept(mirror.accept_one(), 5000);
            channel.receive(Frame::hello, k_small_frame);
            Hello hello = b.theirs;
            hello.clock_ms = wall_ms();
            json::object said = hello.to_json();
            said["salt"] = std::string(32, '0');
            channel.send(Frame::hello, said);
            channel.send(Frame::share, channel.receive(Frame::share, k_small_frame));
            channel.send(Frame::confirm, channel.receive(Frame::confirm, k_small_frame));
        } catch (const Error& e) {
            // The initiator hung up.
        }
    });
    InitiatorParams p = b.params();
    p.port = mirror.port;
    EXPECT_THROW(connect(p), Error);
    attacker.join();
    EXPECT_EQ(b.issued, 0);
}

TEST(Attack, T_5_BadSharesCostNoTryBecauseTheyTestNoKey) {
    Bench b;
    for (const std::string& share :
         {std::string(), std::string(1, '\0'), std::string(65, '\0'), "\x04" + std::string(64, '\1'),
          std::string(4096, 'x'), std::string(4097, 'x')}) {
        ServeResult served = attacked(b, [&] {
            Channel channel = say_hello(b);
            channel.send(Frame::share, share);
            channel.receive(Frame::share, k_small_frame);
        });
        EXPECT_EQ(served.end, End::broken) << share.size();
    }
    EXPECT_EQ(b.responder->tries_left(), 5u);
}

TEST(Attack, T_5_FramesOutOfOrderOrTwiceEndTheConnection) {
    Bench b;
    for (Frame first : {Frame::share, Frame::confirm, Frame::csr, Frame::cert, Frame::done,
                        static_cast<Frame>(0), static_cast<Frame>(99)}) {
        ServeResult served = attacked(b, [&] {
            Channel channel = Channel::connect("127.0.0.1", b.listener.port, 5000);
            channel.send(first, "x");
            channel.receive(Frame::hello, k_small_frame);
        });
        EXPECT_EQ(served.end, End::broken);
    }
    ServeResult served = attacked(b, [&] {
        Channel channel = say_hello(b);
        channel.send(Frame::hello, evil().to_json());
        channel.receive(Frame::share, k_small_frame);
    });
    EXPECT_EQ(served.end, End::broken);
    EXPECT_EQ(b.responder->tries_left(), 5u);
}

TEST(Attack, T_5_ParallelGuessesCountAllTheSame) {
    Bench b;
    std::string scalar = crypto::Spake2::scalar(std::string(40, 'g'));
    auto guess = [&] {
        try {
            Channel channel = say_hello(b);
            crypto::Spake2 spake(crypto::Spake2::Side::a, k_initiator, k_responder, scalar);
            channel.send(Frame::share, spake.share());
            spake.receive(channel.receive(Frame::share, k_small_frame), "");
            channel.send(Frame::confirm, spake.confirmation());
            channel.receive(Frame::confirm, k_small_frame);
            ADD_FAILURE() << "guessed";
        } catch (const Error&) {
            // Refused, as it should be.
        }
    };
    std::vector<std::thread> threads;
    std::atomic<int> wrong = 0;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            int socket = b.listener.accept_one();
            if (b.responder->serve(socket, "evil").end == End::wrong_key) ++wrong;
        });
        threads.emplace_back(guess);
    }
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(wrong, 1) << "the others came within the wait";
    EXPECT_EQ(b.responder->tries_left(), 4u);
}
