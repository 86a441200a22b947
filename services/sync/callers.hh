#pragma once
#include <string>
#include <unordered_map>

#include <sys/types.h>

#include "bus/compat.hh"

namespace mds::sync {

/// Which users call. The bus policy says the same; this holds on a bus without policy too.
class Callers {
  public:
    Callers();
    /// Throws mds::Error(forbidden) unless the sender of the message runs as root, `mds` or this
    /// service's user. Answers are kept per unique bus name, which is never given out again.
    void require(const sdbus::Message& message);
    /// The name left the bus.
    void forget(const std::string& unique_name) { allowed_.erase(unique_name); }

  private:
    uid_t mds_;
    std::unordered_map<std::string, bool> allowed_;
};

}  // namespace mds::sync
