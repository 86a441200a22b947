// Files of this host: owners and modes, revocation lists, backups, databases that were set aside.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <utility>

#include "base/clock.hh"
#include "base/text.hh"
#include "doctor_checks.hh"
#include "draw.hh"
#include "pki/crl.hh"

namespace mds::ctl::doctor {
namespace {

namespace fs = std::filesystem;

/// What the package installs, and systemd-tmpfiles makes at every boot: the one truth about owners.
constexpr char k_tmpfiles[] = "/usr/lib/tmpfiles.d/mds.conf";
constexpr int64_t k_backup_old_ms = 8LL * 24 * 3'600'000;
constexpr size_t k_most_named = 3;

/// A line of the tmpfiles.d; `path` is `below` the folder of the state.
struct Folder {
    std::string path, user, group, state, below;
    mode_t mode = 0;
    uid_t uid = 0;
    gid_t gid = 0;
};

/// `missing`: users and groups that are named there and do not exist; their folders are left out.
std::vector<Folder> folders(const World& world, std::set<std::string>& missing) {
    std::vector<Folder> out;
    const char* file = std::getenv("MDS_TMPFILES");
    std::ifstream in(file ? file : k_tmpfiles);
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        std::string type, mode;
        Folder f;
        words >> type >> f.path >> mode >> f.user >> f.group;
        if (!words || type != "d" || f.path.rfind("/var/lib/mds", 0) != 0) continue;
        f.state = world.state_folder;
        f.below = f.path.substr(std::strlen("/var/lib/mds"));
        f.path = f.state + f.below;
        f.mode = static_cast<mode_t>(std::stoul(mode, nullptr, 8));
        const passwd* user = getpwnam(f.user.c_str());
        const group* of = getgrnam(f.group.c_str());
        if (!user || !of) {
            missing.insert(user ? f.group : f.user);
            continue;
        }
        f.uid = user->pw_uid;
        f.gid = of->gr_gid;
        out.push_back(std::move(f));
    }
    return out;
}

std::string mode_text(mode_t mode) {
    return fmt::format("{:04o}", mode & 07777U);
}

std::string owner_text(uid_t uid, gid_t gid) {
    const passwd* user = getpwuid(uid);
    const group* of = getgrgid(gid);
    return (user ? std::string(user->pw_name) : std::to_string(uid)) + ":" +
           (of ? std::string(of->gr_name) : std::to_string(gid));
}

/// Paths below a folder that do not belong to its owner; each service works as one user.
std::vector<std::string> strangers(const Folder& folder) {
    std::vector<std::string> out;
    std::error_code error;
    fs::recursive_directory_iterator it(folder.path, fs::directory_options::none, error), end;
    for (; !error && it != end; it.increment(error)) {
        struct stat state {};
        if (lstat(it->path().c_str(), &state) == 0 && state.st_uid != folder.uid)
            out.push_back(it->path());
    }
    return out;
}

class Descriptor {
  public:
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() {
        if (fd_ >= 0) close(fd_);
    }
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }
    bool good() const { return fd_ >= 0; }

  private:
    int fd_;
};

constexpr int k_folder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

