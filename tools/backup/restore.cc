// Bringing a server back to how it was (BK-1, BK-7 to BK-9). All Multi-Domain Servers of a set begin a
// history of their own, so that nobody takes them for what they were later; one that is restored alone stays
// in the common history and is merely behind.
#include "restore.hh"

#include <SQLiteCpp/SQLiteCpp.h>
#include <fmt/core.h>
#include <grp.h>
#include <pwd.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "../mdsctl/client.hh"
#include "archive.hh"
#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "base/version.hh"
#include "crypto/hash.hh"
#include "machine.hh"

extern char** environ;

namespace mds::backup {
namespace {

namespace fs = std::filesystem;

void run(const std::vector<std::string>& words) {
    std::vector<char*> argv;
    for (const std::string& w : words) argv.push_back(const_cast<char*>(w.c_str()));
    argv.push_back(nullptr);
    pid_t pid = 0;
    int status = posix_spawn(&pid, argv[0], nullptr, nullptr, argv.data(), environ);
    if (status == 0) waitpid(pid, &status, 0);
    if (status != 0) throw Error(Code::internal, words[0] + " failed");
}

const char* role_word(const std::string& role) {
    return role == "primary" ? "Primary" : role == "log-server" ? "log server" : "Secondary";
}

void check(const Manifest& m) {
    if (!m.domain.empty()) {
        std::string name = json::get_string(m.domain, "name");
        throw Error(Code::ha_invalid, "this is the backup of Domain " + name + ", not of a server")
            .refusal("", "mdsctl domain restore --file FILE");
    }
    if (m.version != version()) {
        throw Error(Code::validation_failed,
                    fmt::format("this backup was made by version {}; this server has {}", m.version, version()))
            .refusal("RF-35", "install version " + m.version + ", restore, then upgrade");
    }
    json::object me = identity_of_this_machine();
    std::string uid = json::get_string(me, "uid");
    if (!uid.empty() && uid != m.uid) {
        throw Error(Code::ha_invalid,
                    fmt::format("this is the backup of {} ({}); this server is {} ({})", m.server,
                                role_word(m.role), json::get_string(me, "name"),
                                role_word(json::get_string(me, "role"))))
            .refusal("", fmt::format("restore it on {}, or on a machine that was not set up", m.server));
    }
}

/// Names of other Multi-Domain Servers that run now; empty also when nothing can be asked.
std::vector<std::string> others_running() {
    std::vector<std::string> out;
    try {
        ctl::Client client;
        const json::object grid = client.grid();
        for (const json::value& v : json::get_array(grid, "servers")) {
            const json::object& s = v.as_object();
            if (json::get_bool(s, "self") || json::get_string(s, "role") == "log-server") continue;
            if (json::get_string(s, "state") == "running") out.push_back(json::get_string(s, "name"));
        }
    } catch (const Error&) {
        // The services are stopped: that is how a set is restored.
    }
    return out;
}

/// A new history, the same on every server of the set (replication.md 5).
void begin_history(const std::string& file, const std::string& set) {
    SQLite::Database database(file, SQLite::OPEN_READWRITE);
    SQLite::Statement get(database, "SELECT value FROM meta WHERE key='incarnation'");
    if (!get.executeStep()) return;
    SQLite::Column c = get.getColumn(0);
    std::string old(static_cast<const char*>(c.getBlob()), static_cast<size_t>(c.getBytes()));
    get.reset();
    std::string made = crypto::sha256("restore " + set + " " + old).substr(0, 16);
    SQLite::Statement put(database, "UPDATE meta SET value=? WHERE key='incarnation'");
    put.bind(1, made.data(), static_cast<int>(made.size()));
    put.exec();
}

/// What this machine knew after the backup and must not forget: who was revoked (K-19), and its audit trail.
void keep_known(const std::string& restored) {
    auto attach = [&](const std::string& path, SQLite::Database& database) {
        std::string old = std::string(k_state) + path;
        if (!fs::exists(old)) return false;
        SQLite::Statement s(database, "ATTACH ? AS old");
        s.bind(1, old);
        s.exec();
        return true;
    };
    for (const auto& item : fs::recursive_directory_iterator(restored)) {
        if (item.path().extension() != ".db") continue;
        std::string path = item.path().string().substr(restored.size());
        SQLite::Database database(item.path(), SQLite::OPEN_READWRITE);
        bool authority = database.tableExists("revoked");
        try {
            if (authority && attach(path, database)) {
                SQLite::Transaction transaction(database);
                for (const char* table : {"issued", "revoked", "barred"}) {
                    database.exec(fmt::format("INSERT OR IGNORE INTO {0} SELECT * FROM old.{0}", table));
                }
                // The lists that certificates name; a release before them had none.
                if (SQLite::Statement(database, "SELECT 1 FROM old.sqlite_master WHERE name='crl_part'")
                        .executeStep()) {
                    database.exec("CREATE TABLE IF NOT EXISTS crl_part(serial TEXT PRIMARY KEY, authority "
                                  "TEXT, epoch INTEGER, number INTEGER);"
                                  "INSERT OR REPLACE INTO crl_part SELECT * FROM old.crl_part");
                }
                database.exec("INSERT INTO counter SELECT * FROM old.counter WHERE true ON CONFLICT(authority) "
                              "DO UPDATE SET number=MAX(number,excluded.number)");
                transaction.commit();
            }
            if (database.tableExists("audit") && attach(path, database)) {
                // Also what it saw of the trails of others, and how its own hangs together.
                for (const char* table : {"audit", "audit_chain", "witness"}) {
                    database.exec(fmt::format("INSERT OR IGNORE INTO {0} SELECT * FROM old.{0}", table));
                }
            }
        } catch (const SQLite::Exception& e) {
            // Damaged, perhaps the reason for all this: the backup counts.
            std::fprintf(stderr, "WARNING: %s%s cannot be read (%s): %s\n", k_state, path.c_str(), e.what(),
                         authority ? "what was revoked since the backup comes from the other servers"
                                   : "its audit trail is not kept");
        }
        // Serial numbers and lists that were given out since are passed over.
        if (authority) database.exec("UPDATE counter SET number=((number>>32)+1)<<32");
    }
}

/// Every owner that the backup names is a user of this machine.
void check_owners(const Manifest& m) {
    for (const auto& [path, e] : m.entries) {
        if (path.rfind("logs", 0) == 0 || (getpwnam(e.user.c_str()) && getgrnam(e.group.c_str()))) continue;
        throw Error(Code::validation_failed, path + " belongs to " + e.user + ":" + e.group +
                                                 ", who is unknown here")
            .refusal("", "make this user, or restore on the machine that it is of");
    }
}

void give_back(const std::string& folder, const Manifest& m, const std::string& root) {
    for (const auto& [path, e] : m.entries) {
        if (path.rfind(root + "/", 0) != 0) continue;
        std::string to = folder + "/" + path;
        const passwd* user = getpwnam(e.user.c_str());
        const group* group = getgrnam(e.group.c_str());
        if (!user || !group) throw Error(Code::validation_failed, "there is no user " + e.user + " here");
        if (lchown(to.c_str(), user->pw_uid, group->gr_gid) != 0 ||
            (e.kind != Entry::Kind::link && chmod(to.c_str(), e.mode) != 0)) {
            throw Error(Code::internal, to + ": " + std::strerror(errno));
        }
    }
}

/// Renames that are taken back unless all of them were made.
class Swap {
  public:
    ~Swap() {
        for (auto step = done_.rbegin(); step != done_.rend(); ++step) {
            std::error_code failed;
            fs::rename(step->second, step->first, failed);
            if (failed) {
                std::fprintf(stderr, "%s could not be put back from %s: %s\n", step->first.c_str(),
                             step->second.c_str(), failed.message().c_str());
            }
        }
    }
    void move(const fs::path& from, const fs::path& to) {
        fs::rename(from, to);
        done_.emplace_back(from, to);
    }
    void keep() { done_.clear(); }

