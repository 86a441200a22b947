#pragma once
#include <string>
#include <vector>

namespace mds::classic {

/// api status|start|stop|restart|fingerprint: the server of the management API. `status` ends with
/// a test: whether it answers over TLS; exit 3 when it does not.
int api(const std::vector<std::string>& arguments);

}  // namespace mds::classic
