// mds-setup --reset and --change-role: back to a server that is not set up.
#include "reset.hh"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <vector>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "bus/connection.hh"

namespace mds::firstboot {
namespace fs = std::filesystem;
namespace {

constexpr char k_core[] = "org.openmds.Core1";

/// What mds-core says of this server and the others.
struct Present {
    std::string role, name;
    uint32_t domains = 0;
    /// Names of the other servers, and of those that answer.
    std::vector<std::string> others, answering;
};

Present present() {
    using Row = sdbus::Struct<std::string, std::string, std::string, std::string, int64_t>;
    Present now;
    try {
        auto connection = sdbus::createSystemBusConnection();
        auto core = sdbus::createProxy(*connection, bus::ServiceName{k_core}, sdbus::ObjectPath{"/org/openmds/Core1"});
        auto get = [&](const char* name) { return core->getProperty(name).onInterface(k_core); };
        now.role = get("Role").get<std::string>();
        now.name = get("Name").get<std::string>();
        now.domains = get("Domains").get<uint32_t>();
        for (const Row& row : get("Peers").get<std::vector<Row>>()) {
            now.others.push_back(row.get<0>());
            if (row.get<3>() == "running") now.answering.push_back(row.get<0>());
        }
    } catch (const sdbus::Error&) {
        throw Error(Code::unreachable, "mds-core does not say which servers know this one; nothing was changed")
            .refusal("", "systemctl start mds-core");
    }
    return now;
}

void run(const std::vector<std::string>& words) {
    std::vector<char*> argv;
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    pid_t pid = 0;
    int status = 0;
    if (posix_spawnp(&pid, argv[0], nullptr, nullptr, argv.data(), environ) != 0 || waitpid(pid, &status, 0) != pid ||
        !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        throw Error(Code::internal, "failed: " + join(words, " "));
    }
}

}  // namespace

void require_alone() {
    Present now = present();
    if (now.answering.empty()) return;
    if (now.role == "primary") {
        throw Error(Code::ha_invalid, now.name + " is the Primary of " + join(now.answering, ", "))
            .refusal("", "on " + now.answering.front() + ": mdsctl promote --plan; or delete the others here first: "
                         "mdsctl server delete " + shell_word(now.answering.front()));
    }
    throw Error(Code::ha_invalid, join(now.answering, ", ") + " still know" +
                                      (now.answering.size() == 1 ? "s " : " ") + now.name + " as a member")
        .refusal("", "on the Primary: mdsctl server delete " + shell_word(now.name));
}

void require_empty() {
    Present now = present();
    if (!now.others.empty()) {
        throw Error(Code::ha_invalid, now.name + " is a member of a deployment with " + join(now.others, ", ") +
                                          "; its role cannot be changed any more")
            .refusal("", "on the Primary: mdsctl server delete " + shell_word(now.name) + "; then here: mds-setup --reset");
    }
    // The Global Domain is always there.
    if (now.domains > 1) {
        throw Error(Code::ha_invalid, now.name + " has " + std::to_string(now.domains - 1) +
                                          " Domain" + (now.domains == 2 ? "" : "s") + "; its role cannot be changed")
            .refusal("", "mdsctl domain list; what is no longer needed: mdsctl domain delete, or mds-setup --reset");
    }
}

std::string reset(FILE* out, const std::string& state_folder, const std::string& backup_folder) {
    std::string stamp = rfc3339(wall_ms());
    std::erase(stamp, ':');
    const std::string archive = backup_folder + "/before-reset-" + stamp + ".tar";
    run({"systemctl", "stop", "mds.target", "mds-domain@*.service", "mds-api.socket", "mds-api.service", "mds-crl.socket",
         "mds-crl.service", "mds-metrics.socket", "mds-core.service", "mds-sic.service", "mds-sync.service",
         "mds-ca.service", "mds-helper.service"});
    fs::create_directories(backup_folder);
    // Everything, keys too: made under another name, so that half an archive is never taken for one.
    run({"tar", "-C", state_folder, "-cf", archive + ".part", "."});
    fs::rename(archive + ".part", archive);
    sync_folder(backup_folder);
    std::fprintf(out, "  Kept as it was, with its keys: %s\n", archive.c_str());
    for (const auto& entry : fs::directory_iterator(state_folder)) fs::remove_all(entry.path());
    run({"systemctl", "disable", "--quiet", "mds.target"});
    run({"systemd-tmpfiles", "--create", "mds.conf"});
    return archive;
}

}  // namespace mds::firstboot
