#pragma once
#include <string>
#include <vector>

namespace mds::classic {

/// cpca_client lscert, search, revoke_cert, get_crldp (multi-domain-ha.md 6.5): the authority of
/// the Domain of this shell (mdsenv), else the one of the servers.
int cpca_client(const std::vector<std::string>& arguments);
/// cp_conf sic state, cp_conf sic init KEY (cp_conf.cc).
int cp_conf(const std::vector<std::string>& arguments);

}  // namespace mds::classic
