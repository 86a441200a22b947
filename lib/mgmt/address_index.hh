#pragma once
#include <string>
#include <unordered_map>
#include <vector>

#include "store/public_db.hh"

namespace mds::mgmt {

/// Which public objects have (or had) an IP address: made at first use, then kept by the records of
/// the log. May name objects that no longer have the address; users look again.
class AddressIndex {
  public:
    explicit AddressIndex(store::PublicDb& db) : db_(db) {}
    std::vector<Uid> find(const std::string& address);

  private:
    void follow();
    void build();
    void take(const Uid& uid, std::string_view doc);

    store::PublicDb& db_;
    bool built_ = false;
    store::Position at_;
    std::unordered_map<std::string, std::vector<Uid>> uids_;
};

}  // namespace mds::mgmt
