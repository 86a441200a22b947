// mdsctl doctor --report FILE: what somebody elsewhere needs to understand what is wrong, without
// secrets (F-14).
#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/clock.hh"
#include "base/environment.hh"
#include "base/text.hh"
#include "doctor.hh"
#include "doctor_mask.hh"
#include "doctor_world.hh"
#include "rows.hh"

namespace mds::ctl::doctor {
namespace {

namespace fs = std::filesystem;

constexpr int k_patience_ms = 20'000;

struct Part {
    const char* name;
    std::vector<std::string> words;
};

/// What programs of the system say.
const std::vector<Part>& programs() {
    static const std::vector<Part> k_programs = {
        {"system/units.txt",
         {"systemctl", "--no-pager", "--full", "status", "mds.target", "mds-*", "dbus.service"}},
        {"system/failed.txt", {"systemctl", "--no-pager", "--failed"}},
        {"system/release.txt", {"cat", "/etc/os-release"}},
        {"system/kernel.txt", {"uname", "-a"}},
        {"system/package.txt",
         {"dpkg-query", "-W", "openmds-server", "systemd", "dbus", "libssl3", "libsdbus-c++1"}},
        {"system/disks.txt", {"df", "-h"}},
        {"system/inodes.txt", {"df", "-i"}},
        {"system/clock.txt", {"timedatectl", "--no-pager"}},
        {"network/addresses.txt", {"ip", "address"}},
        {"network/routes.txt", {"ip", "route", "show", "table", "all"}},
        {"network/counters.txt", {"ip", "-s", "link"}},
        {"network/ports.txt", {"ss", "-tan"}},
        {"files/state.txt", {"ls", "-laR", "/var/lib/mds"}},
        {"files/backups.txt", {"ls", "-la", "/var/backups/mds"}},
        {"journal/mds.txt",
         {"journalctl", "-q", "--no-pager", "-o", "short-iso", "-n", "50000", "-u", "mds-*"}},
        {"journal/errors.txt",
         {"journalctl", "-q", "--no-pager", "-o", "short-iso", "-b", "-p", "err", "-n", "2000"}},
        {"journal/setup.txt",
         {"journalctl", "-q", "--no-pager", "-o", "short-iso", "-n", "5000", "-u", "mds-firstboot*",
          "_COMM=mds-setup"}},
    };
    return k_programs;
}

/// A tar.gz that only root can read, whole or not at all.
class Archive {
  public:
    explicit Archive(const std::string& file)
        : file_(file),
          fd_(open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)) {
        if (fd_ < 0) {
            Error error(errno == EEXIST ? Code::not_unique : Code::internal,
                        file + ": " + std::strerror(errno));
            throw std::move(error).refusal("", "give --report another name");
        }
        archive_write_set_format_pax_restricted(archive_.get());
        archive_write_add_filter_gzip(archive_.get());
        check(archive_write_open_fd(archive_.get(), fd_));
    }
    ~Archive() {
        archive_.reset();
        close(fd_);
        if (!whole_) unlink(file_.c_str());
    }
    Archive(const Archive&) = delete;
    Archive& operator=(const Archive&) = delete;

    void add(const std::string& name, const std::string& text) {
        std::unique_ptr<archive_entry, void (*)(archive_entry*)> entry(archive_entry_new(),
                                                                       archive_entry_free);
        archive_entry_set_pathname(entry.get(), ("mds-report/" + name).c_str());
        archive_entry_set_size(entry.get(), static_cast<la_int64_t>(text.size()));
        archive_entry_set_filetype(entry.get(), AE_IFREG);
        archive_entry_set_perm(entry.get(), 0600);
        archive_entry_set_mtime(entry.get(), wall_ms() / 1000, 0);
        check(archive_write_header(archive_.get(), entry.get()));
        if (archive_write_data(archive_.get(), text.data(), text.size()) !=
            static_cast<la_ssize_t>(text.size()))
            check(ARCHIVE_FATAL);
    }
    void end() {
        check(archive_write_close(archive_.get()));
        if (fsync(fd_) != 0) throw Error(Code::internal, file_ + ": " + std::strerror(errno));
        whole_ = true;
    }

  private:
    void check(int rc) {
        if (rc == ARCHIVE_OK) return;
        const char* why = archive_error_string(archive_.get());
        throw Error(Code::internal, file_ + ": " + (why ? why : "cannot be written"));
    }
    std::string file_;
    int fd_;
    std::unique_ptr<archive, int (*)(archive*)> archive_{archive_write_new(), archive_write_free};
    bool whole_ = false;
};

std::string text_of(const fs::path& file) {
    try {
        return read_file(file);
    } catch (const Error& e) {
        return e.message();
    }
}

void add_settings(Archive& archive, const Mask& mask, const std::string& etc) {
    std::error_code error;
    for (const char* name : {"mds.conf", "setup.conf"}) {
        if (fs::exists(etc + "/" + name, error))
            archive.add(std::string("settings/") + name, mask(text_of(etc + "/" + name)));
    }
    for (const char* folder : {"mds.conf.d", "setup.conf.d"}) {
        for (fs::directory_iterator it(etc + "/" + folder, error), end; !error && it != end;
             it.increment(error)) {
            // Others are no settings, and may be what a setting names: a file with a password.
            if (it->path().extension() != ".conf") continue;
            archive.add(fmt::format("settings/{}/{}", folder, it->path().filename().string()),
                        mask(text_of(it->path())));
        }
    }
}

}  // namespace

void write_report(Client& client, const Options& options, const World& world,
                  const Findings& findings, const std::string& file) {
    std::string etc = environment("MDS_ETC", "/etc/mds");
    Mask mask(etc);
    Archive archive(file);
    Options plain = options;
    plain.colour = plain.terminal = false;
    plain.ascii = true;
    archive.add("doctor.txt", mask(screen(plain, world, findings)));
    json::array all, table;
    for (const Finding& f : findings) all.push_back(f.to_json());
    for (const Check& check : checks())
        table.push_back(json::object{{"check", check.id}, {"looks-at", check.looks_at}});
    archive.add("doctor.json", mask(json::pretty(json::object{{"time", rfc3339(wall_ms())},
                                                              {"server", world.name},
                                                              {"findings", all},
                                                              {"checks", table}})));
    if (world.grid) {
        archive.add("status.json", mask(json::pretty(*world.grid)));
        for (const char* command : {"show-ha-status", "show-tasks"}) {
            try {
                archive.add(std::string(command) + ".json",
                            mask(json::pretty(client.run("", command, {}))));
            } catch (const Error& e) {
                archive.add(std::string(command) + ".json", mask(e.message()));
            }
        }
    }
    if (!world.metrics.empty()) archive.add("metrics.txt", mask(world.metrics));
    add_settings(archive, mask, etc);
    for (const char* name : {"/setup.json", "/setup.log"}) {
        std::error_code error;
        if (fs::exists(world.state_folder + name, error))
            archive.add(std::string("setup") + name, mask(text_of(world.state_folder + name)));
    }
    for (const Part& part : programs()) {
        auto said = output_of(part.words, k_patience_ms);
        archive.add(
            part.name,
            mask(said ? *said : join(part.words, " ") + " does not end, or is not there\n"));
    }
    archive.end();
    if (options.people() && !options.quiet)
        std::printf("Report: %s, for root only, secrets shown as ***\n\n", file.c_str());
}

}  // namespace mds::ctl::doctor
