// show-session-changes: what a session holds that is not published, field by field; for `mdsctl session diff`.
#include "mgmt/workspace_impl.hh"
#include "store/refs.hh"

namespace mds::mgmt {
namespace {

/// References as names, which people can read: of the session's own objects, of published and of predefined ones.
class Names {
  public:
    Names(Call& call, const Overlay& changes) : call_(call), changes_(changes) {}

    json::value shown(const json::value& value) {
        if (value.is_string()) {
            auto uid = store::parse_reference(value.get_string());
            return uid ? json::value(name(*uid)) : value;
        }
        if (value.is_array()) {
            json::array out;
            for (const json::value& v : value.get_array()) out.push_back(shown(v));
            return out;
        }
        if (value.is_object()) {
            json::object out;
            for (const auto& [key, v] : value.get_object()) out[key] = shown(v);
            return out;
        }
        return value;
    }

  private:
    std::string name(const Uid& uid) {
        const Entry* entry = changes_.find(uid);
        if (entry) return entry->removed ? entry->base_name : entry->name;
        auto view = call_.get(uid);
        return view ? view->name : uid.text();
    }

    Call& call_;
    const Overlay& changes_;
};

json::object document_of(const std::string& text) {
    return text.empty() ? json::object{} : json::parse_object(text);
}

/// Every field that is not as it was; null where it was not, or is not any more.
json::array differences(Names& names, const json::object& before, const json::object& after) {
    json::array out;
    auto add = [&](std::string_view field, const json::value* was, const json::value* is) {
        out.push_back(json::object{{"field", field},
                                   {"before", was ? names.shown(*was) : json::value(nullptr)},
                                   {"after", is ? names.shown(*is) : json::value(nullptr)}});
    };
    for (const auto& [key, is] : after) {
        const json::value* was = json::find(before, key);
        if (!was || *was != is) add(key, was, &is);
    }
    for (const auto& [key, was] : before) {
        if (!after.contains(key)) add(key, &was, nullptr);
    }
    return out;
}

json::object show_session_changes(WorkspaceImpl& impl, Call& call) {
    call.only({"uid"});
    std::string text = call.text("uid");
    auto uid = Uid::parse(text);
    SessionPtr session = uid ? impl.by_uid(*uid) : nullptr;
    if (!session) throw Error(Code::object_not_found, "Requested object [" + text + "] not found");
    if (session->user != call.user()) call.require("manage-sessions");
    json::array changes;
    if (session->changes > 0) {
        const Overlay& held = impl.overlay(*session);
        Names names(call, held);
        for (const auto& [object, entry] : held.entries()) {
            auto published = impl.db.get(object);
            // One that was recovered was made from what was published then.
            std::string base = entry.recovered ? entry.base_doc : published ? published->doc : "";
            bool fresh = entry.recovered ? entry.base_doc.empty() : entry.base_rev == 0;
            if (fresh && entry.removed) continue;
            json::object before = fresh ? json::object{} : document_of(base);
            json::object after = entry.removed ? json::object{} : document_of(entry.doc);
            const model::Type* type = impl.catalog().find(entry.removed ? entry.base_type : entry.type);
            if (type && !call.may(type->area, false)) continue;
            json::object row{{"uid", object.text()},
                             {"type", entry.removed ? entry.base_type : entry.type},
                             // The name of a rule is its place; its title is in the document.
                             {"name", json::get_string(entry.removed ? before : after, "name",
                                                       entry.removed ? entry.base_name : entry.name)},
                             {"change", entry.removed ? "removed"
                                        : fresh       ? "added"
                                                      : "changed"},
                             {"fields", differences(names, before, after)}};
            changes.push_back(std::move(row));
        }
    }
    return {{"uid", session->uid.text()},
            {"user-name", session->user},
            {"name", session->name()},
            {"number-of-changes", changes.size()},
            {"changes", std::move(changes)}};
}

}  // namespace

void WorkspaceImpl::register_session_changes() {
    CommandFlags flags;
    flags.internal = true;
    flags.anywhere = true;
    self.add_command(
        "show-session-changes", [this](Call& call) { return show_session_changes(*this, call); }, flags);
}

}  // namespace mds::mgmt
