#pragma once
#include <string>

#include "client.hh"
#include "draw.hh"

namespace mds::ctl {

/// One change of a session or a policy for people: "  ~ access-rule  Billing" with its fields below, + for what is
/// added, - for what is removed, ^ for what is moved. `change`: {"change","type","fields":[{"field","before","after"}]}.
void print_change(const Options& options, const json::object& change, const std::string& title);

}  // namespace mds::ctl
