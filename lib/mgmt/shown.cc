// Objects in replies, with lock, membership and references (management-api.md 6).
#include "mgmt/ranges.hh"
#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

Shown::Shown(Call& call, model::Level references)
    : call_(call),
      references_(references),
      membership_(call.flag("show-membership")),
      dereference_(call.flag("dereference-group-members")),
      ranges_(call.flag("show-as-ranges")) {}

void Shown::extend(json::object& out, const View& view) {
    if (membership_ && view.type->groups && !out.contains("groups")) out["groups"] = groups(view);
    if (dereference_ && view.document.contains("members") && !out.contains("members")) {
        json::array members;
        for (const Uid& uid : references_of(view.document, "members")) members.push_back(obj(uid));
        out["members"] = std::move(members);
    }
}

json::object Shown::domain_of(const View& view) const {
    if (view.predefined) return model::predefined_domain();
    if (view.global) {
        return {{"uid", k_global_uid}, {"name", "Global"}, {"domain-type", "global domain"}};
    }
    return WorkspaceImpl::of(call_).settings.domain.to_json();
}

json::object Shown::obj(const View& view) {
    json::object out = model::render_standard(*view.type, view.uid, view.document, domain_of(view));
    if (view.predefined) {
        if (const auto* fixed = model::find_predefined(view.uid)) out["icon"] = fixed->icon;
    }
    return out;
}

const Shown::Known& Shown::known(const Uid& uid) {
    auto found = known_.find(uid);
    if (found != known_.end()) return found->second;
    Known known;
    if (auto view = WorkspaceImpl::of(call_).head(call_, uid)) {
        known.type = view->type->name;
        known.obj = obj(*view);
    } else {
        known.obj = {{"uid", uid.text()}, {"name", ""}, {"type", "unknown"}};
    }
    return known_.emplace(uid, std::move(known)).first->second;
}

const json::object& Shown::obj(const Uid& uid) {
    return known(uid).obj;
}

json::value Shown::reference(const Uid& uid) {
    if (references_ == model::Level::uid) return json::value(uid.text());
    if (references_ == model::Level::full && depth_ == 1) {
        if (auto view = call_.get(uid)) return full(*view);
    }
    return obj(uid);
}

json::object Shown::lock_of(const View& view) {
    WorkspaceImpl& impl = WorkspaceImpl::of(call_);
    Session& session = call_.session();
    json::object out;
    if (view.rev == 0 && !view.predefined) {
        out["lock"] = "locked by current session";
        return out;
    }
    auto found = impl.locks.find(view.uid);
    auto elsewhere = impl.locked_elsewhere(view.uid);
    if (found == impl.locks.end() && elsewhere) {
        out["lock"] = "locked by other session";
        out["locking-admin"] = elsewhere->user;
        out["locking-session-id"] = elsewhere->session.text();
    } else if (found == impl.locks.end()) {
        out["lock"] = "unlocked";
    } else if (found->second.session == session.uid) {
        out["lock"] = "locked by current session";
    } else {
        out["lock"] = "locked by other session";
        SessionPtr owner = impl.by_uid(found->second.session);
        out["locking-admin"] = owner ? owner->user : "unknown";
        out["locking-session-id"] = found->second.session.text();
    }
    return out;
}

json::array Shown::groups(const View& view) {
    json::array out;
    for (const Uid& uid : call_.users(view.uid)) {
        if (known(uid).type != view.type->group_type) continue;
        out.push_back(reference(uid));
    }
    return out;
}

json::object Shown::full(const View& view) {
    ++depth_;
    model::RenderContext context;
    context.domain = domain_of(view);
    context.lock = lock_of(view);
    context.read_only = view.predefined || view.global || call_.read_only();
    context.references = references_;
    context.reference = [this](const Uid& uid) { return reference(uid); };
    context.name = [this](const Uid& uid) { return json::get_string(obj(uid), "name"); };
    json::array membership;
    if (view.type->groups && with_groups) {
        membership = groups(view);
        context.groups = &membership;
    }
    json::object out = model::render_full(*view.type, view.uid, view.document, context);
    if (view.predefined) {
        if (const auto* fixed = model::find_predefined(view.uid)) out["icon"] = fixed->icon;
    }
    // A rule has its own ranges, by column (commands_rule.cc).
    bool group = view.document.contains("members") || view.document.contains("include");
    if (ranges_ && group && depth_ == 1) {
        for (const char* field : {"members", "include", "except"}) out.erase(field);
        out["ranges"] = view.type->family == "service" ? port_ranges(call_, {view.uid})
                                                       : address_ranges(call_, {view.uid});
    }
    --depth_;
    if (WorkspaceImpl::of(call_).decorator) WorkspaceImpl::of(call_).decorator(view, out);
    return out;
}

json::value Shown::item(const View& view, model::Level level) {
    if (level == model::Level::uid) return json::value(view.uid.text());
    // Two references are all there is to see of a pair.
    if (level == model::Level::full || !view.type->pair.empty()) return full(view);
    json::object out = obj(view);
    extend(out, view);
    return out;
}

}  // namespace mds::mgmt
