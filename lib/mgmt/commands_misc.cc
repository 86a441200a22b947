// What the server tells about itself, and what is wrong in a session; commands of other products.
#include <sys/utsname.h>

#include <algorithm>
#include <set>

#include "base/text.hh"
#include "base/version.hh"

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

json::object show_version(WorkspaceImpl&, Call& call) {
    call.only({});
    utsname host{};
    uname(&host);
    // The name of the system's release, as every one of them tells it (os-release(5)).
    std::string release;
    try {
        for (const std::string& line : split(read_file("/etc/os-release"), '\n')) {
            if (!line.starts_with("PRETTY_NAME=")) continue;
            release = line.substr(12);
            std::erase(release, '"');
        }
    } catch (const Error&) {
        release = host.sysname;
    }
    return {{"product-version", std::string("OpenMDS ") + mds::version()},
            {"os-build", release},
            {"os-edition", host.machine},
            {"os-kernel-version", host.release}};
}

json::object show_api_status(WorkspaceImpl& impl, Call& call) {
    call.only({});
    return {{"status", "started"},
            {"api-server-version", api_versions().back()},
            {"product-version", mds::version()},
            {"server", impl.settings.server_name},
            {"domain", impl.settings.domain.to_json()},
            {"standby", impl.hooks.is_standby()},
            {"sessions", impl.sids.size()}};
}

json::object auto_complete(WorkspaceImpl& impl, Call& call) {
    call.only({"text"});
    std::string text = call.text_or("text", "");
    std::replace(text.begin(), text.end(), ' ', '-');
    json::array out;
    for (const auto& [name, registered] : impl.commands) {
        if (!name.starts_with(text) || registered.flags.internal) continue;
        out.push_back(json::value(name));
    }
    return {{"suggestions", std::move(out)}};
}

/// Known names of other products (management-api.md 14): the answer is not that there is no such
/// command, but that this server does not have it.
constexpr const char* k_elsewhere[] = {"verify-software-package",
                                       "install-software-package",
                                       "uninstall-software-package",
                                       "show-software-package-details",
                                       "show-software-packages-per-targets",
                                       "add-repository-package",
                                       "delete-repository-package",
                                       "show-repository-package",
                                       "show-repository-packages",
                                       "cme-api",
                                       "gaia-api"};

json::object not_here(WorkspaceImpl&, Call& call) {
    throw Error(Code::not_implemented,
                "The command '" + call.command() + "' is not a part of this server.");
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
    json::array errors, warnings;
    if (call.session().recovered()) {
        for (Mark& mark : impl.marks_of(call.session())) {
            (mark.must_edit ? errors : warnings)
                .push_back(
                    json::object{{"message", mark.message},
                                 {"current-session", true},
                                 {"conflict", json::object{{"uid", mark.uid.text()},
                                                           {"type", mark.type},
                                                           {"name", mark.name},
                                                           {"fields", std::move(mark.fields)}}}});
        }
    }
    for (const std::string& line : errors_of(impl, call)) {
        errors.push_back(json::object{{"message", line}, {"current-session", true}});
    }
    size_t count = errors.size(), conflicts = warnings.size();
    return {{"warnings", std::move(warnings)},  {"warnings-total", conflicts},
            {"errors", std::move(errors)},      {"errors-total", count},
            {"blocking-errors", json::array{}}, {"blocking-errors-total", 0}};
}

}  // namespace

void WorkspaceImpl::register_misc_commands() {
    add_simple("show-api-versions", show_versions, "Shows the versions of the management API");
    add_simple("show-commands", show_commands, "Lists the commands");
    add_simple("show-version", show_version, "Shows the version of the server and of its system");
    add_simple("show-api-status", show_api_status,
               "Shows that the management API answers, and who");
    add_simple("auto-complete", auto_complete, "Lists the commands that begin with a text");
    for (const char* name : k_elsewhere) {
        add_simple(name, not_here, "Not a part of this server");
        commands[name].flags.internal = generics[name].flags.internal = true;
    }
    add_simple("show-validations", show_validations, "Shows what is wrong in the session");
}

}  // namespace mds::mgmt
