#pragma once
#include <string>

namespace mds::bus {

/// The bus name of a Domain Server: org.openmds.Domain1.<escaped name> (docs/architecture.md).
std::string domain_name(const std::string& server);

}  // namespace mds::bus
