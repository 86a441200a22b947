#include "place.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/error.hh"

namespace mds::backup {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void wrong(const std::string& what) {
    throw Error(Code::invalid_parameter, "Invalid parameter for [file-path]. " + what);
}

bool is_inside(const fs::path& path, const fs::path& folder) {
    std::string head = folder.string() + "/";
    return (path.string() + "/").rfind(head, 0) == 0;
}

/// The whole path; its folder is there, in the store.
fs::path whole(const std::string& path, const std::string& store) {
    if (path.empty() || path.front() != '/' || path.find('\0') != std::string::npos) {
        wrong("'" + path + "' is not an absolute path, for example " + store + "/NAME");
    }
    fs::path plain = fs::path(path).lexically_normal();
    std::string only = "; backups of Domains are kept in " + store +
                       " and in folders below it. Mount other storage there, or copy the file";
    if (!is_inside(plain.parent_path(), store)) wrong(path + " is outside of " + store + only);
    std::string name = plain.filename();
    if (name.empty() || name.front() == '.') wrong(path + " does not name a file");
    std::error_code error;
    fs::path folder = fs::canonical(plain.parent_path(), error);
    if (error || !fs::is_directory(folder)) {
        wrong("there is no folder " + plain.parent_path().string() + "; make it first, or choose another one");
    }
    // A link in the store does not lead out of it.
    if (!is_inside(folder, fs::canonical(store))) wrong(path + " leads to " + folder.string() + only);
    return folder / name;
}

}  // namespace

std::string place_for_new(const std::string& path, const std::string& store) {
    fs::path file = whole(path, store);
    for (const std::string& name : {file.string(), file.string() + ".part"}) {
        if (fs::exists(fs::symlink_status(name))) wrong(name + " is there already; choose another name, or delete it");
    }
    if (access(file.parent_path().c_str(), W_OK) != 0) {
        wrong(file.parent_path().string() + " cannot be written: " + std::strerror(errno));
    }
    return file;
}

std::string place_of_existing(const std::string& path, const std::string& store) {
    fs::path file = whole(path, store);
    struct stat s {};
    if (lstat(file.c_str(), &s) != 0) {
        wrong(errno == ENOENT ? "there is no file " + file.string() + " on this server; copy it there first"
                              : file.string() + ": " + std::strerror(errno));
    }
    if (!S_ISREG(s.st_mode)) wrong(file.string() + " is not a file");
    return file;
}

}  // namespace mds::backup
