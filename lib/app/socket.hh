#pragma once
#include <string>

namespace mds::app {

/// The listening socket with this FileDescriptorName= that the service manager has passed; -1 when it has not.
/// Only whoever asks first gets sockets: programs started from here must not.
int passed_socket(const std::string& name);

}  // namespace mds::app
