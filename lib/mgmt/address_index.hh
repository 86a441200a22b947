#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "mgmt/log_follower.hh"

namespace mds::mgmt {

/// Which public objects have (or had) an IP address. May name objects that no longer have the
/// address; users look again.
class AddressIndex : private LogFollower {
  public:
    explicit AddressIndex(store::PublicDb& db) : LogFollower(db) {}
    std::vector<Uid> find(const std::string& address);

  private:
    void build() override;
    void take(const store::Change& change) override;
    void add(const Uid& uid, std::string_view doc);

    std::unordered_map<std::string, std::vector<Uid>> uids_;
};

}  // namespace mds::mgmt
