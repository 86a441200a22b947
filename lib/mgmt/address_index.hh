#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mgmt/log_follower.hh"

namespace mds::mgmt {

/// Which public objects have (or had) an IP address. May name objects that do not have the
/// address; users look again. 24 bytes an object: what was there at the start, or has been merged
/// since, as one sorted list, and the newest ones beside it.
class AddressIndex : private LogFollower {
  public:
    explicit AddressIndex(store::PublicDb& db) : LogFollower(db) {}
    std::vector<Uid> find(const std::string& address);

  private:
    struct Item {
        size_t hash;
        Uid uid;
        auto operator<=>(const Item&) const = default;
    };
    void build() override;
    void take(const store::Change& change) override;
    void merge();
    /// The items of one hash in the sorted list.
    std::pair<std::vector<Item>::const_iterator, std::vector<Item>::const_iterator> of(
        size_t hash) const;

    std::vector<Item> sorted_;
    std::unordered_multimap<size_t, Uid> newest_;
};

}  // namespace mds::mgmt
