// What this host says about itself.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "answers.hh"
#include "base/text.hh"
#include "guarded_file.hh"

namespace mds::firstboot {
namespace {

/// The words after KEY= of the last line that has them in a configuration file.
std::vector<std::string> words_after(const std::string& path, const std::string& key) {
    std::string text, reason;
    bool guarded = false;
    std::vector<std::string> words;
    if (!load(path, text, reason, guarded)) return words;
    for (const std::string& raw : split(text, '\n')) {
        std::string line = trim(raw);
        if (!line.starts_with(key)) continue;
        words.clear();
        for (const std::string& word : split(line.substr(key.size()), ' ')) {
            if (!word.empty()) words.push_back(word);
        }
    }
    return words;
}

void time_facts(HostFacts& facts) {
    namespace fs = std::filesystem;
    const std::string root = system_root();
    std::error_code ignored;
    std::string zone = fs::read_symlink(root + "/etc/localtime", ignored).string();
    size_t at = zone.find("zoneinfo/");
    facts.time_zone = at == zone.npos ? "Etc/UTC" : zone.substr(at + 9);
    for (const auto& [program, name] :
         {std::pair{"/lib/systemd/systemd-timesyncd", "systemd-timesyncd"},
          std::pair{"/usr/sbin/chronyd", "chrony"}, std::pair{"/usr/sbin/ntpd", "ntpd"},
          std::pair{"/usr/sbin/openntpd", "ntpd"}}) {
        if (facts.time_service.empty() && fs::exists(root + program, ignored)) facts.time_service = name;
    }
    for (const std::string& file : {k_timesyncd_file, std::string("/etc/systemd/timesyncd.conf")}) {
        if (facts.time_servers.empty()) facts.time_servers = words_after(root + file, "NTP=");
    }
    if (facts.time_service == "chrony") {
        facts.time_servers.clear();
        std::string text, reason;
        bool guarded = false;
        if (!load(root + k_chrony_file, text, reason, guarded)) return;
        for (const std::string& line : split(text, '\n')) {
            std::vector<std::string> words = split(line, ' ');
            if (words.size() > 1 && words[0] == "server") facts.time_servers.push_back(words[1]);
        }
    }
}

}  // namespace

std::string system_root() {
    const char* root = std::getenv("MDS_ROOT");
    return root ? root : "";
}

HostFacts host_facts() {
    HostFacts facts;
    char name[256] = "";
    gethostname(name, sizeof(name) - 1);
    facts.host_name = name;
    // A connected datagram socket shows the address of the default route; nothing is sent.
    std::string leading;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        sockaddr_in to{}, from{};
        to.sin_family = AF_INET;
        to.sin_port = htons(9);
        inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
        socklen_t size = sizeof(from);
        char text[INET_ADDRSTRLEN] = "";
        if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0 &&
            getsockname(fd, reinterpret_cast<sockaddr*>(&from), &size) == 0) {
            leading = inet_ntop(AF_INET, &from.sin_addr, text, sizeof(text));
        }
        close(fd);
    }
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) == 0) {
        for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
            if (!entry->ifa_addr || (entry->ifa_flags & IFF_LOOPBACK)) continue;
            char text[INET6_ADDRSTRLEN] = "";
            if (entry->ifa_addr->sa_family == AF_INET) {
                inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(entry->ifa_addr)->sin_addr, text,
                          sizeof(text));
            } else if (entry->ifa_addr->sa_family == AF_INET6) {
                const auto* six = reinterpret_cast<sockaddr_in6*>(entry->ifa_addr);
                if (IN6_IS_ADDR_LINKLOCAL(&six->sin6_addr)) continue;
                inet_ntop(AF_INET6, &six->sin6_addr, text, sizeof(text));
            } else {
                continue;
            }
            std::string interface = entry->ifa_name;
            facts.addresses.push_back({text, interface.substr(0, interface.find(':')),
                                       (entry->ifa_flags & IFF_RUNNING) != 0});
        }
        freeifaddrs(list);
    }
    std::stable_partition(facts.addresses.begin(), facts.addresses.end(),
                          [&](const HostFacts::Address& one) { return one.address == leading; });
    time_facts(facts);
    return facts;
}

}  // namespace mds::firstboot
