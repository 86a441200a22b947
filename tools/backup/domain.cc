#include "domain.hh"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <thread>

#include "archive.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "crypto/hash.hh"
#include "machine.hh"
#include "place.hh"

namespace mds::backup {
namespace {

namespace fs = std::filesystem;

/// Folders of this program; the uid of the order is behind it. A backup of the server has neither in it.
constexpr char k_staged[] = ".", k_read[] = "restore-";

/// A file of the user mds, whose folders this program, as root, must not be led out of: no link, and nothing
/// but a file.
class Foreign {
  public:
    Foreign(const std::string& path, int flags)
        : path_(path), fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600)) {
        struct stat s {};
        if (fd_ < 0 || fstat(fd_, &s) != 0) failed();
        if (!S_ISREG(s.st_mode) || s.st_nlink != 1) {
            ::close(fd_);
            throw Error(Code::internal, path + " is not a file of its own");
        }
    }
    ~Foreign() { ::close(fd_); }
    Foreign(const Foreign&) = delete;
    Foreign& operator=(const Foreign&) = delete;

    size_t read(std::string& piece) {
        ssize_t got = ::read(fd_, piece.data(), piece.size());
        if (got < 0) failed();
        return static_cast<size_t>(got);
    }
    void write(std::string_view piece) {
        while (!piece.empty()) {
            ssize_t done = ::write(fd_, piece.data(), piece.size());
            if (done < 0) failed();
            piece.remove_prefix(static_cast<size_t>(done));
        }
    }
    void flush() {
        if (fsync(fd_) != 0) failed();
    }

  private:
    [[noreturn]] void failed() {
        throw Error(errno == ENOSPC ? Code::disk_full : Code::internal, path_ + ": " + std::strerror(errno));
    }
    std::string path_;
    int fd_;
};

/// Copies all of a file; its size and hash.
Entry pour(Foreign& from, Foreign& to) {
    Entry entry;
    crypto::Sha256 hash;
    std::string piece(1 << 20, '\0');
    while (size_t got = from.read(piece)) {
        std::string_view part = std::string_view(piece).substr(0, got);
        hash.update(part);
        to.write(part);
        entry.size += got;
    }
    to.flush();
    entry.hash = hex(hash.finish());
    return entry;
}

/// The copy of the content is made while this waits: {"source","domain"}.
json::object wait_for_content(ctl::Client& core, const std::string& task) {
    for (;;) {
        json::object answer = core.run("", "domain-archive-content", {{"task", task}});
        if (!json::get_string(answer, "source").empty()) return answer;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

json::object save(ctl::Client& core, const json::object& order) {
    std::string task = json::get_string(order, "task"), file = place_for_new(json::get_string(order, "file"));
    core.run("", "domain-archive-seen", {{"task", task}});
    json::object content = wait_for_content(core, task);
    RemoveAtEnd staging(std::string(k_store) + "/" + k_staged + task);
    std::string copy = staging.path + "/" + k_domain_content;
    fs::create_directories(fs::path(copy).parent_path());
    Manifest m = manifest_of_this_server(json::get_string(order, "time"), task);
    m.domain = json::get_object(content, "domain");
    {
        Foreign from(json::get_string(content, "source"), O_RDONLY);
        Foreign to(copy, O_WRONLY | O_CREAT | O_EXCL);
        Entry entry = pour(from, to);
        entry.mode = 0600;
        entry.user = entry.group = "mds";
        m.entries[k_domain_content] = std::move(entry);
    }
    write_archive(m, staging.path, std::string(k_state) + "/trust", file);
    return {{"file", file}, {"bytes", fs::file_size(file)}, {"sha256", m.entries[k_domain_content].hash}};
}

json::object read(ctl::Client& core, const json::object& order) {
    std::string task = json::get_string(order, "task");
    std::string file = place_of_existing(json::get_string(order, "file"));
    std::string root = root_of_this_machine();
    // What it is, is known before all of it is read: whoever asked is answered by that.
    json::object head = read_head(file, root).manifest.to_json();
    json::object answer = core.run("", "domain-archive-seen", {{"task", task}, {"manifest", head}});
    RemoveAtEnd folder(std::string(k_state) + "/" + k_read + task);
    fs::create_directories(folder.path);
    chmod(folder.path.c_str(), 0700);
    if (read_archive(file, root, folder.path).manifest.to_json() != head) {
        throw Error(Code::validation_failed, file + " was changed while it was read");
    }
    // mds-core has made an empty file for it, which is its own.
    Foreign from(folder.path + "/" + k_domain_content, O_RDONLY);
    Foreign to(json::get_string(answer, "target"), O_WRONLY | O_TRUNC);
    Entry entry = pour(from, to);
    return {{"file", file}, {"bytes", fs::file_size(file)}, {"sha256", entry.hash}};
}

/// Folders in `parent` that are called this and the uid of an order.
void remove_folders_of_orders(const std::string& parent, const std::string& head) {
    std::error_code ignored;
    std::vector<fs::path> left;
    for (const auto& item : fs::directory_iterator(parent, ignored)) {
        std::string name = item.path().filename();
        if (name.rfind(head, 0) == 0 && Uid::parse(name.substr(head.size()))) left.push_back(item.path());
    }
    for (const fs::path& path : left) fs::remove_all(path, ignored);
}

}  // namespace

void forget_left_over() {
    remove_folders_of_orders(k_store, k_staged);
    remove_folders_of_orders(k_state, k_read);
}

int serve_domain(ctl::Client& core, const json::object& order) {
    json::object report;
    try {
        report = json::get_string(order, "job") == "save-domain" ? save(core, order) : read(core, order);
    } catch (const Error& e) {
        report = {{"problem", e.message()},
                  {"code", code_word(e.code())},
                  {"refusal", json::object{{"id", e.refusal_id()}, {"next", e.next()}}}};
        json::array lines;
        for (const std::string& line : e.errors()) lines.push_back(json::value(line));
        report["errors"] = std::move(lines);
    } catch (const std::exception& e) {
        report = {{"problem", e.what()}};
    }
    bool good = !report.contains("problem");
    if (!good) std::fprintf(stderr, "%s\n", json::get_string(report, "problem").c_str());
    report["task"] = json::get_string(order, "task");
    core.run("", "backup-done", report);
    return good ? 0 : 1;
}

}  // namespace mds::backup
