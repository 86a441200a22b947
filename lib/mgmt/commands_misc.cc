// show-commands, show-api-versions, show-validations.
#include <set>

#include "mgmt/manual.hh"
#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

const std::vector<std::string>& api_versions() {
    static const std::vector<std::string> k_versions = {"1",   "1.1",   "1.2",   "1.3",  "1.4",
                                                        "1.5", "1.6",   "1.6.1", "1.7",  "1.7.1",
                                                        "1.8", "1.8.1", "1.9",   "1.9.1"};
    return k_versions;
}

namespace {

json::object show_versions(WorkspaceImpl&, Call&) {
    json::array all;
    for (const std::string& version : api_versions()) all.push_back(json::value(version));
    return {{"current-version", api_versions().back()}, {"supported-versions", all}};
}

json::object show_commands(WorkspaceImpl& impl, Call& call) {
    call.only({"prefix"});
    std::string prefix = call.text_or("prefix", "");
    bool full = call.level(model::Level::standard) == model::Level::full;
    json::array commands;
    for (const auto& [name, registered] : impl.commands) {
        if (!name.starts_with(prefix) || registered.flags.internal) continue;
        json::object one{{"name", name}, {"description", registered.flags.description}};
        if (full) {
            auto parameters = parameters_of(impl, name);
            one["parameters"] = parameters ? json::value(std::move(*parameters)) : json::value();
        }
        commands.push_back(std::move(one));
    }
    uint64_t total = commands.size();
    return {{"commands", commands}, {"from", total ? 1 : 0}, {"to", total}, {"total", total}};
}

/// What would stop a publish. Most errors are refused when the change is made; what `ignore-errors`
/// let pass is a reference to an object that is gone.
std::vector<std::string> errors_of(WorkspaceImpl& impl, Call& call) {
    std::vector<std::string> out;
    if (call.session().changes == 0) return out;
    std::set<std::pair<Uid, Uid>> told;
    auto broken = [&](const View& user, const Uid& used, const std::string& name) {
        if (!told.emplace(user.uid, used).second) return;
        out.push_back(user.type->name + " '" + user.name + "' refers to the deleted object '" +
                      name + "'.");
    };
    for (const auto& [uid, entry] : impl.overlay(call.session()).entries()) {
        if (entry.removed) {
            for (const Uid& user : call.users(uid)) {
                if (auto view = call.get(user)) broken(*view, uid, entry.base_name);
            }
            continue;
        }
        auto view = call.get(uid);
        if (!view) continue;
        for (const model::Reference& r : model::references_in(view->document)) {
            if (call.get(r.uid)) continue;
            auto old = impl.db.get(r.uid);
            broken(*view, r.uid, old ? old->name : r.uid.text());
        }
    }
    return out;
}

json::object show_validations(WorkspaceImpl& impl, Call& call) {
    json::array errors;
    for (const std::string& line : errors_of(impl, call)) {
        errors.push_back(json::object{{"message", line}, {"current-session", true}});
    }
    size_t count = errors.size();
    return {{"warnings", json::array{}},        {"warnings-total", 0},
            {"errors", std::move(errors)},      {"errors-total", count},
            {"blocking-errors", json::array{}}, {"blocking-errors-total", 0}};
}

}  // namespace

void WorkspaceImpl::register_misc_commands() {
    add_simple("show-api-versions", show_versions, "Shows the versions of the management API");
    add_simple("show-commands", show_commands, "Lists the commands");
    add_simple("show-validations", show_validations, "Shows what is wrong in the session");
}

}  // namespace mds::mgmt
