// Verification of access rules (management-api.md 13): what can never match, and why.
#include "mgmt/verify.hh"

#include <algorithm>
#include <set>
#include <utility>

#include "mgmt/cells.hh"
#include "mgmt/global.hh"
#include "mgmt/rulebase.hh"
#include "store/refs.hh"

namespace mds::mgmt {
namespace {

constexpr size_t k_most_messages = 100;

/// Columns that are compared as lists of objects.
struct Side {
    std::vector<Uid> vpn, content, time, install_on;
    std::string content_direction;
    bool content_negate = false;
    auto operator<=>(const Side&) const = default;
};

struct Rule {
    std::string number;
    uint32_t source = 0, destination = 0, service = 0, side = 0;
    /// Whether what it matches goes no further: a rule that asks the user who he is may pass on.
    bool final = true;
    /// Of the Global Domain's policy.
    bool global = false;
};

struct Layer {
    std::string name;
    std::vector<Rule> rules;
};

/// Which of many ranges hold a range; ranges are put in one by one, known from the start.
class Stabs {
  public:
    struct Range {
        uint32_t low, high, id;
    };
    explicit Stabs(std::vector<Range> ranges) : ranges_(std::move(ranges)) {
        std::sort(ranges_.begin(), ranges_.end(),
                  [](const Range& a, const Range& b) { return a.low < b.low; });
        while (leaves_ < ranges_.size()) leaves_ *= 2;
        // One more than the highest rank that was put in below a node; 0 = none.
        reach_.assign(2 * leaves_, 0);
        for (size_t i = 0; i < ranges_.size(); ++i) place_[ranges_[i].id] = i;
    }
    void put(uint32_t id) {
        size_t at = place_.at(id);
        for (size_t node = leaves_ + at; node > 0; node /= 2) {
            reach_[node] = std::max(reach_[node], ranges_[at].high + 1);
        }
    }
    /// Adds the ids whose range holds [low, high] to `out`; false when there are more than `most`.
    bool find(uint32_t low, uint32_t high, size_t most, std::vector<uint32_t>& out) const {
        auto end = std::upper_bound(ranges_.begin(), ranges_.end(), low,
                                    [](uint32_t value, const Range& r) { return value < r.low; });
        size_t count = static_cast<size_t>(end - ranges_.begin());
        return count == 0 || descend(1, 0, leaves_, count, high, out.size() + most, out);
    }

  private:
    bool descend(size_t node, size_t first, size_t last, size_t count, uint32_t high, size_t most,
                 std::vector<uint32_t>& out) const {
        if (first >= count || reach_[node] < high + 1) return true;
        if (last - first == 1) {
            if (out.size() >= most) return false;
            out.push_back(ranges_[first].id);
            return true;
        }
        size_t middle = (first + last) / 2;
        return descend(2 * node, first, middle, count, high, most, out) &&
               descend(2 * node + 1, middle, last, count, high, most, out);
    }

    std::vector<Range> ranges_;
    size_t leaves_ = 1;
    std::vector<uint32_t> reach_;
    std::unordered_map<uint32_t, size_t> place_;
};

/// The earlier rules of one layer, to be asked which of them hides another. By which of source and
/// destination are Any: then a rule is only compared with those that can hold its addresses.
class Earlier {
  public:
    Earlier(const Cells& cells, const std::vector<Rule>& rules)
        : cells_(cells),
          rules_(rules),
          by_source_{stabs(true, false), stabs(true, true)},
          by_destination_{stabs(false, false), stabs(false, true)} {}

    void put(uint32_t id) {
        const Rule& r = rules_[id];
        bool any_source = cells_[r.source].any, any_destination = cells_[r.destination].any;
        if (any_source && any_destination) {
            everywhere_.push_back(id);
            return;
        }
        if (!any_source && cells_[r.source].has_lower) by_source_[any_destination].put(id);
        if (!any_destination && cells_[r.destination].has_lower) {
            by_destination_[any_source].put(id);
        }
        all_.push_back(id);
    }

    /// Calls `one` with the rules that may cover this one until it says true.
    template <class F>
    bool ask(const Rule& rule, F one) {
        auto any_of = [&](const std::vector<uint32_t>& ids) {
            return std::any_of(ids.begin(), ids.end(), one);
        };
        if (any_of(everywhere_)) return true;
        const Cell &source = cells_[rule.source], &destination = cells_[rule.destination];
        bool by_source = !source.any, by_destination = !destination.any;
        if (!by_source && !by_destination) return false;
        // Zones and the like have no address to look for.
        if ((by_source && !source.has_upper) || (by_destination && !destination.has_upper)) {
            return any_of(all_);
        }
        found_.clear();
        if (by_source) by_source_[true].find(source.upper_low, source.upper_high, k_all, found_);
        if (by_destination) {
            by_destination_[true].find(destination.upper_low, destination.upper_high, k_all,
                                       found_);
        }
        // The first rule that hides it is the one to be told.
        std::sort(found_.begin(), found_.end());
        if (any_of(found_)) return true;
        if (!by_source || !by_destination) return false;
        // Both are given: whichever column has fewer candidates is looked through.
        for (size_t most = 64;; most *= 4) {
            found_.clear();
            if (by_destination_[false].find(destination.upper_low, destination.upper_high, most,
                                            found_)) {
                break;
            }
            found_.clear();
            if (by_source_[false].find(source.upper_low, source.upper_high, most, found_)) break;
        }
        std::sort(found_.begin(), found_.end());
        return any_of(found_);
    }

