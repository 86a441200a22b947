#include "bench.hh"

#include "base/text.hh"
#include "pki/certificate.hh"
#include "pki/key.hh"

using namespace mds;
using namespace mds::enrol;
using mds::test::Bench;
using mds::test::k_deployment;
using mds::test::k_key;
using mds::test::k_uuid;
using End = ServeResult::End;

TEST(Enrol, RightKeyDeliversCertificates) {
    Bench b;
    EXPECT_EQ(b.responder->state(), "initialized but trust not established");
    InitiatorResult result = b.run(b.params());
    EXPECT_EQ(b.served.end, End::enrolled) << b.served.text;
    EXPECT_EQ(b.served.deployment, k_deployment);
    EXPECT_EQ(result.peer.name, "tokyo-mds-01");
    std::string trust = b.folder.path + "/trust/";
    pki::Certificate identity = pki::Certificate::from_pem(read_file(trust + "identity.pem"));
    EXPECT_EQ(identity.uri().uuid, k_uuid);
    EXPECT_EQ(identity.serial(), result.identity_serial);
    EXPECT_EQ(hex(identity.fingerprint()), b.responder->credentials().fingerprint());
    EXPECT_EQ(identity.public_der(),
              pki::Key::from_pem(read_file(trust + "identity.key")).public_der());
    EXPECT_EQ(std::filesystem::status(trust + "identity.key").permissions(),
              std::filesystem::perms{0600});
    json::object deployment = b.responder->credentials().deployment();
    EXPECT_EQ(json::get_string(deployment, "id"), k_deployment);
    EXPECT_EQ(json::get_string(deployment, "server-name"), "tokyo-mds-01");
    EXPECT_EQ(json::get_array(deployment, "members").size(), 1u);
    EXPECT_FALSE(std::filesystem::exists(trust + "enrol-pending"));
}

TEST(Enrol, KeyIsDeletedOnlyWhenTheMutualConnectionWorked) {
    Bench b;
    b.run(b.params());
    EXPECT_TRUE(b.responder->wants_connections()) << "it may have to be done again";
    EXPECT_EQ(b.responder->state(), "initialized but trust not established");
    b.run(b.params());
    b.restart();
    b.responder->confirm();
    EXPECT_FALSE(b.responder->wants_connections());
    EXPECT_EQ(b.responder->state(), "trust established");
    EXPECT_FALSE(std::filesystem::exists(b.folder.path + "/key.json"));
}

TEST(Enrol, WrongKeyIsSaidWithTheTriesLeft) {
    Bench b;
    InitiatorParams p = b.params();
    p.key = "tokyo-key-43";
    Error e = b.refused(p);
    EXPECT_EQ(e.code(), Code::login_failed);
    EXPECT_NE(e.message().find("do not match"), std::string::npos) << e.message();
    EXPECT_NE(e.message().find("4 tries are left"), std::string::npos) << e.message();
    EXPECT_EQ(b.served.end, End::wrong_key);
    EXPECT_EQ(b.issued, 0);
    EXPECT_EQ(b.responder->last_wrong()->peer, "127.0.0.1");
    Error soon = b.refused(b.params());
    EXPECT_EQ(soon.code(), Code::too_many_requests) << soon.message();
    EXPECT_EQ(b.responder->tries_left(), 4u) << "waiting costs nothing";
    b.wait();
    b.run(b.params());
    EXPECT_EQ(b.served.end, End::enrolled);
}

TEST(Enrol, T_3_AfterFiveWrongTriesTheRightKeyIsRefusedAlsoAfterRestarts) {
    Bench b;
    InitiatorParams p = b.params();
    p.key = "tokyo-key-43";
    for (unsigned left = 5; left-- > 0;) {
        b.let_time_pass();
        EXPECT_EQ(b.refused(p).code(), Code::login_failed);
        EXPECT_EQ(b.responder->tries_left(), left);
        b.restart();
        EXPECT_EQ(b.responder->tries_left(), left);
    }
    b.restart();
    EXPECT_FALSE(b.responder->wants_connections());
    EXPECT_EQ(b.refused(b.params()).code(), Code::unreachable);
    EXPECT_EQ(b.served.end, End::refused);
    EXPECT_EQ(b.issued, 0);
    EXPECT_NE(read_file(b.folder.path + "/key.json").find("\"scalar\":\"\""), std::string::npos);
    b.responder->set_key("another-key-42", 3'600'000);
    p.key = "another-key-42";
    b.run(p);
    EXPECT_EQ(b.served.end, End::enrolled);
}

TEST(Enrol, WrongRolesAreRefusedBeforeAnythingSecret) {
    Bench b;
    InitiatorParams p = b.params();
    p.expected_role = "log-server";
    Error e = b.refused(p);
    EXPECT_EQ(e.refusal_id(), "RF-07");
    EXPECT_EQ(e.code(), Code::ha_invalid);
    EXPECT_NE(e.message().find("Secondary Multi-Domain Server"), std::string::npos);
    EXPECT_NE(e.message().find("Multi-Domain Log Server"), std::string::npos);
    b.theirs.role = "primary";
    e = b.refused(b.params());
    EXPECT_EQ(e.refusal_id(), "RF-02");
    EXPECT_NE(e.message().find("set up as Primary"), std::string::npos);
    EXPECT_NE(e.message().find("expected Secondary"), std::string::npos);
    EXPECT_EQ(b.responder->tries_left(), 5u);
    EXPECT_EQ(b.issued, 0);
}

