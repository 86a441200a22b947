#pragma once
#include "json/json.hh"

namespace mds::cli {

/// A login without a password for root on this host (`-r true`), by mds-core's bus interface.
json::object local_login(const json::object& request);

}  // namespace mds::cli
