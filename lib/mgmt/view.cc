// Call: parameters, and objects as its session sees them.
#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/text.hh"
#include "mgmt/workspace_impl.hh"
#include "model/coerce.hh"
#include "store/refs.hh"

namespace mds::mgmt {

Call::Call(Workspace& workspace, std::shared_ptr<Session> session, std::string command,
           std::string version, json::object params, std::map<std::string, std::string> client)
    : workspace_(workspace),
      session_(std::move(session)),
      command_(std::move(command)),
      version_(std::move(version)),
      params_(std::move(params)),
      client_(std::move(client)) {}

Call::~Call() = default;

const std::string& Call::user() const {
    return session_->user;
}

Uid Call::user_uid() const {
    return session_->user_uid;
}

Uid Call::session_uid() const {
    return session_->uid;
}

bool Call::read_only() const {
    return session_->read_only;
}

bool Call::permitted(std::string_view permission) const {
    return session_->superuser || json::get_bool(session_->permissions, permission);
}

bool Call::may(const std::string& area, bool write) const {
    if (session_->superuser || area.empty()) return true;
    const json::value* areas = json::find(session_->permissions, "areas");
    if (!areas || !areas->is_object()) return true;
    std::string right = json::get_string(areas->as_object(), area, "disabled");
    return right == "write" || (!write && right == "read");
}

void Call::require_area(const model::Type& type, bool write) const {
    if (may(type.area, write)) return;
    throw Error(Code::no_permissions, "The permissions profile of '" + user() +
                                          "' does not allow " + (write ? "changing" : "seeing") +
                                          " objects of the type " + type.name + " (" + type.area +
                                          ").");
}

void Call::require(std::string_view permission) const {
    if (permitted(permission)) return;
    Error error(Code::no_permissions, "The administrator '" + user() +
                                          "' does not have the permission '" +
                                          std::string(permission) + "'.");
    if (permission != "high-availability-operations") throw error;
    throw std::move(error).refusal("RF-39",
                                   "Ask an administrator whose profile has this permission.");
}

// ---- parameters ----

void Call::must_do() const {
    if (asking_) throw Error(Code::internal, "the command did not say what it accepts");
}

const json::object& Call::params() const {
    must_do();
    return params_;
}

void Call::ask_parameters(Workspace& workspace, std::shared_ptr<Session> session,
                          const std::string& command, const std::function<void(Call&)>& run) {
    Call call(workspace, std::move(session), command, "", {}, {});
    call.asking_ = true;
    run(call);
}

namespace {

std::string loose_text(const json::value& v, std::string_view name) {
    if (v.is_string()) return std::string(v.as_string());
    if (v.is_int64() || v.is_uint64() || v.is_bool()) return json::text(v);
    throw Error(Code::invalid_parameter,
                "Invalid parameter for [" + std::string(name) + "]. A string is expected.");
}

}  // namespace

void not_found(const std::string& what) {
    throw Error(Code::object_not_found, "Requested object [" + what + "] not found");
}

std::string text_of(const json::object& params, std::string_view name) {
    const json::value* v = json::find(params, name);
    return v && !v->is_null() ? model::coerce_string(*v, std::string(name)) : std::string();
}

std::string Call::text(std::string_view name) const {
    const json::value* v = json::find(params(), name);
    if (!v || v->is_null()) {
        throw Error(Code::missing_parameters, "Missing parameter: [" + std::string(name) + "]");
    }
    return loose_text(*v, name);
}

std::string Call::text_or(std::string_view name, std::string_view otherwise) const {
    const json::value* v = json::find(params(), name);
    return v && !v->is_null() ? loose_text(*v, name) : std::string(otherwise);
}

bool Call::flag(std::string_view name, bool otherwise) const {
    const json::value* v = json::find(params(), name);
    if (!v || v->is_null()) return otherwise;
    if (v->is_bool()) return v->as_bool();
    std::string word = fold(loose_text(*v, name));
    if (word == "true") return true;
    if (word == "false") return false;
    throw Error(Code::invalid_parameter,
                "Invalid parameter for [" + std::string(name) + "]. true or false is expected.");
}

int64_t Call::integer(std::string_view name, int64_t otherwise) const {
    const json::value* v = json::find(params(), name);
    if (!v || v->is_null()) return otherwise;
    if (v->is_int64()) return v->as_int64();
    if (v->is_string()) {
        std::string text = trim(v->as_string());
        char* end = nullptr;
        errno = 0;
        long long number = std::strtoll(text.c_str(), &end, 10);
        if (!text.empty() && *end == 0 && errno == 0) return number;
    }
    throw Error(Code::invalid_parameter,
                "Invalid parameter for [" + std::string(name) + "]. An integer is expected.");
}

model::Level Call::level(model::Level otherwise) const {
    std::string word = text_or("details-level", "");
    return word.empty() ? otherwise : model::level_from(word);
}

void Call::only(const std::vector<std::string>& allowed) const {
    if (asking_) throw Parameters{allowed};
    for (const auto& member : params_) {
        std::string name(member.key());
        if (model::is_common_parameter(name)) continue;
        if (std::find(allowed.begin(), allowed.end(), name) != allowed.end()) continue;
        std::string near = nearest(name, allowed);
        throw Error(Code::invalid_parameter_name,
                    "Unrecognized parameter [" + name + "]" +
                        (near.empty() ? "" : ". Did you mean [" + near + "]?"));
    }
}

bool Call::only_or_plan(std::vector<std::string> allowed) const {
    if (asking_ || !params_.contains("plan")) {
        only(allowed);
        return false;
    }
    allowed.emplace_back("plan");
    only(allowed);
    return flag("plan");
}

// ---- objects ----

const model::Type* type_of(const model::Catalog& catalog, const std::string& name) {
    return catalog.find(name);
}

View view_of(const model::Predefined& object) {
    View view;
    view.uid = object.uid;
    view.type = &model::type_of(object);
    view.name = object.name;
    view.document = object.document;
    view.predefined = true;
    return view;
}

std::optional<View> view_of(const model::Catalog& catalog, const Uid& uid, const std::string& type,
                            const std::string& name, uint64_t rev, std::string_view doc) {
    View view;
    view.type = catalog.find(type);
    if (!view.type) return std::nullopt;
    view.uid = uid;
    view.rev = rev;
    view.document = json::parse_object(doc);
    view.global = json::get_bool(json::get_object(view.document, "meta"), "global");
    view.name = !view.type->within.empty() ? json::get_string(view.document, "name")
                : !view.type->pair.empty() ? view.type->name
                                           : name;
    return view;
}

std::optional<View> view_of(const model::Catalog& catalog, const store::Object& object) {
    return view_of(catalog, object.uid, object.type, object.name, object.rev, object.doc);
}

std::optional<View> Call::get(const Uid& uid) {
    must_do();
    WorkspaceImpl& impl = WorkspaceImpl::of(*this);
    if (session_->changes > 0) {
        if (const Entry* entry = impl.overlay(*session_).find(uid)) {
            if (entry->removed) return std::nullopt;
            return view_of(impl.catalog(), uid, entry->type, entry->name, entry->base_rev,
                           entry->doc);
        }
    }
    if (const model::Predefined* object = model::find_predefined(uid)) return view_of(*object);
    auto object = impl.db.get(uid);
    return object ? view_of(impl.catalog(), *object) : std::nullopt;
}

namespace {

/// By name within one family; without the list of members when `head` is enough.
std::optional<View> find_in(WorkspaceImpl& impl, Call& call, const std::string& family,
                            std::string_view name, bool head) {
    Session& session = call.session();
    Overlay* overlay = session.changes > 0 ? &impl.overlay(session) : nullptr;
    if (const Uid* uid = overlay ? overlay->find(family, fold(name)) : nullptr) {
        return head ? impl.head(call, *uid) : call.get(*uid);
    }
    auto object = impl.db.find(family, std::string(name));
    if (object && !(overlay && overlay->find(object->uid))) {
        if (head) object->doc = without_members(object->doc);
        return view_of(impl.catalog(), *object);
    }
    if (const auto* fixed = model::find_predefined(family, name)) return view_of(*fixed);
    return std::nullopt;
}

}  // namespace

std::optional<View> Call::find(std::string_view type, std::string_view name) {
    WorkspaceImpl& impl = WorkspaceImpl::of(*this);
    const model::Type& t = impl.catalog().require(type);
    auto view = find_in(impl, *this, t.family, name, false);
    if (view && view->type->name != t.name) return std::nullopt;
    return view;
}

std::optional<View> find_pair(Call& call, const model::Type& type, const json::object& params) {
    json::object document;
    SessionWorld world(call);
    for (const std::string& name : type.pair) {
        const json::value* given = json::find(params, name);
        if (!given || given->is_null()) {
            throw Error(Code::missing_parameters, "Missing parameter: [" + name + "]");
        }
        document[name] = model::coerce(*type.field(name), *given, name, nullptr, world);
    }
    return call.find(type.name, model::index_name(type, document));
}

View Call::object(std::string_view type) {
    const model::Type& t = WorkspaceImpl::of(*this).catalog().require(type);
    if (!t.pair.empty() && !params_.contains("uid")) {
        if (auto view = find_pair(*this, t, params_)) return std::move(*view);
        not_found(json::text(*json::find(params_, t.pair.back())));
    }
    const json::value* uid = json::find(params_, "uid");
    const json::value* name = json::find(params_, "name");
    const json::value* given = uid && !uid->is_null() ? uid : name;
    if (!given || given->is_null()) {
        throw Error(Code::missing_parameters, "Missing parameter: [name]");
    }
    std::string text = loose_text(*given, uid ? "uid" : "name");
    if (given == uid) {
        auto parsed = Uid::parse(text);
        auto view = parsed ? get(*parsed) : std::nullopt;
        if (view && view->type->name == type) return std::move(*view);
    } else if (auto view = find(type, text)) {
        return std::move(*view);
    }
    not_found(text);
}

View Call::object(std::string_view type, std::string_view uid_or_name) {
    if (auto uid = Uid::parse(uid_or_name)) {
        auto view = get(*uid);
        if (view && view->type->name == type) return std::move(*view);
    }
    if (auto view = find(type, uid_or_name)) return std::move(*view);
    not_found(std::string(uid_or_name));
}

std::vector<View> Call::all(std::string_view type) {
    PageRequest request;
    request.types = {&WorkspaceImpl::of(*this).catalog().require(type)};
    request.limit = UINT64_MAX;
    request.predefined = false;
    return page_of(WorkspaceImpl::of(*this), *this, request).views;
}

std::vector<Uid> Call::users(const Uid& uid) {
    WorkspaceImpl& impl = WorkspaceImpl::of(*this);
    std::vector<Uid> out = impl.db.referrers(uid);
    if (session_->changes == 0) return out;
    Overlay& overlay = impl.overlay(*session_);
    if (!out.empty()) std::erase_if(out, [&](const Uid& u) { return overlay.find(u) != nullptr; });
    for (const Uid& u : overlay.referrers(uid)) out.push_back(u);
    return out;
}

json::object Call::render(const View& view, model::Level references) {
    return Shown(*this, references).full(view);
}

json::object Call::render_obj(const View& view) {
    return Shown(*this, model::Level::standard).obj(view);
}

std::optional<Uid> Call::reference(const json::object& document, std::string_view field) {
    const json::value* v = json::find(document, field);
    return v && v->is_string() ? store::parse_reference(v->as_string()) : std::nullopt;
}

// ---- SessionWorld ----

std::optional<Uid> SessionWorld::find(const std::vector<std::string>& types,
                                      std::string_view name) {
    WorkspaceImpl& impl = WorkspaceImpl::of(call_);
    auto fits = [&](const View& view) {
        return types.empty() ||
               std::find(types.begin(), types.end(), view.type->name) != types.end();
    };
    if (auto uid = Uid::parse(name)) {
        auto view = impl.head(call_, *uid);
        if (view && fits(*view)) return view->uid;
    }
    for (const std::string& family : impl.catalog().families(types)) {
        auto view = find_in(impl, call_, family, name, true);
        if (view && fits(*view)) return view->uid;
    }
    const model::Predefined* any = model::find_predefined("any", name);
    if (any && fits(view_of(*any))) return any->uid;
    // Actions, tracks and the like are of types that no catalogue lists.
    for (const std::string& type : types) {
        if (impl.catalog().find(type)) continue;
        for (const model::Predefined& fixed : model::predefined_objects()) {
            if (fixed.type == type && fold(fixed.name) == fold(name)) return fixed.uid;
        }
    }
    return std::nullopt;
}

Uid SessionWorld::tag(std::string_view name) {
    return call_.add("tag", json::object{{"name", json::value(name)}}).uid;
}

}  // namespace mds::mgmt
