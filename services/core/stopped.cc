#include "stopped.hh"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.hh"
#include "base/stopped_text.hh"
#include "base/text.hh"
#include "log/log.hh"

namespace mds::core {
namespace fs = std::filesystem;
namespace {

constexpr char k_extension[] = ".json";

}  // namespace

StoppedServers::StoppedServers(const std::string& fallback) {
    const char* folder = std::getenv("RUNTIME_DIRECTORY");
    folder_ = folder && *folder ? folder : fallback;
}

const std::map<std::string, json::object>& StoppedServers::all() {
    struct stat now {};
    if (stat(folder_.c_str(), &now) != 0) {
        marks_.clear();
        read_ = -1;
        return marks_;
    }
    int64_t changed =
        static_cast<int64_t>(now.st_mtim.tv_sec) * 1'000'000'000 + now.st_mtim.tv_nsec;
    if (changed == read_) return marks_;
    read_ = changed;
    marks_.clear();
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder_, ignored)) {
        // Others are files that are just being written.
        if (entry.path().extension() != k_extension) continue;
        try {
            marks_[entry.path().stem()] = json::parse_object(read_file(entry.path()));
        } catch (const Error& e) {
            log::debug("mark of a stopped Domain Server: " + e.message());
        }
    }
    return marks_;
}

const json::object* StoppedServers::find(const std::string& server) {
    const auto& marks = all();
    auto it = marks.find(server);
    return it == marks.end() ? nullptr : &it->second;
}

void StoppedServers::mark(const std::string& server, const json::object& why) {
    fs::create_directories(folder_);
    replace_file(folder_ + "/" + server + k_extension, json::text(why) + "\n");
    // Two changes within one tick of the file system's clock look the same.
    read_ = -1;
}

void StoppedServers::clear(const std::string& server) {
    std::error_code ignored;
    fs::remove(folder_ + "/" + server + k_extension, ignored);
    read_ = -1;
}

std::string stopped_text(const json::object& mark) {
    return mds::stopped_text(json::get_string(mark, "by"), json::get_int(mark, "since"),
                             json::get_string(mark, "reason"));
}

}  // namespace mds::core
