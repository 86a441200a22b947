// show-object(s), where-used, show-unused-objects, locks by hand.
#include <algorithm>
#include <set>

#include "mgmt/servers.hh"
#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {
namespace {

View found_by(WorkspaceImpl& impl, Call& call) {
    std::string uid_text = call.text_or("uid", "");
    if (!uid_text.empty()) {
        auto uid = Uid::parse(uid_text);
        auto view = uid ? call.get(*uid) : std::nullopt;
        if (!view) not_found(uid_text);
        return std::move(*view);
    }
    std::string name = call.text("name"), type = call.text_or("type", "");
    if (!type.empty()) return call.object(impl.catalog().require(type).name, name);
    SessionWorld world(call);
    auto uid = world.find({}, name);
    auto view = uid ? call.get(*uid) : std::nullopt;
    if (!view) not_found(name);
    return std::move(*view);
}

View by_uid_or_name(WorkspaceImpl& impl, Call& call) {
    View view = found_by(impl, call);
    call.require_area(*view.type, false);
    return view;
}

json::object show_object(WorkspaceImpl& impl, Call& call) {
    call.only({"uid", "name", "type"});
    View view = by_uid_or_name(impl, call);
    model::Level level = call.level(model::Level::standard);
    if (level == model::Level::full) return {{"object", call.render(view)}};
    return {{"object", call.render_obj(view)}};
}

PageRequest object_list(WorkspaceImpl& impl, Call& call) {
    PageRequest request;
    read_paging(call, request);
    std::string type = call.text_or("type", "object");
    if (type == "object") {
        for (const model::Type& t : impl.catalog().types()) {
            // Rules and what they stand in are shown by their own commands.
            if (t.own || !model::needs_name(t) || t.family == "policy" || !call.may(t.area, false)) continue;
            request.types.push_back(&t);
        }
    } else {
        request.types = {&impl.catalog().require(type)};
        call.require_area(*request.types[0], false);
    }
    return request;
}

json::object show_objects(WorkspaceImpl& impl, Call& call) {
    call.only({"uids", "filter", "ip-only", "type", "limit", "offset", "order", "in"});
    PageRequest request = object_list(impl, call);
    if (const json::value* uids = json::find(call.params(), "uids")) {
        json::array list = uids->is_array() ? uids->as_array() : json::array{*uids};
        Page page;
        page.offset = request.offset;
        page.total = 0;
        for (const json::value& v : list) {
            auto uid = v.is_string() ? Uid::parse(v.as_string()) : std::nullopt;
            auto view = uid ? call.get(*uid) : std::nullopt;
            if (!view || !call.may(view->type->area, false)) continue;
            if (page.total++ >= request.offset && page.views.size() < request.limit) {
                page.views.push_back(std::move(*view));
            }
        }
        return list_reply(call, page, "objects", call.level(model::Level::standard));
    }
    std::string text = call.text_or("filter", "");
    bool ip_only = call.flag("ip-only");
    if (!text.empty()) {
        auto filter = std::make_shared<Filter>(call, text, ip_only);
        request.wanted = [filter](const View& view) { return filter->matches(view); };
        request.maybe = [filter](const model::Type& t, std::string_view doc) {
            return filter->maybe(t, doc);
        };
    }
    return list_reply(call, page_of(impl, call, request), "objects",
                      call.level(model::Level::standard));
}

json::object show_unused(WorkspaceImpl& impl, Call& call) {
    call.only({"limit", "offset", "order", "type"});
    PageRequest request = object_list(impl, call);
    request.predefined = false;
    // One that stands for a server is there because the server is.
    request.wanted = [&call](const View& view) {
        return !is_server_object(view) && call.users(view.uid).empty();
    };
    return list_reply(call, page_of(impl, call, request), "objects",
                      call.level(model::Level::standard));
}

/// `used`: the object that rules refer to; nil when it is one of many (indirect use).
json::object users_reply(Call& call, const std::vector<Uid>& users, const Uid& used,
                         model::Level level) {
    Shown shown(call, model::Level::standard);
    json::array objects, rules, nat_rules;
    for (const Uid& uid : users) {
        auto view = call.get(uid);
        if (!view || !call.may(view->type->area, false)) continue;
        if (view->type->name == "access-rule") {
            rules.push_back(rule_usage(call, *view, used));
        } else if (view->type->name == "nat-rule") {
            nat_rules.push_back(rule_usage(call, *view, used));
        } else if (view->type->within.empty()) {
            objects.push_back(shown.item(*view, level));
        }
    }
    size_t total = objects.size() + rules.size() + nat_rules.size();
    return {{"total", total},
            {"objects", std::move(objects)},
            {"access-control-rules", std::move(rules)},
            {"nat-rules", std::move(nat_rules)},
            {"threat-prevention-rules", json::array{}},
            {"https-rules", json::array{}}};
}

json::object where_used(WorkspaceImpl& impl, Call& call) {
    call.only({"uid", "name", "type", "indirect", "indirect-max-depth", "async-response"});
    View view = by_uid_or_name(impl, call);
    model::Level level = call.level(model::Level::standard);
    std::vector<Uid> direct = call.users(view.uid);
    json::object reply{{"used-directly", users_reply(call, direct, view.uid, level)}};
    if (!call.flag("indirect")) return reply;
    int64_t depth = call.integer("indirect-max-depth", 5);
    std::set<Uid> seen(direct.begin(), direct.end());
    seen.insert(view.uid);
    std::vector<Uid> layer = direct, indirect;
    for (int64_t i = 1; i < depth && !layer.empty(); ++i) {
        std::vector<Uid> next;
        for (const Uid& uid : layer) {
            for (const Uid& user : call.users(uid)) {
                if (seen.insert(user).second) next.push_back(user);
            }
        }
        indirect.insert(indirect.end(), next.begin(), next.end());
        layer = std::move(next);
    }
    reply["used-indirectly"] = users_reply(call, indirect, {}, level);
    return reply;
}

json::object lock_object(WorkspaceImpl& impl, Call& call) {
    call.only({"uid", "name", "type", "layer"});
    View view = by_uid_or_name(impl, call);
    call.require_area(*view.type, true);
    if (view.rev != 0) call.lock(view, true);
    return {{"object", call.render(view)}};
}

json::object unlock_object(WorkspaceImpl& impl, Call& call) {
    call.only({"uid", "name", "type", "layer"});
    View view = by_uid_or_name(impl, call);
    Session& session = call.session();
    auto found = impl.locks.find(view.uid);
    if (found != impl.locks.end() && found->second.session != session.uid) call.lock(view, true);
    bool changed = session.changes > 0 && impl.overlay(session).find(view.uid);
    if (changed) {
        throw Error(Code::object_locked,
                    "Object '" + view.name + "' was changed in this session and stays locked.")
            .refusal("", "publish or discard");
    }
    impl.drop_lock(view.uid);
    return {{"object", call.render(view)}};
}

}  // namespace

void WorkspaceImpl::register_search_commands() {
    add_simple("show-object", show_object, "Shows any object by its uid");
    add_simple("show-objects", show_objects, "Lists objects of all types, with search");
    add_simple("show-unused-objects", show_unused, "Lists objects that nothing refers to");
    add_simple("where-used", where_used, "Shows what refers to an object");
    add_simple("lock-object", lock_object, "Locks an object for this session", true);
    add_simple("unlock-object", unlock_object, "Releases a lock on an unchanged object", true);
}

}  // namespace mds::mgmt