  private:
    static constexpr size_t k_all = SIZE_MAX / 2;

    Stabs stabs(bool source, bool other_any) const {
        std::vector<Stabs::Range> ranges;
        for (uint32_t id = 0; id < rules_.size(); ++id) {
            const Cell& mine = cells_[source ? rules_[id].source : rules_[id].destination];
            const Cell& other = cells_[source ? rules_[id].destination : rules_[id].source];
            if (mine.any || !mine.has_lower || other.any != other_any) continue;
            ranges.push_back({mine.low, mine.high, id});
        }
        return Stabs(std::move(ranges));
    }

    const Cells& cells_;
    const std::vector<Rule>& rules_;
    /// [whether the other column is Any]
    Stabs by_source_[2], by_destination_[2];
    std::vector<uint32_t> everywhere_, all_, found_;
};

class Verifier {
  public:
    Verifier(Call& call, Verification& out) : call_(call), cells_(call), out_(out) {
        any_ = model::find_predefined("any", "Any")->uid;
        targets_ = model::find_predefined("target", "Policy Targets")->uid;
    }

    void load(const Uid& uid, const std::string& prefix) {
        auto layer = call_.get(uid);
        if (!layer) return;
        if (std::find(stack_.begin(), stack_.end(), uid) != stack_.end()) {
            error("Layer '" + layer->name + "' leads back to itself through rule " +
                  prefix.substr(0, prefix.size() - 1) + ".");
            return;
        }
        if (!seen_.insert(uid).second) return;
        stack_.push_back(uid);
        size_t index = layers_.size();
        layers_.push_back({layer->name, {}});
        std::vector<std::pair<Uid, std::string>> inside;
        read(index, uid, prefix, inside);
        for (const auto& [inner, where] : inside) load(inner, where + ".");
        stack_.pop_back();
    }

    /// The global layer with the rules of the Domain's first layer where its placeholder is: first
    /// match wins over all of them (GA-1).
    void load_global(const Uid& global_layer, const Uid& first) {
        fill_ = first;
        load(global_layer, "");
        if (!fill_.is_nil()) load(first, "");  // a layer without a placeholder
        fill_ = {};
    }

    void run() {
        cells_.rank();
        for (const Layer& layer : layers_) {
            ++out_.layers;
            out_.rules += layer.rules.size();
            look_at(layer);
        }
        if (hidden_ > k_most_messages) {
            out_.errors.push_back("... and " + std::to_string(hidden_ - k_most_messages) +
                                  " more.");
        }
    }

  private:
    /// The rules of a layer, after those that are there.
    void read(size_t index, const Uid& uid, const std::string& prefix,
              std::vector<std::pair<Uid, std::string>>& inside) {
        Rulebase base(call_, k_access_kind, uid);
        size_t number = 0;
        for (auto item = base.rules.after(""); item; item = base.rules.after(item->path)) {
            ++number;
            auto view = call_.get(item->uid);
            if (!view || !json::get_bool(view->document, "enabled", true)) continue;
            if (!is_placeholder(*view)) {
                add(layers_[index], *view, prefix + std::to_string(number), inside);
            } else if (!fill_.is_nil()) {
                Uid domain_layer = std::exchange(fill_, Uid{});
                seen_.insert(domain_layer);
                read(index, domain_layer, prefix + std::to_string(number) + ".", inside);
            }
        }
    }

    void error(std::string text) {
        if (++hidden_ <= k_most_messages) out_.errors.push_back(std::move(text));
    }
    void warning(std::string text) {
        if (out_.warnings.size() < k_most_messages) out_.warnings.push_back(std::move(text));
    }

    std::vector<Uid> sorted(const json::object& document, const char* field) {
        std::vector<Uid> out = references_of(document, field);
        std::sort(out.begin(), out.end());
        return out;
    }

