#include "addresses.hh"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "base/error.hh"
#include "base/text.hh"

namespace mds::helper {
namespace {

[[noreturn]] void wrong(const std::string& message) {
    throw Error(Code::invalid_parameter, message);
}

bool is_ipv6(const std::string& address) { return address.find(':') != std::string::npos; }

std::vector<uint8_t> raw(const std::string& address) {
    std::array<uint8_t, 16> bytes{};
    if (inet_pton(AF_INET, address.c_str(), bytes.data()) == 1) {
        return {bytes.begin(), bytes.begin() + 4};
    }
    if (inet_pton(AF_INET6, address.c_str(), bytes.data()) == 1) {
        return {bytes.begin(), bytes.end()};
    }
    return {};
}

int prefix_of(const sockaddr* mask) {
    const uint8_t* bytes = nullptr;
    size_t size = 0;
    if (mask->sa_family == AF_INET) {
        bytes = reinterpret_cast<const uint8_t*>(
            &reinterpret_cast<const sockaddr_in*>(mask)->sin_addr);
        size = 4;
    } else {
        bytes = reinterpret_cast<const uint8_t*>(
            &reinterpret_cast<const sockaddr_in6*>(mask)->sin6_addr);
        size = 16;
    }
    int bits = 0;
    for (size_t i = 0; i < size; ++i) bits += std::popcount(bytes[i]);
    return bits;
}

}  // namespace

std::vector<HostAddress> host_addresses() {
    std::vector<HostAddress> found;
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) != 0) {
        throw Error(Code::internal, std::string("cannot list the addresses: ") + strerror(errno));
    }
    for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
        if (!entry->ifa_addr || !entry->ifa_netmask) continue;
        char text[INET6_ADDRSTRLEN] = "";
        const void* bytes = nullptr;
        if (entry->ifa_addr->sa_family == AF_INET) {
            bytes = &reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr;
        } else if (entry->ifa_addr->sa_family == AF_INET6) {
            bytes = &reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
        } else {
            continue;
        }
        inet_ntop(entry->ifa_addr->sa_family, bytes, text, sizeof(text));
        // An IPv4 address with a label is listed under its label.
        std::string interface = entry->ifa_name;
        interface = interface.substr(0, interface.find(':'));
        found.push_back({text, interface, prefix_of(entry->ifa_netmask)});
    }
    freeifaddrs(list);
    return found;
}

std::string checked_address(const std::string& text) {
    std::vector<uint8_t> bytes = raw(text);
    if (bytes.empty()) wrong("\"" + text + "\" is not an IPv4 or IPv6 address");
    bool good = false;
    if (bytes.size() == 4) {
        good = bytes[0] != 0 && bytes[0] != 127 && bytes[0] < 224 &&
               !(bytes[0] == 169 && bytes[1] == 254);
    } else {
        std::array<uint8_t, 12> mapped{};
        bool low = std::equal(mapped.begin(), mapped.end(), bytes.begin());
        mapped[10] = mapped[11] = 0xff;
        bool is_mapped = std::equal(mapped.begin(), mapped.end(), bytes.begin());
        good = !low && !is_mapped && bytes[0] != 0xff && !(bytes[0] == 0xfe && bytes[1] >= 0x80);
    }
    if (!good) wrong(text + " cannot be the address of a server");
    char canonical[INET6_ADDRSTRLEN] = "";
    inet_ntop(bytes.size() == 4 ? AF_INET : AF_INET6, bytes.data(), canonical, sizeof(canonical));
    return canonical;
}

void check_interface(const std::string& name) {
    bool good = !name.empty() && name.size() < IFNAMSIZ && name[0] != '-' && name[0] != '.';
    for (char c : name) {
        good = good && (isalnum(static_cast<unsigned char>(c)) || strchr("_.-@", c) != nullptr);
    }
    if (!good) wrong("\"" + name + "\" is not the name of an interface");
}

void check_host_name(const std::string& name) {
    bool good = !name.empty() && name.size() <= 64;
    for (const std::string& label : split(name, '.')) {
        good = good && !label.empty() && label.size() <= 63 && label.front() != '-' &&
               label.back() != '-';
        for (char c : label) {
            good = good && (isalnum(static_cast<unsigned char>(c)) || c == '-');
        }
    }
    if (!good) wrong("\"" + name + "\" is not a host name");
}

bool same_network(const std::string& a, const std::string& b, int prefix) {
    std::vector<uint8_t> left = raw(a), right = raw(b);
    if (left.empty() || left.size() != right.size()) return false;
    for (int bit = 0; bit < prefix; ++bit) {
        uint8_t mask = static_cast<uint8_t>(0x80 >> (bit % 8));
        if ((left[bit / 8] & mask) != (right[bit / 8] & mask)) return false;
    }
    return true;
}

