#include "doctor_probe.hh"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>
#include <memory>
#include <sstream>
#include <thread>

#include "base/clock.hh"

namespace mds::ctl::doctor {
namespace {

/// How long a name may take; resolvers go on for much longer.
constexpr auto k_resolve = std::chrono::milliseconds(1500);
constexpr int k_ping_gap_ms = 10;

struct Fd {
    explicit Fd(int number) : fd(number) {}
    ~Fd() {
        if (fd >= 0) close(fd);
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    int fd;
};

std::string text_of(const sockaddr* address) {
    char text[INET6_ADDRSTRLEN] = "";
    if (address->sa_family == AF_INET) {
        inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text,
                  sizeof text);
    } else if (address->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text,
                  sizeof text);
    }
    return text;
}

int64_t micros() {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

sockaddr_storage with_port(const Target& target, int port) {
    sockaddr_storage out = target.address;
    // The port is at the same place in both families.
    reinterpret_cast<sockaddr_in*>(&out)->sin_port = htons(static_cast<uint16_t>(port));
    return out;
}

struct Found {
    int error = 0;
    Target target;
};

Found look_up(const std::string& name) {
    Found found;
    addrinfo hints{}, *list = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    found.error = getaddrinfo(name.c_str(), nullptr, &hints, &list);
    if (found.error != 0) return found;
    std::memcpy(&found.target.address, list->ai_addr, list->ai_addrlen);
    found.target.size = list->ai_addrlen;
    found.target.text = text_of(list->ai_addr);
    freeaddrinfo(list);
    return found;
}

/// The router and the interface on the way to an IPv4 address, as the main routing table has it.
void read_gateway(const Target& target, Route& route) {
    uint32_t wanted = reinterpret_cast<const sockaddr_in*>(&target.address)->sin_addr.s_addr;
    std::ifstream table("/proc/net/route");
    std::string line;
    std::getline(table, line);
    uint32_t best = 0;
    bool any = false;
    while (std::getline(table, line)) {
        std::istringstream in(line);
        std::string interface, metric;
        uint32_t destination = 0, gateway = 0, flags = 0, mask = 0, count = 0;
        in >> interface >> std::hex >> destination >> gateway >> flags >> count >> count >>
            metric >> mask;
        if (!in || (flags & 1U) == 0 || (wanted & mask) != destination) continue;
        if (any && ntohl(mask) < best) continue;
        any = true;
        best = ntohl(mask);
        in_addr address{gateway};
        char text[INET_ADDRSTRLEN] = "";
        route.gateway = gateway && inet_ntop(AF_INET, &address, text, sizeof text) ? text : "";
        route.interface = interface;
    }
}

uint16_t checksum(const uint8_t* data, size_t size) {
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < size; i += 2)
        sum += static_cast<uint32_t>(data[i] << 8 | data[i + 1]);
    while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
    return htons(static_cast<uint16_t>(~sum));
}

int echo_socket(int family, bool& raw) {
    int protocol =
        family == AF_INET ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
    raw = false;
    int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
    if (fd >= 0) return fd;
    raw = true;
    return socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
}

/// The number of the echo reply in a packet, -1 when it is none of ours.
int reply_number(const uint8_t* data, ssize_t size, bool v4, bool raw, uint16_t id) {
    if (v4 && raw && size > 0) {
        int head = (data[0] & 15) * 4;
        data += head;
        size -= head;
    }
    if (size < 8 || data[0] != (v4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY)) return -1;
    if (raw && (data[4] << 8 | data[5]) != id) return -1;
    return data[6] << 8 | data[7];
}

}  // namespace

std::optional<Target> resolve(const std::string& name, std::string& problem) {
    auto promise = std::make_shared<std::promise<Found>>();
    std::future<Found> future = promise->get_future();
    // The thread outlives a resolver that is too slow; mdsctl ends without it.
    std::thread([promise, name] { promise->set_value(look_up(name)); }).detach();
    if (future.wait_for(k_resolve) != std::future_status::ready) {
        problem = "the name service does not answer";
        return std::nullopt;
    }
    Found found = future.get();
    if (found.error == 0) return found.target;
    problem = found.error == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(found.error);
    return std::nullopt;
}

