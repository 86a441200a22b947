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
/// How many first characters of these uids tell each from the others: up to the end of a group, eight at least. They
/// begin with the time when they were made.
size_t telling_length(const std::vector<std::string>& uids);
/// "-D London " for a command that can be pasted; nothing for System Data.
std::string domain_option(const std::string& domain);

}  // namespace mds::ctl
