#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "enrol/initiator.hh"
#include "enrol/responder.hh"
#include "enrol_peer.hh"

// Both ends of an enrolment on the loopback interface.
namespace mds::test {

/// As the daemons do (Channel).
inline const auto k_no_pipe_signal = std::signal(SIGPIPE, SIG_IGN);

struct Folder {
    std::string path = std::filesystem::temp_directory_path() / ("mds-" + hex(random_bytes(8)));
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
};

/// A listening socket on a free port of 127.0.0.1.
struct Listener {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint16_t port = 0;
    Listener() {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&a), sizeof a), 0);
        EXPECT_EQ(listen(fd, 8), 0);
        socklen_t size = sizeof a;
        getsockname(fd, reinterpret_cast<sockaddr*>(&a), &size);
        port = ntohs(a.sin_port);
    }
    ~Listener() { close(fd); }
    int accept_one() const { return accept(fd, nullptr, nullptr); }
};

inline const std::string k_key = "tokyo-key-42";

struct Bench {
    Folder folder;
    Authority authority;
    enrol::Hello theirs{"secondary", "tokyo-mds-01", k_uuid, "0.1.0", "test", 0, "", ""};
    Listener listener;
    std::unique_ptr<enrol::Responder> responder;
    enrol::ServeResult served;
    int issued = 0;

    Bench() {
        restart();
        responder->set_key(k_key, 3'600'000);
    }
    /// A new process with the same files.
    void restart() {
        responder = std::make_unique<enrol::Responder>(enrol::Responder::Params{
            [this] { return theirs; }, folder.path + "/key.json", folder.path + "/trust", 5000});
    }
    enrol::Issued issue(const enrol::Requests& requests, const enrol::Hello& peer) {
        ++issued;
        return authority.issue(requests, peer);
    }
    enrol::InitiatorParams params() {
        enrol::InitiatorParams p;
        p.address = "127.0.0.1";
        p.port = listener.port;
        p.self = {"primary", "london-mds-01", "0190a000-0000-7000-8000-000000000002", "0.1.0",
                  "test",    wall_ms(),       k_deployment, "acme-msp"};
        p.expected_name = "tokyo-mds-01";
        p.expected_role = "secondary";
        p.key = k_key;
        p.timeout_ms = 5000;
        p.issue = [this](const enrol::Requests& r, const enrol::Hello& h) { return issue(r, h); };
        return p;
    }
    /// Lets the wait after a wrong try pass, as if the process had been down for so long.
    void let_time_pass() {
        std::string path = folder.path + "/key.json";
        json::object o = json::parse_object(read_file(path));
        o["wait-until"] = 0;
        replace_file(path, json::text(o), 0600);
        restart();
    }
    /// One enrolment, both ends at once.
    enrol::InitiatorResult run(const enrol::InitiatorParams& p) {
        std::thread server(
            [&] { served = responder->serve(listener.accept_one(), "127.0.0.1"); });
        try {
            enrol::InitiatorResult result = enrol::connect(p);
            server.join();
            return result;
        } catch (...) {
            server.join();
            throw;
        }
    }
    /// The error that an enrolment ends with.
    Error refused(const enrol::InitiatorParams& p) {
        try {
            run(p);
        } catch (const Error& e) {
            return e;
        }
        ADD_FAILURE() << "accepted";
        return Error(Code::internal, "accepted");
    }
    /// Waits until the port takes the next try.
    void wait() const {
        int64_t until = mono_ms() + 20'000;
        std::string path = folder.path + "/key.json";
        while (mono_ms() < until && enrol::KeyStore(path).wait_ms() > 0) usleep(20'000);
    }
};

}  // namespace mds::test
