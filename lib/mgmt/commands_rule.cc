// Rules, sections and rulebases (management-api.md 13).
#include <algorithm>
#include <set>

#include "base/text.hh"
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

/// By uid, name or rule-number within its layer or package.
View rule_of(Call& call, const RuleKind& kind, const json::object& params) {
    View container = container_of(call, kind, params);
    Rulebase base(call, kind, container.uid);
    std::string text = text_of(params, "uid");
    if (text.empty()) text = text_of(params, "name");
    if (!text.empty()) {
        if (auto view = base.rule(text)) return std::move(*view);
        not_found(text);
    }
    std::string number = needed(params, "rule-number");
    bool digits = number.size() < 10 && std::all_of(number.begin(), number.end(),
                                                    [](char c) { return c >= '0' && c <= '9'; });
    size_t n = digits ? static_cast<size_t>(std::stoll(number)) : 0;
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
    if (json::find(params, "new-position")) {
        View container = container_of(call, kind, params);
        Rulebase base(call, kind, container.uid);
        internal["order"] = base.order_for(position_of(params, "new-position"), view.uid);
    }
    json::object content = content_of(kind, params);
    content.erase("name");
    return call.set(view, content, internal);
}

std::string uid_text(const View& view, const std::string& field) {
    auto uid = Call::reference(view.document, field);
    return uid ? uid->text() : "";
}

json::object show_rule(Call& call, Shown& shown, const RuleKind& kind, const View& view) {
    json::object out = shown.full(view);
    bool first_version = call.version() == "1" || call.version() == "v1";
    if (first_version && out.contains("track")) {
        // The first version has the name of the kind of track only (management-api.md 2).
        auto type = Call::reference(json::get_object(view.document, "track"), "type");
        out["track"] = type ? json::get_string(shown.obj(*type), "name") : "None";
    }
    if (call.flag("show-as-ranges") && kind.within == "layer") {
        for (const char* field : {"source", "destination", "service"}) {
            auto uids = references_of(view.document, field);
            out[std::string(field) + "-ranges"] = field == std::string("service")
                                                      ? port_ranges(call, uids)
                                                      : address_ranges(call, uids);
            out.erase(field);
        }
    }
    if (view.document.contains("inline-layer"))
        out["inline-layer"] = uid_text(view, "inline-layer");
    out[kind.within] = uid_text(view, kind.within);
    return out;
}

json::object rule_reply(Call& call, const RuleKind& kind, const View& view) {
    Shown shown(call, call.level(model::Level::standard));
    return show_rule(call, shown, kind, view);
}

// ---- rulebases ----

struct Block {
    std::optional<View> section;
    std::vector<std::pair<size_t, View>> rules;
};

/// What a page shows: rules from `offset` on, `limit` of them, in their sections. Sections without
/// rules are shown where the page passes them.
std::vector<Block> blocks_of(Call& call, const Rulebase& base, size_t offset, size_t limit,
                             const std::function<bool(const View&)>& wanted, size_t& total,
                             size_t& shown) {
    std::vector<Block> out;
    total = shown = 0;
    size_t number = 0;
    std::string path;
    std::optional<Merged::Item> section;
    if (!wanted) {
        total = base.rules.size();
        if (offset >= total && (offset > 0 || limit == 0)) return out;
        if (limit == 0) return out;
        number = offset;
        if (offset > 0) {
            auto start = base.rules.at(offset);
            section = base.section_of(start->path);
            auto before = base.rules.before(start->path);
            path = before ? before->path : "";
            if (section && section->path > path) {
                path = section->path;
            }
        }
    }
    out.emplace_back();
    if (section) out.back().section = call.get(section->uid);
    auto next_section = section ? base.sections.after(section->path) : base.sections.after("");
    auto next_rule = base.rules.after(path);
    while (next_rule || next_section) {
        bool rule_first = next_rule && (!next_section || next_rule->path < next_section->path);
        if (!rule_first) {
            if (!wanted && shown >= limit && next_rule) break;
            out.emplace_back();
            out.back().section = call.get(next_section->uid);
            next_section = base.sections.after(next_section->path);
            continue;
        }
        if (!wanted && shown >= limit) break;
        ++number;
        auto view = call.get(next_rule->uid);
        next_rule = base.rules.after(next_rule->path);
        if (!view) continue;
        if (wanted) {
            if (!wanted(*view)) continue;
            if (total++ < offset || shown >= limit) continue;
        }
        ++shown;
        out.back().rules.emplace_back(number, std::move(*view));
    }
    std::erase_if(out, [&](const Block& b) {
        return b.rules.empty() && (!b.section || static_cast<bool>(wanted));
    });
    return out;
}

/// A rule fits a filter when it does, or something in its columns.
std::function<bool(const View&)> filter_of(Call& call, const std::string& text) {
    if (text.empty()) return {};
    auto filter = std::make_shared<Filter>(call, text, false);
    auto seen = std::make_shared<std::map<Uid, bool>>();
    return [&call, filter, seen](const View& rule) {
        if (filter->matches(rule)) return true;
        for (const model::Reference& r : model::references_in(rule.document)) {
            if (r.field == "layer" || r.field == "package") continue;
            auto known = seen->find(r.uid);
            if (known == seen->end()) {
                auto view = call.get(r.uid);
                known = seen->emplace(r.uid, view && filter->matches(*view)).first;
            }
            if (known->second) return true;
        }
        return false;
    };
}

