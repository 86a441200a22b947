#pragma once
#include <cstdlib>
#include <string>

namespace mds {

/// A variable of the environment; `standard` when it is not set. Tests and packagers move folders and ports with them.
inline std::string environment(const char* name, const std::string& standard) {
    const char* value = std::getenv(name);
    return value ? value : standard;
}

}  // namespace mds
