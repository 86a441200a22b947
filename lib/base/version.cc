#include "base/version.hh"

namespace mds {

const char* version() { return MDS_VERSION; }

}  // namespace mds