Addresses::Addresses(std::string record, Run run, List list)
    : record_(std::move(record)), run_(std::move(run)), list_(std::move(list)) {}

std::vector<HostAddress> Addresses::read_record() const {
    std::vector<HostAddress> ours;
    if (access(record_.c_str(), F_OK) != 0) return ours;
    for (const std::string& line : split(read_file(record_), '\n')) {
        std::vector<std::string> words = split(line, ' ');
        if (words.size() == 3) ours.push_back({words[0], words[2], std::atoi(words[1].c_str())});
    }
    return ours;
}

void Addresses::write_record(const std::vector<HostAddress>& ours) const {
    std::string text;
    for (const HostAddress& one : ours) {
        text += one.address + " " + std::to_string(one.prefix) + " " + one.interface + "\n";
    }
    replace_file(record_, text, 0644);
}

void Addresses::add(const std::string& text, const std::string& asked_interface,
                    const std::string& beside_text) {
    std::string address = checked_address(text);
    std::string beside = beside_text.empty() ? "" : checked_address(beside_text);
    if (!asked_interface.empty()) check_interface(asked_interface);
    std::vector<HostAddress> present = list_();
    const HostAddress* neighbour = nullptr;
    for (const HostAddress& one : present) {
        if (one.address == address) return;
        if (one.address == beside && (asked_interface.empty() || one.interface == asked_interface)) {
            neighbour = &one;
        }
    }
    std::string interface = asked_interface;
    if (interface.empty()) {
        if (!neighbour) {
            wrong(beside.empty() ? "neither an interface nor an address beside it is given"
                                 : "no interface has the address " + beside);
        }
        interface = neighbour->interface;
    }
    // In the network of the server's own address the new one gets its prefix length, so that both
    // reach their neighbours the same way; elsewhere it is a host address.
    int prefix = is_ipv6(address) ? 128 : 32;
    if (neighbour && same_network(address, neighbour->address, neighbour->prefix)) {
        prefix = neighbour->prefix;
    }
    std::vector<std::string> arguments = {"/usr/sbin/ip", "address", "add",
                                          address + "/" + std::to_string(prefix), "dev", interface};
    std::string label = interface + ":mds";
    if (!is_ipv6(address) && label.size() < IFNAMSIZ) {
        arguments.insert(arguments.end(), {"label", label});
    }
    // Recorded first: an address that is ours and not recorded would never be removed.
    std::vector<HostAddress> ours = read_record();
    std::erase_if(ours, [&](const HostAddress& one) { return one.address == address; });
    ours.push_back({address, interface, prefix});
    write_record(ours);
    try {
        run_(arguments);
    } catch (const Error&) {
        ours.pop_back();
        write_record(ours);
        throw;
    }
}

void Addresses::remove(const std::string& text) {
    std::string address = checked_address(text);
    std::vector<HostAddress> ours = read_record();
    auto it = std::find_if(ours.begin(), ours.end(),
                           [&](const HostAddress& one) { return one.address == address; });
    if (it == ours.end()) return;
    HostAddress entry = *it;
    bool there = false;
    for (const HostAddress& one : list_()) {
        there = there || (one.address == address && one.interface == entry.interface);
    }
    if (there) {
        run_({"/usr/sbin/ip", "address", "del", address + "/" + std::to_string(entry.prefix), "dev",
              entry.interface});
    }
    ours.erase(it);
    write_record(ours);
}

void run_program(const std::vector<std::string>& arguments) {
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
    char* environment[] = {path, locale, nullptr};

    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0) throw Error(Code::internal, "no pipe");
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], 2);
    pid_t pid = 0;
    int failed = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environment);
    posix_spawn_file_actions_destroy(&actions);
    close(pipe_ends[1]);
    std::string said;
    if (!failed) {
        char buffer[512];
        for (ssize_t n = 0; (n = read(pipe_ends[0], buffer, sizeof(buffer))) > 0;) {
            said.append(buffer, static_cast<size_t>(n));
        }
    }
    close(pipe_ends[0]);
    int status = 0;
    if (!failed && waitpid(pid, &status, 0) != pid) failed = errno;
    if (failed) {
        throw Error(Code::internal, arguments[0] + ": " + strerror(failed));
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        throw Error(Code::internal, join(arguments, " ") + ": " + trim(said));
    }
}

}  // namespace mds::helper
