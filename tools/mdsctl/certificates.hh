#pragma once
#include "client.hh"

namespace mds::ctl {

/// All pages of show-certificates for this query (limit and offset are set here).
json::array certificates(Client& client, json::object query);

}  // namespace mds::ctl
