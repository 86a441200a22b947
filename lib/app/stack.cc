#include "app/stack.hh"

#include <string.h>

namespace mds::app {
namespace {

/// Deeper than handlers that see secrets go: the parser of JSON needs 8 kB, a handshake of TLS 20.
constexpr unsigned k_depth = 32 * 1024;

}  // namespace

__attribute__((noinline)) void wipe_stack() {
    char area[k_depth];
    explicit_bzero(area, sizeof area);
}

}  // namespace mds::app
