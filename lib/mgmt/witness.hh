#pragma once
#include <map>
#include <string>
#include <vector>

#include "mgmt/audit_chain.hh"

namespace mds::mgmt {

/// The table `witness` of the system data's work.db: heads of the audit trails of the other servers, as they
/// told them (S-14). Of each trail the newest thousand are kept, and of older ones one a day.
class Witness {
  public:
    explicit Witness(WorkDb& work) : work_(work) {}

    /// What a server with this key has signed as the head of one of its trails ("system", or a Domain's
    /// uid). Returns what is wrong with it: another head of the same number was told before, or a lower one
    /// than before; it is kept all the same.
    std::string keep(const std::string& mds, const std::string& log, const AuditHead& head,
                     const std::string& key, const std::string& signature, int64_t now_ms);
    /// Heads of a server by trail.
    std::map<std::string, std::vector<AuditHead>> of(const std::string& mds);

  private:
    WorkDb& work_;
};

}  // namespace mds::mgmt