json::object show_rulebase(Call& call, const RuleKind& kind, View container) {
    call.require_area(*WorkspaceImpl::of(call).catalog().find(kind.rule), false);
    PageRequest page;
    read_paging(call, page);
    bool dictionary = call.flag("use-object-dictionary", true);
    model::Level level = call.level(model::Level::standard);
    Rulebase base(call, kind, container.uid);
    size_t total = 0, count = 0;
    auto blocks = blocks_of(call, base, page.offset, page.limit,
                            filter_of(call, call.text_or("filter", "")), total, count);

    Shown shown(call, dictionary ? model::Level::uid : level);
    Shown objects(call, model::Level::standard);
    std::set<Uid> used;
    json::array rulebase;
    size_t index = page.offset;
    for (Block& block : blocks) {
        json::array rules;
        size_t from = index + 1;
        for (auto& [number, view] : block.rules) {
            ++index;
            if (level == model::Level::uid) {
                rules.push_back(json::value(view.uid.text()));
                continue;
            }
            json::object rule = show_rule(call, shown, kind, view);
            rule["type"] = kind.rule;
            rule["rule-number"] = number;
            rules.push_back(std::move(rule));
            if (!dictionary) continue;
            for (const model::Reference& r : model::references_in(view.document)) {
                if (r.field != kind.within) used.insert(r.uid);
            }
        }
        if (!block.section) {
            for (json::value& rule : rules) rulebase.push_back(std::move(rule));
            continue;
        }
        json::object section{{"uid", block.section->uid.text()},
                             {"name", block.section->name},
                             {"type", kind.section}};
        if (!rules.empty()) {
            section["from"] = from;
            section["to"] = index;
        }
        section["rulebase"] = std::move(rules);
        rulebase.push_back(std::move(section));
    }
    json::object reply{{"uid", container.uid.text()}, {"name", container.name}};
    reply["rulebase"] = std::move(rulebase);
    if (dictionary) {
        json::array list;
        for (const Uid& uid : used) list.push_back(objects.obj(uid));
        reply["objects-dictionary"] = std::move(list);
    }
    put_range(reply, page.offset, count, total);
    return reply;
}

json::object show_access_rulebase(WorkspaceImpl&, Call& call) {
    call.only({"uid", "name", "package", "filter", "filter-settings", "limit", "offset", "order",
               "use-object-dictionary", "show-hits", "hits-settings", "async-response"});
    return show_rulebase(call, k_access_kind, call.object("access-layer"));
}

json::object show_nat_rulebase(WorkspaceImpl&, Call& call) {
    call.only({"package", "filter", "filter-settings", "limit", "offset", "order",
               "use-object-dictionary", "show-hits", "hits-settings", "async-response"});
    return show_rulebase(call, k_nat_kind, call.object("package", call.text("package")));
}

json::object show_layer_structure(WorkspaceImpl&, Call& call) {
    call.only({"uid", "name", "package", "limit", "offset"});
    call.require_area(*WorkspaceImpl::of(call).catalog().find("access-rule"), false);
    View layer = call.object("access-layer");
    PageRequest page;
    read_paging(call, page);
    Rulebase base(call, k_access_kind, layer.uid);
    size_t total = 0, count = 0;
    auto blocks = blocks_of(call, base, page.offset, page.limit, {}, total, count);
    Shown shown(call, model::Level::standard);
    json::array children;
    for (Block& block : blocks) {
        json::array rules;
        for (auto& [number, view] : block.rules) {
            json::object rule = shown.obj(view);
            rule["rule-number"] = number;
            rules.push_back(std::move(rule));
        }
        if (!block.section) {
            for (json::value& rule : rules) children.push_back(std::move(rule));
            continue;
        }
        json::object section = shown.obj(*block.section);
        if (!block.rules.empty()) {
            section["from-rule"] = block.rules.front().first;
            section["to-rule"] = block.rules.back().first;
        }
        section["children"] = std::move(rules);
        children.push_back(std::move(section));
    }
    json::object reply = shown.obj(layer);
    put_range(reply, page.offset, count, total);
    reply["root-section"] =
        json::object{{"uid", layer.uid.text()}, {"children", std::move(children)}};
    return reply;
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
            call.remove(find(call, kind, call.params()));
            return json::object{{"message", "OK"}};
        },
        sections ? "Deletes a section; its rules stay" : "Deletes a rule", true);
    impl.add_simple(
        "show-" + type,
        [](WorkspaceImpl& workspace, Call& call) {
            call.require_area(*workspace.catalog().find(type), false);
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
    add_simple("show-access-rulebase", show_access_rulebase, "Shows the rules of a layer");
    add_simple("show-nat-rulebase", show_nat_rulebase, "Shows the NAT rules of a package");
    add_simple("show-layer-structure", show_layer_structure, "Shows sections and rules of a layer");
}

}  // namespace mds::mgmt
