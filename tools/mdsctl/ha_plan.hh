#pragma once
#include <string>

#include "client.hh"

// What a change of High Availability in a Domain costs, before it is ordered.
namespace mds::ctl {

json::object ha_request(const std::string& domain, const std::string& action, const std::string& target);
/// What would happen: target, mds-name, warnings, costs. Throws when it would be refused.
json::object ha_plan(Client& client, const std::string& domain, const std::string& action, const std::string& target);
/// A line of a plan, on standard error.
void tell(const Options& options, const std::string& mark, const std::string& text);

}  // namespace mds::ctl
