// add-, set-, show-, delete- and the lists of every type of the catalogue; equals.
#include <algorithm>

#include "mgmt/workspace_impl.hh"
#include "model/coerce.hh"

namespace mds::mgmt {
namespace {

json::object add_object(Call& call, const model::Type& type) {
    model::Level level = call.level(model::Level::standard);
    json::object params = call.params();
    bool update = type.set_if_exists && call.flag("set-if-exists");
    params.erase("details-level");
    params.erase("set-if-exists");
    for (const char* name : {"ignore-warnings", "ignore-errors"}) call.flag(name);
    if (!type.groups && params.contains("groups")) {
        throw Error(Code::invalid_parameter_name, "Unrecognized parameter [groups]");
    }
    if (update) {
        if (auto present = call.find(type.name, call.text("name"))) {
            return call.render(call.set(*present, params), level);
        }
    }
    return call.render(call.add(type.name, params), level);
}

json::object set_object(Call& call, const model::Type& type) {
    model::Level level = call.level(model::Level::standard);
    return call.render(call.set(call.object(type.name), call.params()), level);
}

/// `known` and the two fields that identify a pair.
std::vector<std::string> identifiers(const model::Type& type, std::vector<std::string> known) {
    known.insert(known.end(), type.pair.begin(), type.pair.end());
    return known;
}

json::object delete_object(Call& call, const model::Type& type) {
    // Clients name objects in different ways; nothing else means anything here.
    call.only(identifiers(type, {"uid", "name", "url"}));
    call.remove(call.object(type.name), call.flag("ignore-errors"));
    return {{"message", "OK"}};
}

json::object show_object_of(Call& call, const model::Type& type) {
    call.only(identifiers(type, {"uid", "name"}));
    model::Level level = call.level(model::Level::standard);
    return call.render(call.object(type.name), level);
}

json::object show_list(WorkspaceImpl& impl, Call& call, const model::Type& type) {
    call.only({"limit", "offset", "order", "filter"});
    PageRequest request;
    request.types = {&type};
    read_paging(call, request);
    std::string text = call.text_or("filter", "");
    if (!text.empty()) {
        auto filter = std::make_shared<Filter>(call, text, false);
        request.wanted = [filter](const View& view) { return filter->matches(view); };
        request.maybe = [filter](const model::Type& t, std::string_view doc) {
            return filter->maybe(t, doc);
        };
    }
    return list_reply(call, page_of(impl, call, request), type.container,
                      call.level(model::Level::standard));
}

json::object equals(WorkspaceImpl& impl, Call& call) {
    call.only({"type", "params"});
    std::string type_name = call.text("type");
    const model::Type& type = impl.catalog().require(type_name);
    call.require_area(type, false);
    const json::value* given = json::find(call.params(), "params");
    static const json::object k_empty;
    const json::object& params = given && given->is_object() ? given->as_object() : k_empty;
    if (given && !given->is_object()) {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [params]. An object is expected.");
    }
    if (!type.within.empty()) {
        View view = ordered_object(call, type, params);
        SessionWorld world(call);
        return {{"equals", model::equals_document(type, view.document, same_as_stored(type, params),
                                                  {}, world)}};
    }
    std::string uid_text = text_of(params, "uid"), name = text_of(params, "name");
    bool pair = !type.pair.empty();
    if (!pair && uid_text.empty() && name.empty()) {
        throw Error(Code::missing_parameters, "Missing parameter: [name]");
    }
    std::optional<View> view;
    if (!uid_text.empty()) {
        auto uid = Uid::parse(uid_text);
        view = uid ? call.get(*uid) : std::nullopt;
        if (view && view->type->name != type.name) view.reset();
    } else {
        view = pair ? find_pair(call, type, params) : call.find(type.name, name);
    }
    if (!view) not_found(!uid_text.empty() ? uid_text : pair ? type.name : name);
    std::vector<Uid> groups;
    if (type.groups && params.contains("groups")) {
        for (const Uid& uid : call.users(view->uid)) {
            auto user = impl.head(call, uid);
            if (user && user->type->name == type.group_type) groups.push_back(uid);
        }
    }
    SessionWorld world(call);
    return {{"equals", model::equals_document(type, view->document, params, groups, world)}};
}

// ---- settings: one object of the type, there from the start ----

View settings_of(Call& call, const model::Type& type) {
    if (auto view = call.find(type.name, type.name)) return *view;
    View view;
    view.type = &type;
    view.uid = model::fixed_uid(type.name, type.name);
    view.document = {{"name", ""}, {"comments", ""}};
    model::fill_fallbacks(type, view.document);
    return view;
}

json::object settings_reply(Call& call, const View& view) {
    json::object whole = call.render(view), out;
    const model::Type& type = *view.type;
    for (const auto& member : whole) {
        bool field = type.field(member.key()) != nullptr;
        if (field || (type.open && !model::is_envelope(member.key()))) {
            out[member.key()] = member.value();
        }
    }
    return out;
}

json::object set_settings(Call& call, const model::Type& type) {
    View view = settings_of(call, type);
    json::object document = view.document;
    SessionWorld world(call);
    model::update_document(type, document, call.params(), world);
    return settings_reply(call, call.put(type.name, view.uid, std::move(document)));
}

json::object show_settings(Call& call, const model::Type& type) {
    call.only({});
    return settings_reply(call, settings_of(call, type));
}

}  // namespace

void WorkspaceImpl::register_object_commands() {
    CommandFlags write;
    write.write = true;
    for (const model::Type& type : catalog().types()) {
        if (!type.within.empty() || type.own) continue;  // commands_rule.cc
        const model::Type* t = &type;
        if (type.single) {
            CommandFlags flags;
            flags.description = "Shows the settings " + type.name;
            add_generic(
                "show-" + type.name, [t](Call& c) { return show_settings(c, *t); }, flags);
            flags.write = true;
            flags.description = "Changes the settings " + type.name;
            add_generic(
                "set-" + type.name, [t](Call& c) { return set_settings(c, *t); }, flags);
            continue;
        }
        if (type.add) {
            write.description = "Adds an object of the type " + type.name;
            add_generic(
                "add-" + type.name, [t](Call& c) { return add_object(c, *t); }, write);
        }
        if (type.set) {
            write.description = "Changes an object of the type " + type.name;
            add_generic(
                "set-" + type.name, [t](Call& c) { return set_object(c, *t); }, write);
        }
        if (type.remove) {
            write.description = "Deletes an object of the type " + type.name;
            add_generic(
                "delete-" + type.name, [t](Call& c) { return delete_object(c, *t); }, write);
        }
        CommandFlags read;
        read.description = "Shows an object of the type " + type.name;
        add_generic(
            "show-" + type.name, [t](Call& c) { return show_object_of(c, *t); }, read);
        read.description = "Lists objects of the type " + type.name;
        add_generic(
            "show-" + type.plural, [this, t](Call& c) { return show_list(*this, c, *t); }, read);
    }
    CommandFlags read;
    read.description = "Whether an object has the parameters given";
    add_generic(
        "equals", [this](Call& call) { return equals(*this, call); }, read);
}

}  // namespace mds::mgmt
