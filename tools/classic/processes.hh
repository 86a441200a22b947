#pragma once
#include <string>
#include <vector>

// Each is the command of that name: its arguments, its exit code.
namespace mds::classic {

/// mdsstart_customer, mdsstop_customer DMS: one Domain Server of this host, by name or address.
/// Become mdsctl ds start, stop.
int mdsstart_customer(const std::vector<std::string>& arguments);
int mdsstop_customer(const std::vector<std::string>& arguments);
/// cpwd_admin list: every process of this host, how often and when it was started.
int cpwd_admin(const std::vector<std::string>& arguments);

}  // namespace mds::classic
