// mdsctl backup: one moment of every Multi-Domain Server, a file on each (BK-*).
#include <dirent.h>
#include <fmt/core.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "rows.hh"
#include "verbs.hh"

extern char** environ;

namespace mds::ctl {
namespace {

namespace fs = std::filesystem;

constexpr char k_store[] = "/var/backups/mds", k_program[] = "/usr/lib/mds/mds-backup";

/// The folder, whole; throws RF-34 when a backup contains it.
std::string usable(const std::string& folder) {
    std::error_code error;
    fs::path whole = fs::canonical(folder, error);
    if (error || !fs::is_directory(whole)) {
        throw Error(Code::invalid_parameter, "Invalid parameter for [directory]. " + folder +
                                                 " is not a directory");
    }
    for (const char* source : {"/var/lib/mds", "/etc/mds", "/var/backups/mds/."}) {
        std::string text = whole.string() + "/";
        if (text.rfind(std::string(source) + "/", 0) == 0) {
            throw Error(Code::invalid_parameter, "Invalid parameter for [directory]. " + whole.string() +
                                                     " is itself backed up")
                .refusal("RF-34", "choose another directory, for example " + std::string(k_store));
        }
    }
    return whole;
}

/// Into another folder, also on another disk; whole or not at all.
std::string moved(const std::string& file, const std::string& folder) {
    fs::path to = fs::path(folder) / fs::path(file).filename();
    if (to == fs::path(file)) return file;
    fs::path part = to.string() + ".part";
    fs::copy_file(file, part, fs::copy_options::overwrite_existing);
    fs::permissions(part, fs::perms::owner_read | fs::perms::owner_write);
    fs::rename(part, to);
    fs::remove(file);
    return to;
}

int run(std::vector<std::string> words) {
    std::vector<char*> argv;
    for (std::string& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    std::fflush(stdout);
    pid_t pid = 0;
    int status = posix_spawn(&pid, argv[0], nullptr, nullptr, argv.data(), environ);
    if (status != 0) throw Error(Code::internal, words[0] + ": " + std::strerror(status));
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int backup_create(Client& client, const Options& options, const Backup& what) {
    client.require_here("backup create");
    std::string folder = usable(what.directory.empty() ? k_store : what.directory);
    if (what.plan || options.dry_run) {
        std::printf("Every Multi-Domain Server is backed up at one moment; publishing is held for it.\n"
                    "The file of this server comes into %s, those of the others into\n%s there.\n\n",
                    safe(folder).c_str(), k_store);
        const json::object grid = client.grid();
        for (const json::value& v : json::get_array(grid, "servers")) {
            const json::object& s = v.as_object();
            std::string role = json::get_string(s, "role"), state = json::get_string(s, "state");
            std::printf("  %-20s %s\n", safe(json::get_string(s, "name")).c_str(),
                        role == "log-server" ? "log server: not backed up, it gets full copies"
                                             : state == "running" ? "backed up" : "does not answer");
        }
        return 0;
    }
    json::object reply = client.run("", "backup-mds", {{"logs", what.logs},
                                                       {"ignore-silent", what.ignore_silent}});
    json::object task = follow(client, options, "", json::get_string(reply, "task-id"));
    if (!options.wait) return 0;
    json::array rows = json::get_array(task, "task-details");
    std::string own;
    const json::object grid = client.grid();
    for (const json::value& v : json::get_array(grid, "servers")) {
        if (json::get_bool(v.as_object(), "self")) own = json::get_string(v.as_object(), "name");
    }
    Rows table("backups", {"SERVER", "SIZE", "FILE"});
    int64_t held = 0;
    for (json::value& v : rows) {
        json::object& row = v.as_object();
        if (json::get_string(row, "server") == own && folder != k_store) {
            row["file"] = moved(json::get_string(row, "file"), folder);
        }
        held = json::get_int(row, "held-ms");
        table.row(row, {json::get_string(row, "server"), size_cell(json::get_int(row, "bytes")),
                        json::get_string(row, "file")});
    }
    if (!table.print(options) || options.quiet) return 0;
    std::printf("\nPublishing was held for %lld ms. Copy every file to another machine:\n"
                "each is as secret as the server that it is of.\n",
                static_cast<long long>(held));
    if (!json::get_string(task, "comments").empty()) {
        std::printf("%s %s\n", symbol(options, "warning").c_str(),
                    safe(json::get_string(task, "comments")).c_str());
    }
    return 0;
}

int backup_list(Client& client, const Options& options, const std::string& directory) {
    client.require_here("backup list");
    std::string folder = directory.empty() ? k_store : directory;
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& item : fs::directory_iterator(folder, error)) {
        std::string name = item.path().filename();
        if (name.size() > 10 && name.compare(name.size() - 10, 10, ".mdsbk.tar") == 0) files.push_back(item.path());
    }
    if (error) {
        throw Error(error == std::errc::permission_denied ? Code::no_permissions : Code::object_not_found,
                    folder + ": " + error.message());
    }
    std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
        return fs::last_write_time(a) > fs::last_write_time(b);
    });
    Rows table("backups in " + safe(folder), {"FILE", "SIZE"});
    for (const fs::path& f : files) {
        auto bytes = static_cast<int64_t>(fs::file_size(f));
        table.row({{"file", f.string()}, {"bytes", bytes}}, {f.string(), size_cell(bytes)});
    }
    table.print(options);
    return 0;
}

int backup_verify(Client& client, const std::string& file) {
    client.require_here("backup verify " + shell_word(file));
    return run({k_program, "verify", file});
}

int backup_restore(Client& client, const Options& options, const std::string& file, bool alone) {
    client.require_here("backup restore " + shell_word(file));
    // What would be restored is what reading all of it tells.
    if (options.dry_run) return run({k_program, "verify", file});
    std::vector<std::string> words{k_program, "restore"};
    if (alone) words.emplace_back("--alone");
    if (options.yes) words.emplace_back("--yes");
    words.push_back(file);
    return run(std::move(words));
}

}  // namespace mds::ctl