/// Gives what is in the folder to its owner, when it is somebody else's. By descriptors: the owner
/// can put a link to anywhere in the place of a folder at any moment, and root must not follow it.
void give_content_back(const Folder& folder, const Descriptor& here, const std::string& path) {
    auto check = [](int rc, const std::string& what) {
        if (rc != 0 && errno != ENOENT)
            throw Error(Code::internal, what + ": " + std::strerror(errno));
    };
    // The stream has a descriptor of its own, which it closes.
    std::unique_ptr<DIR, int (*)(DIR*)> entries(fdopendir(openat(here.get(), ".", k_folder)),
                                                closedir);
    if (!entries) return check(-1, path);
    while (const dirent* entry = readdir(entries.get())) {
        std::string name = entry->d_name, whole = path + "/" + name;
        if (name == "." || name == "..") continue;
        struct stat state {};
        if (fstatat(here.get(), name.c_str(), &state, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (state.st_uid != folder.uid)
            check(fchownat(here.get(), name.c_str(), folder.uid, folder.gid, AT_SYMLINK_NOFOLLOW),
                  whole);
        if (!S_ISDIR(state.st_mode)) continue;
        // One that is a link by now, or gone, is not gone into.
        Descriptor inner(openat(here.get(), name.c_str(), k_folder));
        if (inner.good()) give_content_back(folder, inner, whole);
    }
}

void give_back(const Folder& folder) {
    auto check = [&](bool good) {
        if (!good) throw Error(Code::internal, folder.path + ": " + std::strerror(errno));
    };
    // The folder of the state is root's, and may be a link that an administrator made.
    Descriptor here(open(folder.state.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    check(here.good());
    for (const std::string& name : split(folder.below, '/')) {
        if (name.empty()) continue;
        here = Descriptor(openat(here.get(), name.c_str(), k_folder));
        check(here.good());
    }
    if (folder.uid != 0) give_content_back(folder, here, folder.path);
    check(fchown(here.get(), folder.uid, folder.gid) == 0);
    check(fchmod(here.get(), folder.mode) == 0);
}

Finding wrong_owner(const Folder& folder, const std::string& path, const std::string& what,
                    const std::string& cause, std::vector<Next> next) {
    Finding f = found(Verdict::bad, path, what, cause, std::move(next));
    f.breaks = {"owners"};
    f.fix = Fix{"give " + folder.path + " back to " + folder.user, [folder] { give_back(folder); }};
    return f;
}

Finding damaged_list(const World& world, const std::string& file, const std::string& why) {
    // Without its version a server asks the Primary for all lists.
    std::string version = shell_word(world.state_folder + "/crl/version");
    Finding f = found(Verdict::bad, file, "revocation list " + file + " is damaged",
                      fmt::format("the revocation list {} cannot be read: {}; who asks for it is "
                                  "not told what was revoked",
                                  file, why),
                      {{"rm -f " + version + " && systemctl restart mds-core.service", ""}});
    f.needs = {"disk", "owners"};
    return f;
}

}  // namespace

Findings look_at_owners(const World& world) {
    Findings out;
    std::set<std::string> missing;
    const std::vector<Folder> all = folders(world, missing);
    for (const std::string& user : missing) {
        Finding f =
            found(Verdict::bad, user, "the user " + user + " is missing",
                  fmt::format("the user {} of the package does not exist: no service can run "
                              "as it, and its files belong to nobody",
                              user),
                  {{"systemd-sysusers", ""}});
        f.breaks = {"owners"};
        out.push_back(std::move(f));
    }
    for (const Folder& folder : all) {
        struct stat state {};
        std::string owner = folder.user + ":" + folder.group, path = shell_word(folder.path);
        if (lstat(folder.path.c_str(), &state) != 0) {
            if (errno == EACCES) continue;  // above it is told
            Finding f =
                wrong_owner(folder, folder.path, folder.path + " is missing",
                            "the folder " + folder.path + " is missing: " + std::strerror(errno),
                            {{"systemd-tmpfiles --create mds.conf", ""}});
            f.fix = Fix{"make " + folder.path, [] {
                            carry_out({"systemd-tmpfiles", "--create", "mds.conf"});
                        }};
            out.push_back(std::move(f));
            continue;
        }
        if (state.st_uid != folder.uid || state.st_gid != folder.gid ||
            (state.st_mode & 07777U) != folder.mode) {
            std::string is =
                owner_text(state.st_uid, state.st_gid) + " " + mode_text(state.st_mode);
            out.push_back(wrong_owner(folder, folder.path, fmt::format("{} is {}", folder.path, is),
                                      fmt::format("{} is {} and must be {} {}; its service cannot "
                                                  "work with it, or others can read it",
                                                  folder.path, is, owner, mode_text(folder.mode)),
                                      {{fmt::format("chown {} {} && chmod {} {}", owner, path,
                                                    mode_text(folder.mode), path),
                                        ""}}));
        }
        // What lies above belongs to root, and is many things.
        if (!world.root || folder.uid == 0) continue;
        std::vector<std::string> paths = strangers(folder);
        if (paths.empty()) continue;
        std::string more = paths.size() > 1 ? fmt::format(" and {} more", paths.size() - 1) : "";
        struct stat first {};
        lstat(paths[0].c_str(), &first);
        std::string is = owner_text(first.st_uid, first.st_gid);
        out.push_back(wrong_owner(
            folder, paths[0],
            fmt::format("{}{} belong{} to {}", paths[0], more, paths.size() > 1 ? "" : "s", is),
            fmt::format("{}{} belong{} to {} instead of {}: somebody worked there as another user",
                        paths[0], more, paths.size() > 1 ? "" : "s", is, folder.user),
            {{fmt::format("chown -Rh {} {}", owner, path), ""}}));
    }
    if (out.empty()) out.push_back(good("owners and modes are right"));
    return out;
}

Findings look_at_lists(const World& world) {
    size_t count = 0, old = 0;
    int64_t oldest = 0;
    Findings out;
    std::error_code error;
    fs::recursive_directory_iterator it(world.state_folder + "/crl", error), end;
    for (; !error && it != end; it.increment(error)) {
        if (it->path().extension() != ".crl") continue;
        ++count;
        int64_t until = 0;
        try {
            until = pki::Crl::from_der(read_file(it->path())).next_update();
        } catch (const Error& e) {
            std::string file = it->path();
            out.push_back(damaged_list(world, file, e.message()));
            continue;
        }
        if (until >= wall_ms()) continue;
        ++old;
        if (oldest == 0 || until < oldest) oldest = until;
    }
    if (old == 0) {
        if (count > 0 && out.empty())
            out.push_back(good(fmt::format("{} revocation lists are new enough", count)));
        return out;
    }
    std::string primary;
    for (const Peer& p : world.peers) {
        if (p.role == "primary") primary = p.name;
    }
    Finding f = found(
        Verdict::bad, "", fmt::format("{} of {} revocation lists have ended", old, count),
        fmt::format(
            "revocation lists ended on {}: the Primary{} signs them every four days and sends them",
            rfc3339(oldest), primary.empty() ? "" : ", " + primary + ","),
        {{"systemctl status mds-ca.service", primary}, {"mdsctl status", ""}});
    f.needs = {"peer:" + primary,
               "unit:mds-ca.service",
               "unit:mds-core.service",
               "network",
               "sync",
               "clock",
               "disk",
               "owners"};
    out.push_back(std::move(f));
    return out;
}

Findings look_at_backups(const World& world) {
    if (!world.root) return {};
    Next make{"mdsctl backup create", ""};
    std::optional<fs::file_time_type> newest;
    std::error_code error;
    for (fs::directory_iterator it(world.backups_folder, error), end; !error && it != end;
         it.increment(error)) {
        if (!it->path().string().ends_with(".mdsbk.tar")) continue;
        std::error_code gone;
        fs::file_time_type time = it->last_write_time(gone);
        if (!gone && (!newest || time > *newest)) newest = time;
    }
    if (world.role == "log-server") return {};  // gets full copies, is not backed up
    if (!newest) {
        return {found(Verdict::note, world.backups_folder,
                      "no backup of this server in " + world.backups_folder,
                      "no backup was ever made here, or all were moved away", {make})};
    }
    auto age = std::chrono::duration_cast<std::chrono::milliseconds>(
                   fs::file_time_type::clock::now() - *newest)
                   .count();
    if (age < k_backup_old_ms) return {good("backup of " + age_text(age) + " ago")};
    return {found(
        Verdict::warning, world.backups_folder, "the last backup is " + age_text(age) + " old",
        fmt::format("the newest backup in {} is {} old: whatever made them does it no longer",
                    world.backups_folder, age_text(age)),
        {make, {"systemctl list-timers", ""}})};
}

Findings look_at_kept_databases(const World& world) {
    if (!world.root) return {};
    std::vector<std::string> kept;
    for (const char* where : {"/domains", "/system"}) {
        std::error_code error;
        fs::recursive_directory_iterator it(world.state_folder + where, error), end;
        for (; !error && it != end; it.increment(error)) {
            std::string name = it->path().filename();
            if (it.depth() >= 1) it.disable_recursion_pending();
            if (name.starts_with("damaged-") || name.starts_with("replaced-"))
                kept.push_back(it->path());
        }
    }
    if (kept.empty()) return {};
    std::vector<Next> next;
    for (size_t i = 0; i < kept.size() && i < k_most_named; ++i)
        next.push_back({"ls -l " + shell_word(kept[i]), ""});
    return {found(
        Verdict::note, kept[0],
        fmt::format("{} database{} set aside", kept.size(), kept.size() == 1 ? " was" : "s were"),
        "they were damaged, or replaced by a full copy; nothing deletes them but you",
        std::move(next))};
}

}  // namespace mds::ctl::doctor