  private:
    std::vector<std::pair<fs::path, fs::path>> done_;
};

void print(const Proof& proof) {
    const Manifest& m = proof.manifest;
    uint64_t bytes = 0;
    size_t files = 0;
    for (const auto& [path, e] : m.entries) {
        bytes += e.size;
        files += e.kind == Entry::Kind::file;
    }
    if (!m.domain.empty()) {
        std::printf("Backup of   Domain %s (%s), revision %lld\n", json::get_string(m.domain, "name").c_str(),
                    json::get_string(m.domain, "uid").c_str(),
                    static_cast<long long>(json::get_int(m.domain, "revision")));
    }
    std::printf("%s   %s (%s) of %s\nMade        %s by version %s, set %s\n"
                "Content     %zu files, %.1f MiB; every one as %s has signed it\n"
                "Deployment  root certificate %s%s\n",
                m.domain.empty() ? "Backup of" : "Taken on ", m.server.c_str(), role_word(m.role),
                m.deployment.c_str(), m.time.c_str(),
                m.version.c_str(), m.set.c_str(), files, static_cast<double>(bytes) / (1 << 20),
                m.server.c_str(), proof.root.substr(0, 32).c_str(),
                proof.known_root ? "…, the one of this server" : "…, compare it: this machine knows none");
}

}  // namespace

int verify(const std::string& file) {
    print(read_archive(file, root_of_this_machine(), ""));
    std::puts("The backup is whole.");
    return 0;
}

int restore(const Restore& what) {
    std::string stamp = std::to_string(wall_ms());
    std::string folder = std::string(k_state) + "/restore-" + stamp,
                before = std::string(k_state) + "/before-" + stamp,
                before_etc = std::string(k_etc) + ".before-" + stamp;
    RemoveAtEnd cleanup(folder);
    fs::create_directories(folder);
    chmod(folder.c_str(), 0700);
    // All of it is read and proved before anything is asked or stopped.
    Proof proof = read_archive(what.file, root_of_this_machine(), folder);
    const Manifest& m = proof.manifest;
    check(m);
    print(proof);
    std::vector<std::string> running = others_running();
    if (!what.alone && !running.empty()) {
        throw Error(Code::ha_invalid,
                    "all Multi-Domain Servers are restored together, from one set; " + join(running, ", ") +
                        (running.size() == 1 ? " still runs" : " still run"))
            .refusal("", "mdsstop on every one of them, restore each, then mdsstart; or --alone");
    }
    std::fprintf(stderr, "%s",
                 what.alone ? "\nWARNING: only this server goes back. What was published since comes from the\n"
                              "others again; what only this server had since then is kept aside, not in use.\n"
                            : "\nWARNING: everything published since this backup is gone from the deployment.\n"
                              "Every Multi-Domain Server must be restored from its backup of the same set.\n"
                              "Log servers are not restored: give them a full copy afterwards.\n");
    ctl::Options options;
    options.yes = what.yes;
    if (!ctl::confirm(options, "Restore?")) {
        throw Error(Code::unconfirmed, "nothing was changed").refusal("", "mds_restore FILE, or with --yes");
    }
    if (!what.alone) {
        for (const auto& [path, e] : m.entries) {
            if (path.size() > 10 && path.compare(path.size() - 10, 10, "/public.db") == 0) {
                begin_history(folder + "/" + path, m.set);
            }
        }
    }
    check_owners(m);
    run({"/usr/sbin/mdsstop"});
    try {
        keep_known(folder + "/state");
        give_back(folder, m, "state");
        give_back(folder, m, "etc");
        for (const std::string& aside : {before, before_etc}) {
            fs::create_directories(aside);
            chmod(aside.c_str(), 0700);
        }
        sync();
        // What was here stays beside it, until somebody deletes it.
        Swap swap;
        std::vector<fs::path> there;
        for (const auto& item : fs::directory_iterator(k_state)) there.push_back(item.path());
        for (const fs::path& path : there) {
            std::string name = path.filename();
            if (name.rfind("restore-", 0) == 0 || name.rfind("before-", 0) == 0) continue;
            swap.move(path, fs::path(before) / name);
        }
        there.clear();
        for (const auto& item : fs::directory_iterator(folder + "/state")) there.push_back(item.path());
        for (const fs::path& path : there) swap.move(path, fs::path(k_state) / path.filename());
        there.clear();
        if (fs::exists(folder + "/etc")) {
            for (const auto& item : fs::directory_iterator(folder + "/etc")) there.push_back(item.path());
        }
        for (const fs::path& path : there) {
            fs::path place = fs::path(k_etc) / path.filename();
            if (fs::exists(fs::symlink_status(place))) swap.move(place, fs::path(before_etc) / path.filename());
            swap.move(path, place);
        }
        sync();
        swap.keep();
    } catch (const std::exception& e) {
        std::fprintf(stderr, "The restore failed; this server goes on with what it had.\n");
        run({"/usr/sbin/mdsstart"});
        throw Error(Code::internal, e.what());
    }
    run({"/usr/bin/systemd-tmpfiles", "--create", "mds.conf"});
    run({"/usr/sbin/mdsstart"});
    std::printf("%s is restored. What it had before is in %s.\n", m.server.c_str(), before.c_str());
    if (!what.alone) {
        std::printf("Next:  the other servers of the set %s, each from its own backup\n"
                    "       mdsctl status\n",
                    m.set.c_str());
    } else {
        std::printf("Next:  mdsctl status\n");
    }
    return 0;
}

}  // namespace mds::backup
