#pragma once
#include <string>

#include "json/json.hh"

namespace mds::ctl {

/// A Domain Server as add-domain and set-domain take it; `spec`: SERVER or SERVER=ADDRESS.
json::object server_json(const std::string& spec, const std::string& domain, size_t number, const char* type);
/// "London-2 on tokyo-mds-01   10.2.0.21" of a plan's row.
std::string planned_server(const json::object& server);

}  // namespace mds::ctl
