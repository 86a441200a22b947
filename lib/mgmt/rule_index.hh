#pragma once
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "mgmt/log_follower.hh"

namespace mds::mgmt {

/// The published rules and sections of every rulebase in their order, so that a rule's number and
/// the rule of a number cost the logarithm of the rulebase's length.
class RuleIndex : private LogFollower {
  public:
    explicit RuleIndex(store::PublicDb& db) : LogFollower(db) {}

    struct Item {
        /// model::index_name: uid of the layer or package, "/", order.
        std::string path;
        Uid uid;
    };
    /// Sorted by path.
    struct Lane {
        std::vector<Item> rules, sections;
    };
    /// Of the layer or package with this uid; empty when it has none.
    const Lane& lane(const Uid& within);
    /// Rules and sections with this name (any case) anywhere; callers look whether it still is so.
    std::vector<Uid> named(const std::string& name);

  private:
    void build() override;
    void take(const store::Change& change) override;
    /// Sorts every lane; build() fills them unsorted.
    void put(const Uid& uid, const std::string& type, const std::string& path, std::string_view doc,
             bool in_order);
    std::vector<Item>* list_of(const std::string& type, const std::string& path);

    struct Known {
        std::string type, path, folded;
    };
    std::unordered_map<std::string, Lane> lanes_;
    std::unordered_map<Uid, Known> known_;
    std::unordered_multimap<std::string, Uid> names_;
};

}  // namespace mds::mgmt