    void add(Layer& layer, const View& view, std::string number,
             std::vector<std::pair<Uid, std::string>>& inside) {
        const json::object& d = view.document;
        Rule rule;
        rule.global = view.global;
        auto action = Call::reference(d, "action");
        std::string word = action ? action_name(*action) : "";
        auto inner = Call::reference(d, "inline-layer");
        if (word == "Inner Layer" && !inner) {
            error("Layer '" + layer.name + "': Rule " + number +
                  " has the action Inner Layer but no inline-layer.");
        } else if (word == "Inner Layer") {
            inside.emplace_back(*inner, number);
        }
        rule.number = std::move(number);
        rule.final = word != "User Auth" && word != "Client Auth" &&
                     json::get_string(d, "service-resource").empty();
        rule.source = cells_.addresses(d, "source");
        rule.destination = cells_.addresses(d, "destination");
        rule.service = cells_.services(d);
        Side side{sorted(d, "vpn"),
                  sorted(d, "content"),
                  sorted(d, "time"),
                  sorted(d, "install-on"),
                  json::get_string(d, "content-direction"),
                  json::get_bool(d, "content-negate")};
        auto [at, is_new] = side_of_.emplace(std::move(side), static_cast<uint32_t>(sides_.size()));
        if (is_new) sides_.push_back(&at->first);
        rule.side = at->second;
        layer.rules.push_back(std::move(rule));
    }

    const std::string& action_name(const Uid& uid) {
        std::string& name = actions_[uid];
        if (name.empty()) {
            if (auto view = call_.get(uid)) name = view->name;
        }
        return name;
    }

    bool covers(const std::vector<Uid>& a, const std::vector<Uid>& b, const Uid& everything) {
        auto has = [&](const std::vector<Uid>& list) {
            return list.empty() || std::binary_search(list.begin(), list.end(), everything);
        };
        return has(a) || (!has(b) && std::includes(a.begin(), a.end(), b.begin(), b.end()));
    }

    bool side_covers(uint32_t a, uint32_t b) {
        if (a == b) return true;
        auto [at, is_new] = side_compared_.emplace(uint64_t{a} << 32 | b, false);
        if (!is_new) return at->second;
        const Side &x = *sides_[a], &y = *sides_[b];
        bool content = x.content_negate || y.content_negate
                           ? x.content_negate == y.content_negate && x.content == y.content
                           : covers(x.content, y.content, any_);
        return at->second =
                   content && covers(x.vpn, y.vpn, any_) && covers(x.time, y.time, any_) &&
                   covers(x.install_on, y.install_on, targets_) &&
                   (x.content_direction == "any" || x.content_direction == y.content_direction);
    }

    void look_at(const Layer& layer) {
        Earlier earlier(cells_, layer.rules);
        for (uint32_t id = 0; id < layer.rules.size(); ++id) {
            const Rule& rule = layer.rules[id];
            bool never = false;
            for (const auto& [cell, column] :
                 {std::pair{rule.source, "source"}, std::pair{rule.destination, "destination"},
                  std::pair{rule.service, "service"}}) {
                if (!cells_[cell].empty()) continue;
                warning("Layer '" + layer.name + "': Rule " + rule.number +
                        " never matches: nothing is in its column " + column + " (" +
                        cells_[cell].names + ").");
                never = true;
            }
            if (never) continue;
            uint32_t by = 0;
            bool hidden = earlier.ask(rule, [&](uint32_t other) {
                const Rule& r = layer.rules[other];
                by = other;
                return side_covers(r.side, rule.side) && cells_.covers(r.service, rule.service) &&
                       cells_.covers(r.destination, rule.destination) &&
                       cells_.covers(r.source, rule.source);
            });
            const bool global = layer.rules[by].global;
            if (hidden && rule.global && !global) {
                // The Domain decides before the rules below its own: that is their place.
            } else if (hidden && global && !rule.global) {
                warning("Layer '" + layer.name + "': Global rule " + layer.rules[by].number +
                        " decides before rule " + rule.number + " for services " +
                        cells_[rule.service].names + ".");
            } else if (hidden) {
                error("Layer '" + layer.name + "': Rule " + layer.rules[by].number +
                      " hides rule " + rule.number + " for services " + cells_[rule.service].names +
                      ".");
            } else if (rule.final) {
                // What hides a hidden rule's victims hides them itself.
                earlier.put(id);
            }
        }
    }

    Call& call_;
    Cells cells_;
    Verification& out_;
    Uid any_, targets_;
    std::vector<Layer> layers_;
    std::vector<Uid> stack_;
    std::set<Uid> seen_;
    /// The Domain's layer that a placeholder is to be filled with; nil = none, or done.
    Uid fill_;
    std::map<Side, uint32_t> side_of_;
    std::vector<const Side*> sides_;
    std::unordered_map<uint64_t, bool> side_compared_;
    std::unordered_map<Uid, std::string> actions_;
    size_t hidden_ = 0;
};

}  // namespace

Verification verify_access(Call& call, const View& package) {
    Verification out;
    Verifier verifier(call, out);
    auto own = references_of(package.document, "access-layers");
    auto held = own.empty() ? std::nullopt : global_policy(WorkspaceImpl::of(call));
    size_t first = 0;
    if (held && !held->layers.empty()) {
        verifier.load_global(held->layers.front(), own.front());
        for (size_t i = 1; i < held->layers.size(); ++i) verifier.load(held->layers[i], "");
        first = 1;
    }
    for (size_t i = first; i < own.size(); ++i) verifier.load(own[i], "");
    verifier.run();
    return out;
}

}  // namespace mds::mgmt
