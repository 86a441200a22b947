#pragma once
#include <string>

#include "client.hh"

namespace mds::ctl {

/// One screen of truth about the deployment; `mdsctl watch` draws it again and again.
std::string status_screen(const Options& options, const json::object& grid);
/// Whether nothing is wrong (exit 0, else 3).
bool all_well(const json::object& grid);

}  // namespace mds::ctl
