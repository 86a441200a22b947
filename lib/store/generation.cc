#include "store/generation.hh"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.hh"
#include "base/text.hh"

namespace mds::store {
namespace fs = std::filesystem;
namespace {

constexpr char k_damaged[] = "damaged-", k_replaced[] = "replaced-";
/// In the folder of a generation that is kept when it is no longer live.
constexpr char k_keep[] = "/keep";
/// The file that becomes `current`.
constexpr char k_next[] = "/current.next";

std::string name_of(int number) { return fmt::format("gen-{:06}", number); }

/// Keeps a generation that was replaced, under the name of what it is; returns its folder.
std::string keep_folder(const fs::path& old) {
    std::string name = old.filename();
    fs::path kept = old.parent_path() / (k_replaced + name.substr(name.find('-') + 1));
    fs::rename(old, kept);
    sync_folder(old.parent_path());
    return kept;
}

}  // namespace

void flush_file(const std::string& path) {
    int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        int saved = errno;
        if (fd >= 0) close(fd);
        throw Error(Code::internal, "cannot flush " + path + ": " + std::strerror(saved));
    }
    close(fd);
}

Generations::Generations(std::string folder) : folder_(std::move(folder)) {
    fs::create_directories(folder_);
    fs::path current = fs::path(folder_) / "current";
    if (fs::exists(current)) {
        std::string name = trim(read_file(current));
        if (name.rfind("gen-", 0) != 0) {
            throw Error(Code::internal, current.string() + " does not name a generation");
        }
        number_ = std::atoi(name.c_str() + 4);
        // It may be the name of a switch whose last flush failed.
        sync_folder(folder_);
        // Nor did every set_aside() come to its end: the damaged one is away, the empty one not there.
        if (fs::exists(fmt::format("{}/{}{:06}", folder_, k_damaged, number_))) {
            fs::create_directories(fs::path(folder_) / name_of(number_));
        }
    } else {
        fs::create_directories(fs::path(folder_) / name_of(1));
        replace_file(current, name_of(1) + "\n");
    }
    for (const auto& entry : fs::directory_iterator(folder_)) {
        std::string name = entry.path().filename();
        if (name.rfind("gen-", 0) != 0) continue;
        if (name == name_of(number_)) {
            std::error_code ignored;
            fs::remove(entry.path().string() + k_keep, ignored);
        } else if (fs::exists(entry.path().string() + k_keep)) {
            keep_folder(entry.path());
        } else {
            fs::remove_all(entry.path());
        }
    }
    for (const char* spool : {"incoming", "outgoing"}) {
        fs::remove_all(fs::path(folder_) / spool);
        fs::create_directories(fs::path(folder_) / spool);
    }
}

std::string Generations::live() const { return folder_ + "/" + name_of(number_) + "/public.db"; }

std::string Generations::prepare(const std::string& path) {
    std::string target = folder_ + "/" + name_of(number_ + 1);
    try {
        fs::remove_all(target);
        fs::create_directories(target);
        flush_file(path);
        fs::rename(path, target + "/public.db");
        sync_folder(target);
        sync_folder(folder_);
        replace_file(folder_ + k_next, name_of(number_ + 1) + "\n");
    } catch (const fs::filesystem_error& e) {
        throw Error(Code::internal, e.what());
    }
    return target + "/public.db";
}

void Generations::commit() {
    std::string current = folder_ + "/current";
    try {
        fs::rename(folder_ + k_next, current);
        sync_folder(folder_);
    } catch (const std::exception& e) {
        if (trim(read_file(current)) == name_of(number_)) throw Error(Code::internal, e.what());
        throw std::runtime_error(e.what());
    }
    ++number_;
}

void Generations::forget() {
    std::error_code ignored;
    fs::remove(folder_ + k_next, ignored);
    fs::remove_all(folder_ + "/" + name_of(number_ + 1), ignored);
    fs::remove(folder_ + "/" + name_of(number_) + k_keep, ignored);
}

void Generations::keep() {
    std::string live = folder_ + "/" + name_of(number_);
    replace_file(live + k_keep, "");
}

std::string Generations::retire() {
    std::string old = folder_ + "/" + name_of(number_ - 1);
    if (!fs::exists(old + k_keep)) return "";
    try {
        return keep_folder(old);
    } catch (const std::exception&) {
        return old;  // the next start does it
    }
}

std::string Generations::set_aside() {
    std::string kept = fmt::format("{}/{}{:06}", folder_, k_damaged, number_);
    fs::remove_all(kept);
    fs::rename(folder_ + "/" + name_of(number_), kept);
    ++number_;
    fs::create_directories(folder_ + "/" + name_of(number_));
    sync_folder(folder_);
    replace_file(folder_ + "/current", name_of(number_) + "\n");
    return kept;
}

std::vector<std::string> Generations::folders(const char* prefix) const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_)) {
        if (entry.path().filename().string().rfind(prefix, 0) == 0) found.push_back(entry.path());
    }
    return found;
}

std::vector<std::string> Generations::damaged() const { return folders(k_damaged); }

std::vector<std::string> Generations::replaced() const {
    std::vector<std::string> found = folders(k_replaced);
    for (std::string& old : folders("gen-")) {
        bool live = fs::path(old).filename() == name_of(number_);
        if (!live && fs::exists(old + k_keep)) found.push_back(std::move(old));
    }
    return found;
}

}  // namespace mds::store