TEST(Enrol, OtherVersionNamesBoth) {
    Bench b;
    b.theirs.version = "0.2.0";
    Error e = b.refused(b.params());
    EXPECT_EQ(e.refusal_id(), "RF-12");
    EXPECT_NE(e.message().find("0.2.0"), std::string::npos);
    EXPECT_NE(e.message().find("0.1.0"), std::string::npos);
}

TEST(Enrol, ClocksThatDifferByMoreThanFiveMinutesNameBothTimes) {
    Bench b;
    InitiatorParams p = b.params();
    p.self.clock_ms -= 301'000;
    Error e = b.refused(p);
    EXPECT_EQ(e.code(), Code::ha_invalid);
    EXPECT_NE(e.message().find(rfc3339(p.self.clock_ms)), std::string::npos) << e.message();
    p.self.clock_ms += 100'000;
    b.run(p);
    EXPECT_EQ(b.served.end, End::enrolled);
}

TEST(Enrol, AMemberOfAnotherDeploymentAndAnotherNameAreRefused) {
    Bench b;
    b.theirs.deployment = "ffff";
    b.theirs.deployment_name = "rival";
    Error e = b.refused(b.params());
    EXPECT_NE(e.message().find("already a member of another deployment, rival"), std::string::npos);
    b.theirs.deployment = k_deployment;
    InitiatorParams p = b.params();
    p.expected_name = "osaka-mds-01";
    EXPECT_NE(b.refused(p).message().find("expected osaka-mds-01"), std::string::npos);
    b.run(b.params());
    EXPECT_EQ(b.served.end, End::enrolled) << "a member of ours may enrol again";
}

TEST(Enrol, CertificatesForOtherKeysOrServersAreNotStored) {
    Bench b;
    InitiatorParams p = b.params();
    p.issue = [&](const Requests& r, const Hello& h) {
        Issued out = b.issue(r, h);
        std::swap(out.identity_cert_pem, out.sealing_cert_pem);
        return out;
    };
    EXPECT_EQ(b.refused(p).code(), Code::forbidden);
    p.issue = [&](const Requests& r, const Hello& h) {
        Hello other = h;
        other.uuid = "0190a000-0000-7000-8000-000000000009";
        return b.issue(r, other);
    };
    EXPECT_EQ(b.refused(p).code(), Code::forbidden);
    p.issue = [&](const Requests& r, const Hello& h) {
        Issued out = b.issue(r, h);
        out.deployment_id = "ffff";
        return out;
    };
    EXPECT_EQ(b.refused(p).code(), Code::forbidden);
    EXPECT_FALSE(b.responder->credentials().present());
    EXPECT_EQ(b.responder->tries_left(), 5u);
}

TEST(Enrol, IssuingThatFailsIsSaidAtBothEnds) {
    Bench b;
    InitiatorParams p = b.params();
    p.issue = [](const Requests&, const Hello&) -> Issued {
        throw Error(Code::standby, "this server is not Primary");
    };
    EXPECT_EQ(b.refused(p).code(), Code::standby);
    EXPECT_NE(b.served.text.find("this server is not Primary"), std::string::npos);
}

TEST(Enrol, NobodyThereIsSaid) {
    Bench b;
    InitiatorParams p = b.params();
    {
        test::Listener gone;
        p.port = gone.port;
    }
    try {
        connect(p);
        ADD_FAILURE();
    } catch (const Error& e) {
        EXPECT_EQ(e.code(), Code::unreachable);
        EXPECT_FALSE(e.next().empty());
    }
}

TEST(Enrol, ASilentPeerEndsAtTheDeadline) {
    test::Listener silent;
    Bench b;
    InitiatorParams p = b.params();
    p.port = silent.port;
    p.timeout_ms = 200;
    try {
        connect(p);
        ADD_FAILURE();
    } catch (const Error& e) {
        EXPECT_EQ(e.code(), Code::timed_out);
    }
}

TEST(Enrol, GarbageEndsTheConnectionAndCostsNothing) {
    Bench b;
    for (size_t size : {0u, 1u, 5u, 300u, 20'000u}) {
        std::thread server(
            [&] { b.served = b.responder->serve(b.listener.accept_one(), "127.0.0.1"); });
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_port = htons(b.listener.port);
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ASSERT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
        std::string garbage = random_bytes(size);
        EXPECT_GE(::send(fd, garbage.data(), garbage.size(), MSG_NOSIGNAL), 0);
        close(fd);
        server.join();
        EXPECT_EQ(b.served.end, End::broken);
    }
    EXPECT_EQ(b.responder->tries_left(), 5u);
}