Route route_to(const Target& target) {
    Route route;
    Fd fd(socket(target.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_storage there = with_port(target, 9);
    // Sends nothing: the kernel only chooses the way.
    if (fd.fd < 0 || connect(fd.fd, reinterpret_cast<sockaddr*>(&there), target.size) != 0) {
        route.error = errno;
        return route;
    }
    sockaddr_storage here{};
    socklen_t size = sizeof here;
    if (getsockname(fd.fd, reinterpret_cast<sockaddr*>(&here), &size) == 0) {
        route.source = text_of(reinterpret_cast<sockaddr*>(&here));
    }
    if (target.address.ss_family == AF_INET) read_gateway(target, route);
    return route;
}

Connect connect_to(const Target& target, int port, int patience_ms) {
    Connect result;
    Fd fd(socket(target.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_storage there = with_port(target, port);
    auto begin = std::chrono::steady_clock::now();
    int rc = fd.fd < 0 ? -1 : connect(fd.fd, reinterpret_cast<sockaddr*>(&there), target.size);
    if (rc != 0 && errno == EINPROGRESS) {
        pollfd ready{fd.fd, POLLOUT, 0};
        if (poll(&ready, 1, patience_ms) <= 0) {
            result.error = ETIMEDOUT;
            return result;
        }
        socklen_t size = sizeof result.error;
        getsockopt(fd.fd, SOL_SOCKET, SO_ERROR, &result.error, &size);
    } else if (rc != 0) {
        result.error = errno;
    }
    result.ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    return result;
}

Ping ping(const Target& target, int count, int patience_ms) {
    Ping result;
    bool raw = false, v4 = target.address.ss_family == AF_INET;
    Fd fd(echo_socket(target.address.ss_family, raw));
    if (fd.fd < 0) return result;
    result.possible = true;
    // Several of us at once, also towards one server: the address of the result differs between
    // them.
    auto id = static_cast<uint16_t>(
        (static_cast<unsigned>(getpid()) ^ (reinterpret_cast<uintptr_t>(&result) >> 4)) & 0xffff);
    sockaddr_storage there = with_port(target, 0);
    std::vector<int64_t> sent(static_cast<size_t>(count), 0);
    std::vector<bool> back(static_cast<size_t>(count), false);
    int64_t begin = mono_ms(), end = begin + k_ping_gap_ms * count + patience_ms;
    while (result.received < count && mono_ms() < end) {
        if (result.sent < count && mono_ms() >= begin + k_ping_gap_ms * result.sent) {
            std::array<uint8_t, 16> packet{};
            packet[0] = v4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
            packet[4] = static_cast<uint8_t>(id >> 8);
            packet[5] = static_cast<uint8_t>(id);
            packet[6] = static_cast<uint8_t>(result.sent >> 8);
            packet[7] = static_cast<uint8_t>(result.sent);
            if (v4) {
                uint16_t sum = checksum(packet.data(), packet.size());
                std::memcpy(&packet[2], &sum, 2);
            }
            sent[static_cast<size_t>(result.sent)] = micros();
            // What cannot be sent is as good as lost.
            [[maybe_unused]] ssize_t rc = sendto(fd.fd, packet.data(), packet.size(), 0,
                                                 reinterpret_cast<sockaddr*>(&there), target.size);
            ++result.sent;
        }
        pollfd ready{fd.fd, POLLIN, 0};
        if (poll(&ready, 1, result.sent < count ? k_ping_gap_ms / 2 : k_ping_gap_ms) <= 0) continue;
        std::array<uint8_t, 512> data{};
        ssize_t size = recv(fd.fd, data.data(), data.size(), 0);
        int number = reply_number(data.data(), size, v4, raw, id);
        if (number < 0 || number >= result.sent || back[static_cast<size_t>(number)]) continue;
        back[static_cast<size_t>(number)] = true;
        double ms = static_cast<double>(micros() - sent[static_cast<size_t>(number)]) / 1000;
        result.best_ms = result.received++ == 0 ? ms : std::min(result.best_ms, ms);
    }
    return result;
}

namespace {

/// The words of an address as the tables of /proc/net have them: as they lie in memory, without a mark between.
std::string table_words(const void* address, size_t words) {
    std::array<uint32_t, 4> word{};
    std::memcpy(word.data(), address, words * sizeof(uint32_t));
    std::string out;
    for (size_t i = 0; i < words; ++i) out += fmt::format("{:08X}", word[i]);
    return out;
}

bool half_open_in(const char* file, const std::string& wanted) {
    constexpr char k_syn_received[] = "03";
    // Answered again after 1 and 3 seconds; what came longer ago tells nothing of a line that broke since.
    constexpr unsigned long k_most_answers = 2;
    std::ifstream table(file);
    std::string line, number, local, remote, state, queues, timer, answers;
    std::getline(table, line);
    while (std::getline(table, line)) {
        std::istringstream in(line);
        in >> number >> local >> remote >> state >> queues >> timer >> answers;
        if (state == k_syn_received && remote.starts_with(wanted + ':') &&
            std::strtoul(answers.c_str(), nullptr, 16) <= k_most_answers)
            return true;
    }
    return false;
}

}  // namespace

bool half_open_from(const Target& target) {
    // What listens for both families has callers of IPv4 in the table of IPv6.
    if (target.address.ss_family == AF_INET) {
        in6_addr mapped{};
        mapped.s6_addr[10] = mapped.s6_addr[11] = 0xFF;
        const in_addr& plain = reinterpret_cast<const sockaddr_in*>(&target.address)->sin_addr;
        std::memcpy(&mapped.s6_addr[12], &plain, sizeof(plain));
        return half_open_in("/proc/net/tcp", table_words(&plain, 1)) ||
               half_open_in("/proc/net/tcp6", table_words(&mapped, 4));
    }
    const in6_addr& wide = reinterpret_cast<const sockaddr_in6*>(&target.address)->sin6_addr;
    return half_open_in("/proc/net/tcp6", table_words(&wide, 4));
}

std::vector<Interface> interfaces() {
    std::vector<Interface> out;
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return out;
    for (const ifaddrs* one = list; one; one = one->ifa_next) {
        auto known = std::find_if(out.begin(), out.end(),
                                  [&](const Interface& i) { return i.name == one->ifa_name; });
        if (known == out.end()) {
            out.push_back({one->ifa_name,
                           (one->ifa_flags & IFF_UP) != 0,
                           (one->ifa_flags & IFF_RUNNING) != 0,
                           (one->ifa_flags & IFF_LOOPBACK) != 0,
                           {}});
            known = out.end() - 1;
        }
        std::string text = one->ifa_addr ? text_of(one->ifa_addr) : "";
        if (!text.empty()) known->addresses.push_back(text);
    }
    freeifaddrs(list);
    return out;
}

}  // namespace mds::ctl::doctor
