// Rulebases and their structure, page by page (management-api.md 13).
#include <algorithm>
#include <set>

#include "mgmt/global.hh"
#include "mgmt/ranges.hh"
#include "mgmt/rulebase.hh"

namespace mds::mgmt {
namespace {

std::string uid_text(const View& view, const std::string& field) {
    auto uid = Call::reference(view.document, field);
    return uid ? uid->text() : "";
}

}  // namespace

json::object show_rule(Call& call, Shown& shown, const RuleKind& kind, const View& view) {
    json::object out = shown.full(view);
    if (is_placeholder(view)) {
        // It is no rule: it has a place, and in a Domain the layer that stands there.
        json::object place;
        for (const char* key : {"uid", "name", "domain", "meta-info", "read-only", "comments"}) {
            if (out.contains(key)) place[key] = out[key];
        }
        auto layer = Call::reference(view.document, "layer").value_or(Uid{});
        place["type"] = "place-holder";
        place["layer"] = layer.text();
        std::string named = call.text_or("package", "");
        auto package = named.empty() ? std::nullopt : std::optional(call.object("package", named));
        if (auto inner = filling(call, layer, package ? package->uid : Uid{})) {
            place["inline-layer"] = inner->text();
        }
        return place;
    }
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
    if (kind.within == "package") {
        bool generated = json::get_bool(view.document, "auto-generated");
        out["auto-generated"] = generated;
        if (const json::value* address = json::find(view.document, "translated-address")) {
            out["translated-address"] = *address;
        }
        if (generated) {
            out["read-only"] = true;
            return out;
        }
    }
    out[kind.within] = uid_text(view, kind.within);
    return out;
}

namespace {

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

/// Behind a package's own NAT rules: what objects make, in sections of their own.
void add_generated(Call& call, size_t manual, const PageRequest& page,
                   const std::function<bool(const View&)>& wanted, std::vector<Block>& blocks,
                   size_t& total, size_t& shown) {
    AutoNat generated(call);
    std::optional<size_t> section;
    for (size_t i = 0; i < generated.size(); ++i) {
        std::optional<View> view;
        if (wanted && !wanted(*(view = generated.rule(i)))) continue;
        if (total++ < page.offset || shown >= page.limit) continue;
        if (!view) view = generated.rule(i);
        if (section != generated.section(i)) {
            section = generated.section(i);
            blocks.push_back({generated.section_view(*section), {}});
        }
        ++shown;
        blocks.back().rules.emplace_back(manual + i + 1, std::move(*view));
    }
}

json::object show_rulebase(Call& call, const RuleKind& kind, View container) {
    PageRequest page;
    read_paging(call, page);
    bool dictionary = call.flag("use-object-dictionary", true);
    model::Level level = call.level(model::Level::standard);
    Rulebase base(call, kind, container.uid);
    size_t total = 0, count = 0;
    auto wanted = filter_of(call, call.text_or("filter", ""));
    auto blocks = blocks_of(call, base, page.offset, page.limit, wanted, total, count);
    if (kind.within == "package") {
        add_generated(call, base.rules.size(), page, wanted, blocks, total, count);
    }

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
            if (!is_placeholder(view)) rule["type"] = kind.rule;
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
        if (kind.within == "package") {
            section["auto-generated"] =
                block.section->uid == model::fixed_uid(kind.section, block.section->name);
        }
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

}  // namespace

void WorkspaceImpl::register_rulebase_commands() {
    add_simple("show-access-rulebase", show_access_rulebase, "Shows the rules of a layer");
    add_simple("show-nat-rulebase", show_nat_rulebase, "Shows the NAT rules of a package");
    add_simple("show-layer-structure", show_layer_structure, "Shows sections and rules of a layer");
    needs("show-access-rulebase", "", "access-rule");
    needs("show-nat-rulebase", "", "nat-rule");
    needs("show-layer-structure", "", "access-rule");
}

}  // namespace mds::mgmt
