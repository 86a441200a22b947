#pragma once
#include <set>
#include <string>

#include "json/json.hh"

namespace mds::ctl {

/// "London-2": the name with the lowest number that is not among these (folded).
std::string free_name(const std::string& domain, const std::set<std::string>& taken);
/// A Domain Server as add-domain and set-domain take it; `spec`: SERVER or SERVER=ADDRESS.
json::object server_json(const std::string& spec, const std::string& name, const char* type);
/// "London-2 on tokyo-mds-01   10.2.0.21" of a plan's row.
std::string planned_server(const json::object& server);

}  // namespace mds::ctl
