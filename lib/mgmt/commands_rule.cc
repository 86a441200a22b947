// Rules and sections (management-api.md 13).
#include <algorithm>
#include <set>

#include "base/text.hh"
#include "mgmt/global.hh"
#include "mgmt/ranges.hh"
#include "mgmt/rulebase.hh"
#include "model/document.hh"
#include "store/refs.hh"

namespace mds::mgmt {
namespace {

std::string needed(const json::object& params, std::string_view name) {
    std::string text = text_of(params, name);
    if (text.empty()) {
        throw Error(Code::missing_parameters, "Missing parameter: [" + std::string(name) + "]");
    }
    return text;
}

const RuleKind& kind_of(const model::Type& type) {
    return type.within == k_access_kind.within ? k_access_kind : k_nat_kind;
}

View container_of(Call& call, const RuleKind& kind, const json::object& params) {
    return call.object(kind.container, needed(params, kind.within));
}

/// Rules that objects make can be looked at, and changed in the object alone.
View generated_rule(Call& call, AutoNat& generated, size_t index) {
    if (call.command() == "show-nat-rule") return generated.rule(index);
    auto object = call.get(generated.object(index));
    throw Error(Code::no_permissions, "The rule is made by the nat-settings of " +
                                          (object ? object->type->name : "an object") + " '" +
                                          (object ? object->name : "") + "'.")
        .refusal("", "change nat-settings of the object");
}

/// By uid, name or rule-number within its layer or package.
View rule_of(Call& call, const RuleKind& kind, const json::object& params) {
    View container = container_of(call, kind, params);
    Rulebase base(call, kind, container.uid);
    std::string text = text_of(params, "uid");
    if (text.empty()) text = text_of(params, "name");
    if (!text.empty()) {
        if (auto view = base.rule(text)) return std::move(*view);
        if (auto uid = Uid::parse(text); uid && kind.within == "package") {
            AutoNat generated(call);
            if (auto index = generated.find(*uid)) return generated_rule(call, generated, *index);
        }
        not_found(text);
    }
    std::string number = needed(params, "rule-number");
    bool digits = number.size() < 10 && std::all_of(number.begin(), number.end(),
                                                    [](char c) { return c >= '0' && c <= '9'; });
    size_t n = digits ? static_cast<size_t>(std::stoll(number)) : 0;
    if (n > base.rules.size() && kind.within == "package") {
        AutoNat generated(call);
        size_t index = n - base.rules.size() - 1;
        if (index < generated.size()) return generated_rule(call, generated, index);
    }
    auto at = n == 0 ? std::nullopt : base.rules.at(n - 1);
    auto view = at ? call.get(at->uid) : std::nullopt;
    if (!view) {
        throw Error(Code::object_not_found, "Rule number [" + number + "] not found in " +
                                                kind.within + " '" + container.name +
                                                "', which has " +
                                                std::to_string(base.rules.size()) + " rules");
    }
    return std::move(*view);
}

View section_of(Call& call, const RuleKind& kind, const json::object& params) {
    View container = container_of(call, kind, params);
    std::string text = text_of(params, "uid");
    if (text.empty()) text = needed(params, "name");
    if (auto view = Rulebase(call, kind, container.uid).section(text)) return std::move(*view);
    not_found(text);
}

/// The parameters that make the document: without those that say where, and with the short forms of
/// track and action spelled out.
json::object content_of(const RuleKind& kind, json::object params) {
    for (const std::string& name :
         {kind.within, std::string("position"), std::string("new-position"),
          std::string("rule-number"), std::string("uid")}) {
        params.erase(name);
    }
    if (json::value* track = params.if_contains("track"); track && track->is_string()) {
        json::value type = *track;
        *track = json::object{{"type", type}};
    }
    if (json::value* action = params.if_contains("action"); action && action->is_string()) {
        if (fold(action->as_string()) == "apply layer") *action = "Inner Layer";
    }
    return params;
}

const json::value& position_of(const json::object& params, const char* name) {
    const json::value* position = json::find(params, name);
    if (!position || position->is_null()) {
        throw Error(Code::missing_parameters, std::string("Missing parameter: [") + name + "]");
    }
    return *position;
}

View set_in_order(Call& call, const RuleKind& kind, const View& view, const json::object& params) {
    json::object internal;
    json::object content = content_of(kind, params);
    content.erase("name");
    if (is_placeholder(view) && !content.empty()) {
        throw Error(Code::no_permissions,
                    "The placeholder for the rules of the Domains can be moved, and nothing else.")
            .refusal("", "set-access-rule with new-position");
    }
    if (json::find(params, "new-position")) {
        View container = container_of(call, kind, params);
        Rulebase base(call, kind, container.uid);
        internal["order"] = base.order_for(position_of(params, "new-position"), view.uid);
    }
    return call.set(view, content, internal);
}

json::object rule_reply(Call& call, const RuleKind& kind, const View& view) {
    Shown shown(call, call.level(model::Level::standard));
    return show_rule(call, shown, kind, view);
}

/// add-, set-, delete- and show- of the rules or of the sections of a kind.
template <const RuleKind& kind, bool sections>
void register_ordered(WorkspaceImpl& impl) {
    static const std::string type = sections ? kind.section : kind.rule;
    static constexpr auto find = sections ? section_of : rule_of;
    std::string word = sections ? "section" : "rule";
    impl.add_simple(
        "add-" + type,
        [](WorkspaceImpl&, Call& call) {
            return rule_reply(call, kind, add_in_order(call, kind, type, call.params()));
        },
        "Adds a " + word + " at a position", true);
    impl.add_simple(
        "set-" + type,
        [](WorkspaceImpl&, Call& call) {
            View view = find(call, kind, call.params());
            return rule_reply(call, kind, set_in_order(call, kind, view, call.params()));
        },
        "Changes or moves a " + word, true);
    impl.add_simple(
        "delete-" + type,
        [](WorkspaceImpl&, Call& call) {
            std::vector<std::string> known{"uid", "name", kind.within};
            if (!sections) known.push_back("rule-number");
            call.only(known);
            View view = find(call, kind, call.params());
            if (is_placeholder(view)) {
                throw Error(Code::no_permissions, "The placeholder for the rules of the Domains stays: "
                                                  "without it they would have no place in the policy.");
            }
            call.remove(view);
            return json::object{{"message", "OK"}};
        },
        sections ? "Deletes a section; its rules stay" : "Deletes a rule", true);
    impl.add_simple(
        "show-" + type,
        [](WorkspaceImpl&, Call& call) {
            std::vector<std::string> known{"uid", "name", kind.within};
            if (!sections) {
                known.insert(known.end(),
                             {"rule-number", "layer", "package", "show-hits", "hits-settings"});
            }
            call.only(known);
            return rule_reply(call, kind, find(call, kind, call.params()));
        },
        "Shows a " + word);
}

}  // namespace

View add_in_order(Call& call, const RuleKind& kind, const std::string& type,
                  const json::object& params) {
    View container = container_of(call, kind, params);
    refuse_global(container);
    if (kind.within == "package" && call.workspace().settings().domain.type == "global domain") {
        throw Error(Code::wrong_domain_type, "Global policies have no NAT rules.")
            .refusal("", "add NAT rules in the Domains");
    }
    Rulebase base(call, kind, container.uid);
    std::string order = base.order_for(position_of(params, "position"), std::nullopt);
    return call.add(type, content_of(kind, params),
                    {{kind.within, store::make_reference(container.uid)}, {"order", order}});
}

void empty_rulebase(Call& call, const RuleKind& kind, const Uid& within) {
    std::vector<Uid> all;
    {
        Rulebase base(call, kind, within);
        for (Merged* list : {&base.rules, &base.sections}) {
            for (auto item = list->after(""); item; item = list->after(item->path)) {
                all.push_back(item->uid);
            }
        }
    }
    for (const Uid& uid : all) {
        if (auto view = call.get(uid)) call.remove(*view);
    }
}

View ordered_object(Call& call, const model::Type& type, const json::object& params) {
    const RuleKind& kind = kind_of(type);
    return type.name == kind.rule ? rule_of(call, kind, params) : section_of(call, kind, params);
}

json::object same_as_stored(const model::Type& type, const json::object& params) {
    json::object content = content_of(kind_of(type), params);
    content.erase("name");
    return content;
}

json::object rule_usage(Call& call, const View& rule, const Uid& used) {
    const RuleKind& kind = kind_of(*rule.type);
    Shown shown(call, model::Level::standard);
    json::array columns;
    for (const model::Reference& r : model::references_in(rule.document)) {
        if (r.uid == used && r.field != kind.within) columns.push_back(json::value(r.field));
    }
    Uid within = Call::reference(rule.document, kind.within).value_or(Uid{});
    std::string position = std::to_string(Rulebase(call, kind, within).number(rule));
    json::object out{{"rule", shown.obj(rule)},
                     {"rule-columns", columns},
                     {"position", position},
                     {kind.within, shown.obj(within)}};
    if (kind.within == "package") return out;
    out["layer-position"] = position;
    for (const Uid& user : call.users(within)) {
        auto view = call.get(user);
        if (view && view->type->name == "package") {
            out["package"] = out["policy"] = shown.obj(*view);
            break;
        }
    }
    return out;
}

void WorkspaceImpl::register_rule_commands() {
    if (!catalog().find("access-rule")) return;  // the system data has no policy
    register_ordered<k_access_kind, false>(*this);
    register_ordered<k_access_kind, true>(*this);
    register_ordered<k_nat_kind, false>(*this);
    register_ordered<k_nat_kind, true>(*this);
    register_policy_commands();
    register_rulebase_commands();
}

}  // namespace mds::mgmt
