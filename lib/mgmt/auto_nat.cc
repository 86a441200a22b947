// NAT rules that objects make by themselves (management-api.md 13, show-nat-rulebase).
#include "mgmt/auto_nat.hh"

#include <algorithm>

#include "base/text.hh"
#include "mgmt/workspace_impl.hh"
#include "store/refs.hh"

namespace mds::mgmt {
namespace {

constexpr const char* k_types[] = {"host", "checkpoint-host", "address-range", "network"};
/// In a canonical document, however it was given.
constexpr std::string_view k_mark = R"("auto-rule":true)";

std::string mark_of(const char* family, const char* name) {
    return store::make_reference(model::find_predefined(family, name)->uid);
}

Uid rule_uid(const Uid& object, size_t number) {
    return model::fixed_uid("nat-rule", object.text() + "/" + std::to_string(number));
}

bool is_static(size_t section) {
    return section == 0 || section == 2 || section == 3;
}

}  // namespace

const std::vector<std::string>& auto_nat_sections() {
    // The order in which they match: the narrower before the wider.
    static const std::vector<std::string> k_sections = {
        "Automatic Generated Rules : Machine Static NAT",
        "Automatic Generated Rules : Machine Hide NAT",
        "Automatic Generated Rules : Address Range Static NAT",
        "Automatic Generated Rules : Network Static NAT",
        "Automatic Generated Rules : Address Range Hide NAT",
        "Automatic Generated Rules : Network Hide NAT"};
    return k_sections;
}

std::optional<AutoNatIndex::Key> AutoNatIndex::key_of(const std::string& type,
                                                      const std::string& name,
                                                      std::string_view doc) {
    if (doc.find(k_mark) == std::string_view::npos) return std::nullopt;
    json::object document = json::parse_object(doc);
    const json::object& nat = json::get_object(document, "nat-settings");
    if (!json::get_bool(nat, "auto-rule")) return std::nullopt;
    bool fixed = json::get_string(nat, "method", "hide") == "static";
    size_t section = type == "address-range" ? (fixed ? 2 : 4)
                     : type == "network"     ? (fixed ? 3 : 5)
                                             : (fixed ? 0 : 1);
    return Key{section, fold(name)};
}

void AutoNatIndex::build() {
    order_.clear();
    known_.clear();
    for (const char* type : k_types) {
        SQLite::Statement s(db_.db(),
                            "SELECT uid, name, doc FROM object WHERE type=? AND instr(doc,?)>0");
        s.bind(1, type);
        s.bind(2, std::string(k_mark));
        while (s.executeStep()) {
            auto uid = Uid::from_bytes({static_cast<const char*>(s.getColumn(0).getBlob()), 16});
            auto key = key_of(type, s.getColumn(1).getString(), s.getColumn(2).getString());
            if (!key) continue;
            order_[*key] = *uid;
            known_[*uid] = *key;
        }
    }
}

void AutoNatIndex::take(const store::Change& change) {
    if (auto known = known_.find(change.uid); known != known_.end()) {
        // Another object may have taken the name in the same publish.
        auto at = order_.find(known->second);
        if (at != order_.end() && at->second == change.uid) order_.erase(at);
        known_.erase(known);
    }
    bool ours = std::find(std::begin(k_types), std::end(k_types), change.type) != std::end(k_types);
    if (!ours || change.op != store::Change::Op::put) return;
    if (auto key = key_of(change.type, change.name, change.doc)) {
        order_[*key] = change.uid;
        known_[change.uid] = *key;
    }
}

AutoNat::AutoNat(Call& call) : call_(call) {
    WorkspaceImpl& impl = WorkspaceImpl::of(call);
    const AutoNatIndex::Order* order = &impl.auto_nat.objects();
    AutoNatIndex::Order mixed;
    Session& session = call.session();
    if (session.changes > 0) {
        Overlay& overlay = impl.overlay(session);
        for (const auto& [key, uid] : *order) {
            if (!overlay.find(uid)) mixed.emplace(key, uid);
        }
        for (const char* type : k_types) {
            for (const auto& [folded, uid] : overlay.of_type(type)) {
                const Entry* entry = overlay.find(uid);
                if (auto key = AutoNatIndex::key_of(type, entry->name, entry->doc)) {
                    mixed[*key] = uid;
                }
            }
        }
        order = &mixed;
    }
    for (const auto& [key, uid] : *order) {
        // A machine that hides needs one rule; a network two: within itself nothing is translated.
        size_t count = key.first == 1 ? 1 : 2;
        for (size_t i = 0; i < count; ++i) rules_.push_back({key.first, uid, i + 1});
    }
}

View AutoNat::rule(size_t index) {
    const Rule& rule = rules_[index];
    auto object = call_.get(rule.object);
    json::object settings;
    if (object) settings = json::get_object(object->document, "nat-settings");
    bool fixed = is_static(rule.section), hides = !fixed;
    std::string self = store::make_reference(rule.object);
    std::string any = mark_of("any", "Any"), original = mark_of("nat", "Original");
    bool inward = fixed && rule.number == 2,
         within = hides && rule.section != 1 && rule.number == 1;

    View view;
    view.uid = rule_uid(rule.object, rule.number);
    view.type = WorkspaceImpl::of(call_).catalog().find("nat-rule");
    view.rev = 1;  // it is nobody's private change
    view.document = {{"name", ""},
                     {"comments", ""},
                     {"enabled", true},
                     {"method", fixed ? "static" : "hide"},
                     {"original-source", inward ? any : self},
                     {"original-destination", inward || within ? self : any},
                     {"original-service", any},
                     {"translated-source", inward || within ? original : self},
                     {"translated-destination", inward ? self : original},
                     {"translated-service", original},
                     {"install-on", json::array{json::value(mark_of("target", "Policy Targets"))}},
                     {"auto-generated", true}};
    if (!within) {
        // What the object is translated to, or from.
        std::string address =
            json::get_string(settings, "ipv4-address", json::get_string(settings, "ipv6-address"));
        view.document["translated-address"] = address.empty() ? "gateway" : address;
    }
    if (object) view.document["meta"] = json::get_object(object->document, "meta");
    std::string where = json::get_string(settings, "install-on");
    SessionWorld world(call_);
    auto gateway = where.empty() || fold(where) == "all" ? std::nullopt
                                                         : world.find({"simple-gateway"}, where);
    if (gateway) {
        view.document["install-on"] = json::array{json::value(store::make_reference(*gateway))};
    }
    return view;
}

View AutoNat::section_view(size_t section) const {
    View view;
    view.type = WorkspaceImpl::of(call_).catalog().find("nat-section");
    view.name = auto_nat_sections()[section];
    view.uid = model::fixed_uid("nat-section", view.name);
    view.rev = 1;
    view.document = {{"name", view.name}};
    return view;
}

std::optional<size_t> AutoNat::find(const Uid& uid) const {
    for (size_t i = 0; i < rules_.size(); ++i) {
        if (rule_uid(rules_[i].object, rules_[i].number) == uid) return i;
    }
    return std::nullopt;
}

}  // namespace mds::mgmt
