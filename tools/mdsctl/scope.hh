#pragma once
#include <string>
#include <vector>

#include "client.hh"

namespace mds::ctl {

/// The one Domain, or all of the deployment.
std::vector<std::string> domains_or(Client& client, const std::string& domain);
/// The databases that a verb looks into: the one Domain; System Data (the empty name), with `all` every Domain too
/// that has a server on this host.
std::vector<std::string> databases(Client& client, const std::string& domain, bool all);
/// "-D London " for a command that can be pasted; nothing for System Data.
std::string domain_option(const std::string& domain);

}  // namespace mds::ctl
