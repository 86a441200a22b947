// show-session-changes: what a session holds that is not published, field by field; for `mdsctl session diff`.
#include "mgmt/differences.hh"
#include "mgmt/workspace_impl.hh"
#include "store/refs.hh"

namespace mds::mgmt {
namespace {

/// References as names, which people can read: of the session's own objects, of published and of predefined ones.
Naming names_of(Call& call, const Overlay& changes) {
    return [&call, &changes](const std::string& text) -> std::optional<std::string> {
        auto uid = store::parse_reference(text);
        if (!uid) return std::nullopt;
        const Entry* entry = changes.find(*uid);
        if (entry) return entry->removed ? entry->base_name : entry->name;
        auto view = call.get(*uid);
        return view ? view->name : uid->text();
    };
}

json::object document_of(const std::string& text) {
    return text.empty() ? json::object{} : json::parse_object(text);
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
        const Naming names = names_of(call, held);
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
