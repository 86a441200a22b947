#include "mgmt/flat_policy.hh"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "mgmt/global.hh"
#include "mgmt/ranges.hh"
#include "mgmt/rulebase.hh"
#include "model/predefined.hh"
#include "store/refs.hh"

namespace mds::mgmt {
namespace {

class Flattener {
  public:
    Flattener(Call& call, const View& package, const View& gateway)
        : call_(call), package_(package), gateway_(gateway) {}

    json::object run() {
        ordered_layers();
        // Inline layers are put behind the ordered ones as they are met.
        for (size_t i = 0; i < found_.size(); ++i) layer(i);
        json::array nat = nat_rules();
        json::array layers;
        for (json::object& one : layers_) layers.push_back(std::move(one));
        return {{"package", package_.name},
                {"gateway", gateway_.name},
                {"ordered-layers", ordered_},
                {"layers", std::move(layers)},
                {"nat-rules", std::move(nat)},
                {"objects", objects()}};
    }

  private:
    /// `fill`: the Domain's layer that takes the place of the placeholder of a global one.
    struct Found {
        Uid uid, fill;
    };

    size_t position_of(const Uid& uid, const Uid& fill = {}) {
        for (size_t i = 0; i < found_.size(); ++i) {
            if (found_[i].uid == uid) return i;
        }
        found_.push_back({uid, fill});
        return found_.size() - 1;
    }

    void ordered_layers() {
        std::vector<Uid> own = references_of(package_.document, "access-layers");
        auto held = own.empty() ? std::nullopt : global_policy(WorkspaceImpl::of(call_));
        size_t first = 0;
        if (held && !held->layers.empty()) {
            position_of(held->layers.front(), own.front());
            for (size_t i = 1; i < held->layers.size(); ++i) position_of(held->layers[i]);
            first = 1;
        }
        for (size_t i = first; i < own.size(); ++i) position_of(own[i]);
        ordered_ = found_.size();
    }

    bool meant_for_it(const View& rule) {
        std::vector<Uid> on = references_of(rule.document, "install-on");
        return on.empty() || std::any_of(on.begin(), on.end(), [&](const Uid& uid) {
            if (uid == gateway_.uid) return true;
            auto view = call_.get(uid);  // "Policy Targets"
            return view && view->type->name != "simple-gateway";
        });
    }

    void layer(size_t index) {
        auto view = call_.get(found_[index].uid);
        json::array rules;
        if (view) read(found_[index].uid, found_[index].fill, "", rules);
        layers_.push_back({{"name", view ? view->name : ""},
                           {"implicit-cleanup-action",
                            view ? json::get_string(view->document, "implicit-cleanup-action", "drop") : "drop"},
                           {"rules", std::move(rules)}});
    }

    void read(const Uid& uid, const Uid& fill, const std::string& prefix, json::array& out) {
        Rulebase base(call_, k_access_kind, uid);
        size_t number = 0;
        for (auto item = base.rules.after(""); item; item = base.rules.after(item->path)) {
            std::string shown = prefix + std::to_string(++number);
            auto rule = call_.get(item->uid);
            if (!rule || !json::get_bool(rule->document, "enabled", true)) continue;
            if (is_placeholder(*rule)) {
                if (!fill.is_nil()) read(fill, {}, shown + ".", out);
                continue;
            }
            if (!meant_for_it(*rule)) continue;
            json::object one = taken(*rule, shown);
            if (auto inner = Call::reference(rule->document, "inline-layer")) one["inline-layer"] = position_of(*inner);
            out.push_back(std::move(one));
        }
    }

    json::array nat_rules() {
        json::array out;
        Rulebase base(call_, k_nat_kind, package_.uid);
        size_t number = 0;
        for (auto item = base.rules.after(""); item; item = base.rules.after(item->path)) {
            ++number;
            auto rule = call_.get(item->uid);
            if (!rule || !json::get_bool(rule->document, "enabled", true) || !meant_for_it(*rule)) continue;
            out.push_back(taken(*rule, std::to_string(number)));
        }
        return out;
    }

    json::object taken(const View& rule, const std::string& number) {
        json::object one = call_.render(rule, model::Level::uid);
        for (const char* field : {"layer", "package", "meta-info", "domain", "hits", "available-actions", "read-only"}) one.erase(field);
        one["rule-number"] = number;
        want(rule);
        return one;
    }

    void want(const View& view) {
        for (const Uid& uid : store::references_of(json::text(view.document))) {
            if (wanted_.insert(uid).second) queue_.push_back(uid);
        }
    }

    json::object objects() {
        json::object out;
        while (!queue_.empty()) {
            Uid uid = queue_.front();
            queue_.pop_front();
            auto view = call_.get(uid);
            // Layers and packages stand on their own; what a gateway is configured with is not in a rule.
            if (!view || view->type->family == "policy" || !view->type->within.empty()) continue;
            out[uid.text()] = call_.render(*view, model::Level::uid);
            if (view->type->name != "simple-gateway" && view->type->name != "checkpoint-host") want(*view);
        }
        return out;
    }

    Call& call_;
    const View& package_;
    const View& gateway_;
    std::vector<Found> found_;
    size_t ordered_ = 0;
    std::vector<json::object> layers_;
    std::set<Uid> wanted_;
    std::deque<Uid> queue_;
};

}  // namespace

Uid installed_uid(const Uid& gateway) { return model::fixed_uid(k_installed_policy, gateway.text()); }

json::object flat_policy(Call& published, const View& package, const View& gateway) {
    return Flattener(published, package, gateway).run();
}

}  // namespace mds::mgmt
