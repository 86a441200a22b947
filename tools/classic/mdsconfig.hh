#pragma once
#include <string>
#include <vector>

namespace mds::classic {

/// The numbered menu (multi-domain-ha.md 6.2), or `mdsconfig --reset-trust` directly. Returns the exit
/// code; `restart`: trust was reset, the services stop and start again (RS-4).
int mdsconfig(const std::vector<std::string>& arguments, bool& restart);

}  // namespace mds::classic
