#include <poll.h>

#include <set>

#include "bench.hh"
#include "crypto/hash.hh"
#include "crypto/spake2.hh"
#include "enrol/channel.hh"
#include "enrol/key.hh"

using namespace mds;
using namespace mds::enrol;
using mds::test::Bench;
using mds::test::k_key;

namespace {

/// Passes bytes on between both ends and keeps them: all that somebody on the wire sees.
std::string record(int from, uint16_t to) {
    int back = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(to);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(back, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
    std::string seen;
    pollfd ends[2] = {{from, POLLIN, 0}, {back, POLLIN, 0}};
    for (bool open = true; open && poll(ends, 2, 20'000) > 0;) {
        for (int i : {0, 1}) {
            if (!ends[i].revents) continue;
            char block[65536];
            ssize_t n = read(ends[i].fd, block, sizeof block);
            if (n <= 0) {
                open = false;
                continue;
            }
            seen.append(block, static_cast<size_t>(n));
            for (ssize_t done = 0, m = 1; done < n && m > 0; done += m) {
                m = send(ends[1 - i].fd, block + done, static_cast<size_t>(n - done), MSG_NOSIGNAL);
            }
        }
    }
    close(from);
    close(back);
    return seen;
}

/// One enrolment through a recorder.
std::string recorded(Bench& b, InitiatorParams p) {
    test::Listener middle;
    std::string seen;
    std::thread recorder([&] { seen = record(middle.accept_one(), b.listener.port); });
    p.port = middle.port;
    try {
        b.run(p);
    } catch (const Error&) {
        // The recording of a refusal is wanted too.
    }
    recorder.join();
    return seen;
}

/// What an attacker who ends the TLS of both sides gets to read of an enrolment.
struct Transcript {
    std::string hello_a, hello_b, share_a, share_b, confirm_a, binding_a, binding_b, salt;
};

void read_along(int socket, uint16_t to, Transcript& t) {
    try {
        Channel from = Channel::accept(socket, 5000);
        Channel back = Channel::connect("127.0.0.1", to, 5000);
        t.binding_a = from.binding();
        t.binding_b = back.binding();
        back.send(Frame::hello, t.hello_a = from.receive(Frame::hello, k_small_frame));
        from.send(Frame::hello, t.hello_b = back.receive(Frame::hello, k_small_frame));
        back.send(Frame::share, t.share_a = from.receive(Frame::share, k_small_frame));
        from.send(Frame::share, t.share_b = back.receive(Frame::share, k_small_frame));
        t.confirm_a = from.receive(Frame::confirm, k_small_frame);
    } catch (const Error& e) {
        ADD_FAILURE() << e.message();
    }
}

/// Whether a key's scalar makes the initiator's confirmation, for who has `secret` for the other side's.
bool confirms(const Transcript& t, const std::string& scalar, const std::string& secret,
              const std::string& binding) {
    crypto::Spake2 spake(crypto::Spake2::Side::b, k_initiator, k_responder, scalar, secret);
    try {
        spake.receive(t.share_a, binding + crypto::sha256(t.hello_a + t.hello_b));
        return spake.confirm(t.confirm_a);
    } catch (const Error&) {
        return false;
    }
}

}  // namespace

TEST(Offline, T_4_ARecordingOfTheWireHoldsNothingThatAKeyCouldBeTestedWith) {
    Bench b;
    InitiatorParams wrong = b.params();
    wrong.key = "tokyo-key-43";
    KeyStore::Key key = *KeyStore(b.folder.path + "/key.json").key();
    std::string failed = recorded(b, wrong);
    EXPECT_EQ(b.served.end, ServeResult::End::wrong_key);
    b.wait();
    std::string whole = recorded(b, b.params());
    EXPECT_EQ(b.served.end, ServeResult::End::enrolled) << b.served.text;
    std::string wrong_scalar = key_scalar(wrong.key, key.salt);
    for (const std::string& seen : {failed, whole}) {
        ASSERT_GT(seen.size(), 1500u);
        // TLS names the protocol before it encrypts: the recording is one.
        EXPECT_NE(seen.find("mds-enrol/1"), std::string::npos);
        for (const std::string& secret :
             {k_key, wrong.key, key.salt, hex(key.salt), key.scalar, hex(key.scalar), wrong_scalar,
              crypto::sha256(k_key), crypto::sha256(key.scalar), b.theirs.name, b.theirs.uuid,
              std::string("london-mds-01"), std::string("CERTIFICATE")}) {
            EXPECT_EQ(seen.find(secret), std::string::npos) << hex(secret);
        }
    }
    // What is the same in two recordings is the form of TLS, not what the key makes of it.
    std::set<std::string> pieces;
    for (size_t i = 0; i + 16 <= failed.size(); ++i) pieces.insert(failed.substr(i, 16));
    size_t common = 0;
    for (size_t i = 0; i + 16 <= whole.size(); i += 16) common += pieces.count(whole.substr(i, 16));
    EXPECT_LT(common, 16u);
}

TEST(Offline, T_4_WhoReadsAlongInTheMiddleCannotTestTheTrueKeyLater) {
    Bench b;
    KeyStore::Key key = *KeyStore(b.folder.path + "/key.json").key();
    Transcript t;
    test::Listener middle;
    std::thread attacker([&] { read_along(middle.accept_one(), b.listener.port, t); });
    std::thread server([&] { b.served = b.responder->serve(b.listener.accept_one(), "relay"); });
    InitiatorParams p = b.params();
    p.port = middle.port;
    EXPECT_THROW(connect(p), Error);
    attacker.join();
    server.join();
    ASSERT_EQ(t.confirm_a.size(), 32u);
    EXPECT_EQ(b.responder->tries_left(), KeyStore::k_tries) << "nobody guessed";

    // All that he has and can make, as the missing secret.
    std::string all = t.hello_a + t.hello_b + t.share_a + t.share_b + t.confirm_a + t.binding_a +
                      t.binding_b + key.salt + key.scalar;
    for (const std::string& binding : {t.binding_a, t.binding_b}) {
        for (size_t i = 0; i + 32 <= all.size(); ++i) {
            ASSERT_FALSE(confirms(t, key.scalar, "\x01" + all.substr(i, 31), binding)) << i;
        }
    }
    // That way of testing works for who has the secret: it takes part, with one guess for a connection.
    std::string secret = "\x01" + std::string(31, 's');
    for (bool right : {true, false}) {
        std::string guess = right ? key.scalar : key_scalar("tokyo-key-43", key.salt);
        Transcript own;
        test::Listener fake;
        std::thread guesser([&] {
            try {
                Channel from = Channel::accept(fake.accept_one(), 5000);
                own.binding_a = from.binding();
                own.hello_a = from.receive(Frame::hello, k_small_frame);
                Hello hello = b.theirs;
                hello.clock_ms = wall_ms();
                json::object said = hello.to_json();
                said["salt"] = hex(key.salt);
                from.send(Frame::hello, own.hello_b = json::text(said));
                own.share_a = from.receive(Frame::share, k_small_frame);
                crypto::Spake2 spake(crypto::Spake2::Side::b, k_initiator, k_responder, guess, secret);
                from.send(Frame::share, spake.share());
                own.confirm_a = from.receive(Frame::confirm, k_small_frame);
            } catch (const Error& e) {
                ADD_FAILURE() << e.message();
            }
        });
        p.port = fake.port;
        EXPECT_THROW(connect(p), Error);
        guesser.join();
        EXPECT_EQ(confirms(own, guess, secret, own.binding_a), right);
        // The connection of a wrong guess tests no other key, also not the true one.
        if (!right) {
            EXPECT_FALSE(confirms(own, key.scalar, secret, own.binding_a));
        }
    }
    EXPECT_EQ(b.issued, 0);
}
