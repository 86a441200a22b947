#pragma once
#include <string>
#include <vector>

namespace mds::classic {

/// mds_backup [-b] [-d DIR] [-l] [-s] [-v] (multi-domain-ha.md 6.6): mdsctl backup create, into the working
/// directory.
int mds_backup(const std::vector<std::string>& arguments);
/// mds_restore FILE [--alone]: mdsctl backup restore.
int mds_restore(const std::vector<std::string>& arguments);

}  // namespace mds::classic
