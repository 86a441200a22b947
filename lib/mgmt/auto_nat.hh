#pragma once
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "mgmt/call.hh"
#include "mgmt/log_follower.hh"

namespace mds::mgmt {

/// Objects that make NAT rules of their own (nat-settings.auto-rule), published, in the order of
/// their rules: by section, then by name.
class AutoNatIndex : private LogFollower {
  public:
    explicit AutoNatIndex(store::PublicDb& db) : LogFollower(db) {}

    /// Section (index of auto_nat_sections()), and folded name.
    using Key = std::pair<size_t, std::string>;
    using Order = std::map<Key, Uid>;
    const Order& objects() {
        follow();
        return order_;
    }
    /// Where an object of this type and document stands; nothing when it makes no rule.
    static std::optional<Key> key_of(const std::string& type, const std::string& name,
                                     std::string_view doc);

  private:
    void build() override;
    void take(const store::Change& change) override;
    Order order_;
    std::unordered_map<Uid, Key> known_;
};

/// "Automatic Generated Rules : Machine Static NAT", ...
const std::vector<std::string>& auto_nat_sections();

/// The rules that objects make, as a session sees them: not stored, made when they are shown.
class AutoNat {
  public:
    explicit AutoNat(Call& call);
    size_t size() const { return rules_.size(); }
    /// Section of a rule, by its index from 0.
    size_t section(size_t index) const { return rules_[index].section; }
    /// The object that makes it.
    const Uid& object(size_t index) const { return rules_[index].object; }
    /// The rule as a view of the type nat-rule, with "auto-generated" in its document.
    View rule(size_t index);
    View section_view(size_t section) const;
    /// Index of the rule with this uid.
    std::optional<size_t> find(const Uid& uid) const;

  private:
    struct Rule {
        size_t section = 0;
        Uid object;
        /// Number among the rules of its object.
        size_t number = 0;
    };
    Call& call_;
    std::vector<Rule> rules_;
};

}  // namespace mds::mgmt
