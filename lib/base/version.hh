#pragma once

namespace mds {

/// The version of this build, as of the package: "0.1.0".
const char* version();

}  // namespace mds
