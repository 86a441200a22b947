// Backups of this server: made for mds-core (mds-backup.service), verified and restored for root.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "../mdsctl/client.hh"
#include "base/error.hh"
#include "base/text.hh"
#include "domain.hh"
#include "machine.hh"
#include "place.hh"
#include "restore.hh"
#include "snapshot.hh"

namespace mds::backup {
namespace {

namespace fs = std::filesystem;

/// Carries out the order that mds-core holds: {"task","stamp","set","time","logs"}.
void create(ctl::Client& core, const json::object& order) {
    std::string stamp = json::get_string(order, "stamp");
    // It becomes the name of a file.
    if (stamp.empty() || stamp.find('/') != std::string::npos || stamp.front() == '.') {
        throw Error(Code::invalid_parameter, "a backup needs a name");
    }
    Manifest m = manifest_of_this_server(json::get_string(order, "time"), json::get_string(order, "set"));
    fs::create_directories(k_store);
    chmod(k_store, 0700);
    std::string staging = std::string(k_store) + "/." + stamp,
                file = std::string(k_store) + "/" + stamp + ".mdsbk.tar";
    if (fs::exists(file)) throw Error(Code::ha_invalid, file + " is there already; try again");
    fs::remove_all(staging);
    RemoveAtEnd cleanup(staging);
    fs::create_directories(staging);
    Snapshot snapshot;
    // Returns when every server has its moment: from then on everybody publishes again (BK-2).
    core.run("", "backup-pinned", {{"task", json::get_string(order, "task")}});
    m.entries = snapshot.copy(staging, json::get_bool(order, "logs"));
    write_archive(m, staging, std::string(k_state) + "/trust", file);
    core.run("", "backup-done", {{"task", json::get_string(order, "task")},
                                 {"file", file},
                                 {"bytes", fs::file_size(file)}});
}

/// The run of mds-backup.service that this is of; serve and ended have the same.
std::string this_run() {
    const char* id = std::getenv("INVOCATION_ID");
    return id ? id : "";
}

int serve() {
    ctl::Client core;
    json::object order = core.run("", "backup-order", {{"run", this_run()}});
    if (order.contains("job")) return serve_domain(core, order);
    try {
        create(core, order);
        return 0;
    } catch (const std::exception& e) {
        std::fprintf(stderr, "%s\n", e.what());
        core.run("", "backup-done", {{"task", json::get_string(order, "task")}, {"problem", e.what()}});
        return 1;
    }
}

/// After serve(), also when that was killed: mds-core does not wait for what does not come.
int ended() {
    forget_left_over();
    ctl::Client core;
    core.run("", "backup-done", {{"ended", true},
                                 {"run", this_run()},
                                 {"problem", "mds-backup ended before it was done: journalctl -u mds-backup"}});
    return 0;
}

int usage() {
    std::fprintf(stderr, "Usage: mds-backup verify FILE\n"
                         "       mds-backup restore [--alone] [--yes] FILE\n");
    return 2;
}

int act(const std::vector<std::string>& words) {
    if (words.size() == 1 && words[0] == "serve") return serve();
    if (words.size() == 1 && words[0] == "ended") return ended();
    if (words.size() == 2 && words[0] == "verify") return verify(words[1]);
    if (words.size() < 2 || words[0] != "restore") return usage();
    Restore what;
    for (size_t i = 1; i < words.size(); ++i) {
        if (words[i] == "--alone") {
            what.alone = true;
        } else if (words[i] == "--yes" || words[i] == "-y") {
            what.yes = true;
        } else if (what.file.empty() && words[i].front() != '-') {
            what.file = words[i];
        } else {
            return usage();
        }
    }
    return what.file.empty() ? usage() : restore(what);
}

}  // namespace
}  // namespace mds::backup

int main(int argc, char** argv) {
    if (geteuid() != 0) {
        std::fprintf(stderr, "mds-backup: only root may do this\n");
        return 4;
    }
    try {
        return mds::backup::act({argv + 1, argv + argc});
    } catch (const mds::Error& e) {
        std::string id = e.refusal_id().empty() ? "" : "  [" + e.refusal_id() + "]";
        std::fprintf(stderr, "Error: %s%s\n", e.message().c_str(), id.c_str());
        if (!e.next().empty()) std::fprintf(stderr, "Next:  %s\n", e.next().c_str());
        return exit_code(e.code());
    } catch (const std::exception& e) {
        std::fprintf(stderr, "Error: %s\n", e.what());
        return 1;
    }
}
