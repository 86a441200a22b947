#pragma once
#include <cstdlib>
#include <filesystem>
#include <string>

namespace mds::test {

/// A folder of its own, gone at the end.
struct Folder {
    Folder() {
        char name[] = "/tmp/mds-backup-XXXXXX";
        path = mkdtemp(name);
    }
    ~Folder() { std::filesystem::remove_all(path); }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    std::string path;
};

}  // namespace mds::test
