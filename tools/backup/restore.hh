#pragma once
#include <string>

namespace mds::backup {

struct Restore {
    std::string file;
    /// Only this server is restored: it is behind the others then and follows them (BK-8).
    bool alone = false;
    bool yes = false;
};

/// Puts a backup in place of what this server has; what it had is kept beside it. Returns the exit code.
/// Throws mds::Error; nothing was changed then.
int restore(const Restore& what);
/// Prints what a backup is and whether it is whole.
int verify(const std::string& file);

}  // namespace mds::backup
