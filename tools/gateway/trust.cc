// The machine that has the key (security.md 1.2): a gateway enrols as a server does (K-7).
#include <arpa/inet.h>
#include <fmt/core.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "base/version.hh"
#include "enrol/responder.hh"
#include "gateway.hh"

namespace mds::gateway {
namespace {

constexpr int64_t k_least_valid_ms = 3'600'000;

/// Chosen once and kept: a repeated try is the same machine.
std::string own_uuid(const State& state) {
    std::string file = state.file("uuid");
    if (access(file.c_str(), R_OK) != 0) replace_file(file, Uid::make().text(), 0600);
    return trim(read_file(file));
}

struct Listener {
    int fd = -1;
    explicit Listener(uint16_t port) {
        fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int off = 0, on = 1;
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_port = htons(port);
        if (fd < 0 || bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(fd, 4) != 0) {
            throw Error(Code::unreachable, fmt::format("cannot listen on port {}: {}", port, std::strerror(errno)));
        }
    }
    ~Listener() {
        if (fd >= 0) close(fd);
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
};

std::string text_of(const sockaddr_in6& address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (IN6_IS_ADDR_V4MAPPED(&address.sin6_addr)) {
        inet_ntop(AF_INET, &address.sin6_addr.s6_addr[12], text, sizeof text);
    } else {
        inet_ntop(AF_INET6, &address.sin6_addr, text, sizeof text);
    }
    return text;
}

}  // namespace

void wait_for_trust(const State& state, const std::string& name, const std::string& key, uint16_t port,
                    int64_t wait_ms) {
    replace_file(state.file("name"), name + "\n", 0600);
    enrol::Responder::Params params;
    params.store_path = state.file("activation.json");
    params.trust_folder = state.trust();
    enrol::Credentials credentials(state.trust());
    params.self = [&] {
        enrol::Hello hello;
        hello.role = "gateway";
        hello.name = name;
        hello.uuid = own_uuid(state);
        hello.version = mds::version();
        hello.platform = enrol::this_platform();
        hello.clock_ms = wall_ms();
        json::object deployment = credentials.deployment();
        hello.deployment = json::get_string(deployment, "id");
        hello.deployment_name = json::get_string(deployment, "name");
        return hello;
    };
    enrol::Responder responder(params);
    responder.set_key(key, std::max(wait_ms, k_least_valid_ms));
    Listener listener(port);
    fmt::print("Waiting on port {} for a management server that knows the key.\n", port);
    fflush(stdout);
    int64_t end = mono_ms() + wait_ms;
    while (responder.tries_left() > 0) {
        pollfd wanted{listener.fd, POLLIN, 0};
        int64_t left = end - mono_ms();
        if (left <= 0) {
            responder.clear_key();
            throw Error(Code::timed_out, "no management server came in time; the key is deleted")
                .refusal("", "set-simple-gateway with one-time-password while this waits");
        }
        if (poll(&wanted, 1, static_cast<int>(std::min<int64_t>(left, 60'000))) <= 0) continue;
        sockaddr_in6 from{};
        socklen_t size = sizeof from;
        int fd = accept4(listener.fd, reinterpret_cast<sockaddr*>(&from), &size, SOCK_CLOEXEC);
        if (fd < 0) continue;
        std::string peer = text_of(from);
        enrol::ServeResult result = responder.serve(fd, peer);
        if (result.end != enrol::ServeResult::End::enrolled) {
            fmt::print(stderr, "{}\n", result.text);
            continue;
        }
        // The first question goes where the trust came from; the answer names all servers of the Domain.
        state.keep_managers({peer});
        responder.confirm();
        return;
    }
    throw Error(Code::login_failed, "no try is left for this key").refusal("", "choose a new key, on both ends");
}

}  // namespace mds::gateway
