// Looks at the network that need no library: who else has an address (RFC 5227), and what time it is (RFC 5905).
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netdb.h>
#include <netinet/if_ether.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <memory>

#include "base/clock.hh"
#include "probes.hh"

namespace mds::firstboot {
namespace {

class Socket {
  public:
    Socket(int family, int type, int protocol) : fd_(socket(family, type | SOCK_CLOEXEC, protocol)) {}
    ~Socket() {
        if (fd_ >= 0) close(fd_);
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    /// Something to read comes before the end (of mono_ms()).
    bool waits_until(int64_t end) const {
        pollfd one{fd_, POLLIN, 0};
        int64_t left = end - mono_ms();
        return left > 0 && poll(&one, 1, static_cast<int>(left)) > 0;
    }

  private:
    int fd_;
};

constexpr int k_arp_probes = 2, k_arp_wait_ms = 250, k_ntp_wait_ms = 1000;

struct ArpFrame {
    ether_header ether;
    ether_arp arp;
} __attribute__((packed));

/// A host with two interfaces on one network answers on each of them for the addresses of both.
bool is_ours(const unsigned char* hardware_address) {
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) return false;
    std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
    for (const ifaddrs* one = list; one; one = one->ifa_next) {
        if (!one->ifa_addr || one->ifa_addr->sa_family != AF_PACKET) continue;
        const auto* link = reinterpret_cast<const sockaddr_ll*>(one->ifa_addr);
        if (link->sll_halen == ETH_ALEN && memcmp(link->sll_addr, hardware_address, ETH_ALEN) == 0) return true;
    }
    return false;
}

std::string arp_owner(in_addr address, const std::string& interface) {
    Socket line(AF_PACKET, SOCK_RAW, htons(ETH_P_ARP));
    ifreq request{};
    interface.copy(request.ifr_name, IFNAMSIZ - 1);
    // Without the right to look, or on a link that has no ARP, there is nothing to say.
    if (!line || ioctl(line.get(), SIOCGIFHWADDR, &request) != 0 ||
        request.ifr_hwaddr.sa_family != ARPHRD_ETHER) {
        return "";
    }
    sockaddr_ll here{};
    here.sll_family = AF_PACKET;
    here.sll_protocol = htons(ETH_P_ARP);
    here.sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()));
    if (bind(line.get(), reinterpret_cast<sockaddr*>(&here), sizeof(here)) != 0) return "";
    ArpFrame frame{};
    memset(frame.ether.ether_dhost, 0xff, ETH_ALEN);
    memcpy(frame.ether.ether_shost, request.ifr_hwaddr.sa_data, ETH_ALEN);
    frame.ether.ether_type = htons(ETH_P_ARP);
    frame.arp.ea_hdr = {htons(ARPHRD_ETHER), htons(ETH_P_IP), ETH_ALEN, 4, htons(ARPOP_REQUEST)};
    memcpy(frame.arp.arp_sha, request.ifr_hwaddr.sa_data, ETH_ALEN);
    memcpy(frame.arp.arp_tpa, &address, 4);  // no sender address: nobody learns anything wrong
    for (int i = 0; i < k_arp_probes; ++i) {
        if (write(line.get(), &frame, sizeof(frame)) < 0) return "";
        ArpFrame heard{};
        for (int64_t end = mono_ms() + k_arp_wait_ms; line.waits_until(end);) {
            if (read(line.get(), &heard, sizeof(heard)) < static_cast<ssize_t>(sizeof(heard))) continue;
            const unsigned char* from = heard.arp.arp_sha;
            if (memcmp(heard.arp.arp_spa, &address, 4) != 0 || is_ours(from)) continue;
            char text[18];
            std::snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", from[0], from[1], from[2], from[3],
                          from[4], from[5]);
            return text;
        }
    }
    return "";
}

/// The kernel has looked when it took the address; /proc/net/if_inet6 says what it found.
std::string ipv6_owner(const in6_addr& address) {
    constexpr unsigned k_failed = 0x08;  // IFA_F_DADFAILED
    char wanted[33];
    for (size_t i = 0; i < 16; ++i) std::snprintf(wanted + 2 * i, 3, "%02x", address.s6_addr[i]);
    std::ifstream file("/proc/net/if_inet6");
    std::string one, index, prefix, scope, flags, name;
    while (file >> one >> index >> prefix >> scope >> flags >> name) {
        if (one == wanted && (std::stoul(flags, nullptr, 16) & k_failed)) return "another machine";
    }
    return "";
}

/// Milliseconds since 1970 of the 64 bits of NTP.
int64_t ntp_ms(const unsigned char* at) {
    constexpr int64_t k_1900_to_1970 = 2'208'988'800;
    uint32_t seconds = 0, fraction = 0;
    memcpy(&seconds, at, 4);
    memcpy(&fraction, at + 4, 4);
    return (static_cast<int64_t>(ntohl(seconds)) - k_1900_to_1970) * 1000 +
           static_cast<int64_t>((static_cast<uint64_t>(ntohl(fraction)) * 1000) >> 32);
}

}  // namespace

std::string other_owner(const std::string& address, const std::string& interface) {
    in_addr four{};
    in6_addr six{};
    if (inet_pton(AF_INET, address.c_str(), &four) == 1) return arp_owner(four, interface);
    if (inet_pton(AF_INET6, address.c_str(), &six) == 1) return ipv6_owner(six);
    return "";
}

bool clock_offset(const std::string& server, int64_t& offset_ms) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_DGRAM;
    if (getaddrinfo(server.c_str(), "123", &hints, &found) != 0) return false;
    std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
    Socket line(found->ai_family, SOCK_DGRAM, 0);
    if (!line || connect(line.get(), found->ai_addr, found->ai_addrlen) != 0) return false;
    std::array<unsigned char, 48> packet{};
    packet[0] = 0x23;  // version 4, client
    int64_t sent = wall_ms(), end = mono_ms() + k_ntp_wait_ms;
    if (send(line.get(), packet.data(), packet.size(), 0) < 0 || !line.waits_until(end) ||
        recv(line.get(), packet.data(), packet.size(), 0) < static_cast<ssize_t>(packet.size())) {
        return false;
    }
    int64_t back = wall_ms();
    // A server that has no time itself says stratum 0 or 16.
    if ((packet[0] & 7) != 4 || packet[1] == 0 || packet[1] > 15) return false;
    offset_ms = ((ntp_ms(&packet[32]) - sent) + (ntp_ms(&packet[40]) - back)) / 2;
    return true;
}

}  // namespace mds::firstboot
