// Access layers and policy packages (management-api.md 13).
#include <algorithm>

#include "base/text.hh"
#include "mgmt/global.hh"
#include "mgmt/policy.hh"
#include "mgmt/ranges.hh"
#include "mgmt/rulebase.hh"
#include "model/coerce.hh"
#include "store/refs.hh"

namespace mds::mgmt {
namespace {

View add_layer(Call& call, const json::object& params) {
    const json::value* rule = json::find(params, "add-default-rule");
    bool with_rule = !rule || rule->is_null() || model::coerce_boolean(*rule, "add-default-rule");
    View layer = call.add("access-layer", params);
    if (call.workspace().settings().domain.type == "global domain") {
        Rulebase base(call, k_access_kind, layer.uid);
        call.add("access-rule", {{"name", k_placeholder_name}, {"action", "Accept"}},
                 {{"layer", store::make_reference(layer.uid)},
                  {"order", base.order_for("top", std::nullopt)},
                  {"placeholder", true}});
    }
    if (with_rule) {
        add_in_order(call, k_access_kind, "access-rule",
                     {{"layer", layer.uid.text()},
                      {"position", "bottom"},
                      {"name", "Cleanup rule"},
                      {"action", "Drop"},
                      {"track", "None"}});
    }
    return layer;
}

json::object add_layer_command(WorkspaceImpl& impl, Call& call) {
    return impl.atomically([&] { return call.render(add_layer(call, call.params())); });
}

/// Refuses when anything but its own rules refers to the layer.
void remove_layer(WorkspaceImpl& impl, Call& call, const View& layer) {
    impl.atomically([&] {
        empty_rulebase(call, k_access_kind, layer.uid);
        call.remove(layer);
    });
}

json::object delete_layer(WorkspaceImpl& impl, Call& call) {
    call.only({"uid", "name"});
    remove_layer(impl, call, call.object("access-layer"));
    return {{"message", "OK"}};
}

json::object package_reply(Call& call, const View& view) {
    json::object out = call.render(view);
    Shown shown(call, model::Level::standard);
    json::array layers;
    auto own = references_of(view.document, "access-layers");
    // The global layers come first; the first one has the Domain's first layer within it.
    if (auto held = own.empty() ? std::nullopt : global_policy(WorkspaceImpl::of(call))) {
        for (const Uid& uid : held->layers) layers.push_back(shown.obj(uid));
    }
    for (const Uid& uid : own) layers.push_back(shown.obj(uid));
    out["access-layers"] = std::move(layers);
    return out;
}

json::object add_package(WorkspaceImpl& impl, Call& call) {
    return impl.atomically([&] {
        json::array layers;
        if (call.flag("access", true)) {
            View layer = add_layer(call, {{"name", call.text("name") + " Network"}});
            layers.push_back(json::value(store::make_reference(layer.uid)));
        }
        return package_reply(
            call, call.add("package", call.params(), {{"access-layers", std::move(layers)}}));
    });
}

/// The list of layers after {"add": [{name, position}], "remove": [...], "value": [...]}.
json::array edited_layers(Call& call, const View& package, const json::value& given) {
    json::array layers = json::get_array(package.document, "access-layers");
    // Nothing for a layer of the global policy: replies list it, and it is not the Domain's to place.
    auto mark_of = [&](const json::value& item) {
        std::string text = item.is_object() ? text_of(item.as_object(), "name")
                                            : model::coerce_string(item, "access-layers");
        View layer = call.object("access-layer", text);
        return layer.global ? json::value() : json::value(store::make_reference(layer.uid));
    };
    auto each = [&](const json::value& list, auto&& action) {
        if (list.is_array()) {
            for (const json::value& item : list.as_array()) action(item);
        } else if (!list.is_null()) {
            action(list);
        }
    };
    auto without = [&](const json::value& mark) {
        layers.erase(std::remove(layers.begin(), layers.end(), mark), layers.end());
    };
    auto add = [&](const json::value& item) {
        json::value mark = mark_of(item);
        if (mark.is_null()) return;
        without(mark);
        size_t at = layers.size();
        if (item.is_object()) {
            std::string position = text_of(item.as_object(), "position");
            if (fold(position) == "top") at = 0;
            int number = std::atoi(position.c_str());
            if (number > 0) at = std::min(at, static_cast<size_t>(number) - 1);
        }
        layers.insert(layers.begin() + static_cast<std::ptrdiff_t>(at), mark);
    };
    const json::object* edit = given.if_object();
    if (!edit) {
        layers.clear();
        each(given, add);
        return layers;
    }
    if (const json::value* value = json::find(*edit, "value")) {
        layers.clear();
        each(*value, add);
    }
    if (const json::value* out = json::find(*edit, "remove")) {
        each(*out, [&](const json::value& item) { without(mark_of(item)); });
    }
    if (const json::value* more = json::find(*edit, "add")) each(*more, add);
    return layers;
}

json::object set_package(WorkspaceImpl& impl, Call& call) {
    return impl.atomically([&] {
        View package = call.object("package");
        json::object params = call.params(), internal;
        if (const json::value* given = json::find(params, "access-layers")) {
            internal["access-layers"] = edited_layers(call, package, *given);
            params.erase("access-layers");
        }
        return package_reply(call, call.set(package, params, internal));
    });
}

json::object show_package(WorkspaceImpl&, Call& call) {
    call.only({"uid", "name"});
    return package_reply(call, call.object("package"));
}

json::object delete_package(WorkspaceImpl& impl, Call& call) {
    call.only({"uid", "name"});
    impl.atomically([&] {
        View package = call.object("package");
        empty_rulebase(call, k_nat_kind, package.uid);
        call.remove(package);
        // A layer that only this package had goes with it.
        for (const json::value& v : json::get_array(package.document, "access-layers")) {
            auto uid = store::parse_reference(v.as_string());
            auto layer = uid ? call.get(*uid) : std::nullopt;
            if (!layer || json::get_bool(layer->document, "shared")) continue;
            bool used = false;
            for (const Uid& user : call.users(layer->uid)) {
                auto view = call.get(user);
                used = used || !view || view->type->within != "layer" ||
                       Call::reference(view->document, "layer") != layer->uid;
            }
            if (!used) remove_layer(impl, call, *layer);
        }
    });
    return {{"message", "OK"}};
}

}  // namespace

void add_standard_policy(Call& call) {
    // Names of the Global Domain must be free in the Domains that its policy is assigned to.
    bool global = call.workspace().settings().domain.type == "global domain";
    View layer = add_layer(call, {{"name", global ? "Global Network" : "Network"}});
    json::array layers{json::value(store::make_reference(layer.uid))};
    call.add("package", {{"name", "Standard"}}, {{"access-layers", std::move(layers)}});
}

void WorkspaceImpl::register_policy_commands() {
    add_simple("add-access-layer", add_layer_command, "Adds an access layer", true);
    add_simple("delete-access-layer", delete_layer, "Deletes a layer with its rules", true);
    add_simple("add-package", add_package, "Adds a policy package with its layer", true);
    add_simple("set-package", set_package, "Changes a policy package", true);
    add_simple("show-package", show_package, "Shows a policy package");
    add_simple("delete-package", delete_package, "Deletes a policy package", true);
}

}  // namespace mds::mgmt
