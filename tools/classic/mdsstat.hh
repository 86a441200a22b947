#pragma once
#include <string>
#include <vector>

namespace mds::classic {

/// mdsstat [-m] [-h] [DOMAIN-SERVER]: the table of this host's servers. Exit 3 when something does
/// not run.
int mdsstat(const std::vector<std::string>& arguments);

}  // namespace mds::classic
