#pragma once
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mgmt/rule_index.hh"
#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

/// The names of one kind of rulebase.
struct RuleKind {
    /// "access-rule", "access-section", "layer", "access-layer".
    std::string rule, section, within, container;
};
extern const RuleKind k_access_kind, k_nat_kind;

/// An order strictly between two others (empty = no bound), never the same twice: words of ten
/// digits to the base 36. Rules added one after the other at any place make no longer orders.
std::string order_between(const std::string& below, const std::string& above);

/// One sorted list of a rulebase as a session sees it: what is published, less what the session
/// hides, with what it has. Nothing is copied.
class Merged {
  public:
    using Own = std::map<std::string, Uid>;
    Merged(const std::vector<RuleIndex::Item>& base, const Own& own, const Own& hidden,
           const std::string& prefix);

    using Item = RuleIndex::Item;
    size_t size() const;
    /// How many stand before this path.
    size_t rank(const std::string& path) const;
    /// From 0; nothing beyond the end.
    std::optional<Item> at(size_t index) const;
    /// The first one after this path, the last one before it.
    std::optional<Item> after(const std::string& path) const;
    std::optional<Item> before(const std::string& path) const;

  private:
    const std::vector<RuleIndex::Item>& base_;
    Own::const_iterator own_first_, own_last_, hidden_first_, hidden_last_;
    const Own& own_;
    const Own& hidden_;
    std::string prefix_;
};

/// A layer's or a package's rules and sections through a session.
class Rulebase {
  public:
    Rulebase(Call& call, const RuleKind& kind, const Uid& within);

    /// The new order for a position: a number, "top", "bottom", {"top"|"bottom"|"above"|"below":
    /// section or rule}. Throws mds::Error(invalid_parameter, object_not_found). `moving` is not
    /// counted: the rule that moves.
    std::string order_for(const json::value& position, const std::optional<Uid>& moving);
    /// From 1.
    size_t number(const View& rule) const { return rules.rank(path(rule)) + 1; }
    std::optional<View> rule(const std::string& uid_or_name);
    std::optional<View> section(const std::string& uid_or_name);
    /// Name of the section that this path is in; nothing above the first one.
    std::optional<Merged::Item> section_of(const std::string& path) const {
        return sections.before(path);
    }
    std::string path(const View& view) const;

    Merged rules, sections;

  private:
    /// Between which paths; empty = none.
    std::pair<std::string, std::string> gap(const json::value& position,
                                            const std::optional<Uid>& moving);
    std::string previous(const std::string& path) const;
    std::string next(const std::string& path) const;
    std::optional<View> named(const std::string& uid_or_name, const std::string& type);

    Call& call_;
    const RuleKind& kind_;
    Uid within_;
    std::string prefix_;
};

/// Adds a rule or section of `type` at the position that `params` give (commands_rule.cc).
View add_in_order(Call& call, const RuleKind& kind, const std::string& type,
                  const json::object& params);
/// A rule as replies show it: at `shown`'s level, with what belongs to its kind.
json::object show_rule(Call& call, Shown& shown, const RuleKind& kind, const View& view);
/// Takes out all rules and sections.
void empty_rulebase(Call& call, const RuleKind& kind, const Uid& within);

}  // namespace mds::mgmt
