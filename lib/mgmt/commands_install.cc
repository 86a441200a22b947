// verify-policy and install-policy (management-api.md 13): both look at what is published.
#include <algorithm>

#include "base/shell.hh"
#include "base/text.hh"
#include "mgmt/flat_policy.hh"
#include "mgmt/gateways.hh"
#include "mgmt/policy_changes.hh"
#include "mgmt/ranges.hh"
#include "mgmt/servers.hh"
#include "mgmt/verify.hh"
#include "model/coerce.hh"

namespace mds::mgmt {
namespace {

/// Name of the session of an installation, before the package's.
constexpr char k_install_session[] = "Install policy ";

json::array message_list(const std::vector<std::string>& lines) {
    json::array out;
    for (const std::string& line : lines) out.push_back(json::object{{"message", line}});
    return out;
}

View published_package(Call& call, Call& published) {
    std::string name = call.text("policy-package");
    View mine = call.object("package", name);
    auto view = published.get(mine.uid);
    if (!view) {
        throw Error(Code::object_not_found,
                    "Requested object [" + name + "] not found among what is published")
            .refusal("", "publish the package first");
    }
    return std::move(*view);
}

void require_layers(const View& package) {
    if (json::get_bool(package.document, "access", true) &&
        !json::get_array(package.document, "access-layers").empty()) {
        return;
    }
    throw Error(Code::policy_verification_failed,
                "Package '" + package.name + "' has no access layer.")
        .refusal("", "set-package with access true and access-layers.add");
}

/// The first line, and how many more there are.
std::string reason_of(const Verification& found) {
    std::string text = "Policy verification failed: " + found.errors.front();
    if (found.errors.size() > 1) {
        text += " (and " + std::to_string(found.errors.size() - 1) + " more)";
    }
    return text;
}

/// Why the policy cannot go to a gateway; empty when it can.
std::string problem_of(const Verification& found, const View& gateway) {
    if (!found.errors.empty()) return reason_of(found);
    return has_trust(gateway) ? "" : gateway_problem(gateway);
}

json::object verify_policy(WorkspaceImpl& impl, Call& call) {
    call.only({"policy-package"});
    std::optional<View> package;
    Verification found;
    impl.self.inspect([&](Call& published) {
        package = published_package(call, published);
        require_layers(*package);
        found = verify_access(published, *package);
    });
    std::string status = !found.errors.empty()     ? "failed"
                         : !found.warnings.empty() ? "succeeded with warnings"
                                                   : "succeeded";
    std::string why = found.errors.empty() ? "" : reason_of(found);
    json::object detail{{"policy-package", package->name},
                        {"statusCode", status},
                        {"statusDescription", why},
                        {"rules", found.rules},
                        {"layers", found.layers},
                        {"errors", message_list(found.errors)},
                        {"warnings", message_list(found.warnings)}};
    Uid task =
        impl.self.create_task("Policy verification - " + package->name, impl.settings.domain.name,
                              call.user(), false, call.session_uid());
    impl.self.finish_task(task, status, json::array{std::move(detail)}, why);
    return {{"task-id", task.text()}};
}

/// The gateways that a policy goes to: those asked for, which must be among the package's; all of
/// the package's when none are asked for.
std::vector<View> installation_targets(Call& call, Call& published, const View& package) {
    std::vector<Uid> allowed = references_of(package.document, "installation-targets");
    const json::value* given = json::find(call.params(), "targets");
    std::vector<View> out;
    if (given && !given->is_null()) {
        for (View& target : targets_of(call)) {
            bool fits = allowed.empty() ||
                        std::find(allowed.begin(), allowed.end(), target.uid) != allowed.end();
            if (!fits) {
                throw Error(Code::invalid_parameter,
                            "Invalid parameter for [targets]. '" + target.name +
                                "' is not among the installation targets of package '" +
                                package.name + "'.")
                    .refusal("", "set-package with installation-targets.add");
            }
            if (target.type->name != "simple-gateway") {
                throw Error(Code::type_wrong, "Object '" + target.name + "' is of the type " +
                                                  target.type->name +
                                                  "; policies are installed on gateways.");
            }
            if (!published.get(target.uid)) {
                throw Error(Code::object_not_found, "Requested object [" + target.name +
                                                        "] not found among what is published")
                    .refusal("", "publish the gateway first");
            }
            out.push_back(std::move(target));
        }
        return out;
    }
    if (allowed.empty()) {
        out = published.all("simple-gateway");
    } else {
        for (const Uid& uid : allowed) {
            auto view = published.get(uid);
            if (view && view->type->name == "simple-gateway") out.push_back(std::move(*view));
        }
    }
    if (out.empty()) {
        throw Error(Code::invalid_parameter,
                    "Package '" + package.name + "' has no gateway to be installed on.")
            .refusal("", "add-simple-gateway, or set-package with installation-targets");
    }
    return out;
}

/// What is asked for must be in the package.
void check_kinds(Call& call, const View& package) {
    bool access = call.flag("access", json::get_bool(package.document, "access", true));
    if (access) require_layers(package);
    for (const char* kind : {"desktop-security", "qos"}) {
        if (call.flag(kind) && !json::get_bool(package.document, kind)) {
            model::invalid(kind, "Package '" + package.name +
                                     "' has no such policy; set-package "
                                     "turns it on.");
        }
    }
    bool threat =
        call.flag("threat-prevention", json::get_bool(package.document, "threat-prevention", true));
    if (!access && !threat && !call.flag("qos") && !call.flag("desktop-security")) {
        throw Error(Code::missing_parameters,
                    "Missing parameter: [access], [threat-prevention], [qos] or "
                    "[desktop-security]; nothing is left to install");
    }
    for (const char* name :
         {"install-on-all-cluster-members-or-fail", "prepare-only", "ignore-warnings"}) {
        call.flag(name);
    }
}

void check_revision(WorkspaceImpl& impl, Call& call) {
    std::string text = call.text_or("revision", "");
    if (text.empty()) return;
    auto uid = Uid::parse(text);
    auto rev = uid ? impl.db.revision_of_session(*uid) : std::nullopt;
    if (!rev) not_found(text);
    // The newest of all: behind it there may be other records, of purges.
    for (const store::Revision& r : impl.db.revisions(impl.db.position().rev + 1, 1000)) {
        // What installations publish changes nothing that could be installed.
        if (r.kind != "publish" || (r.rev != *rev && r.session_name.starts_with(k_install_session))) continue;
        if (r.rev == *rev) return;
        break;
    }
    throw Error(Code::not_implemented, "Only the newest revision can be installed.")
        .refusal("", "revert-to-revision first, then install");
}

/// Publishes what the gateways are to have, each for itself: every server of the Domain answers them from it,
/// whatever is published later and whoever is away (LS-7).
void keep_installed(WorkspaceImpl& impl, const std::string& user, const View& package,
                    const std::vector<View>& gateways) {
    Principal who;
    who.user = user;
    who.session_name = k_install_session + package.name;
    uint64_t revision = impl.db.position().rev;
    impl.self.transact(who, [&](Call& call) {
        for (const View& gateway : gateways) {
            json::object policy = flat_policy(call, package, gateway);
            std::string id = Uid::make().text();
            policy["id"] = id;
            policy["revision"] = revision;
            policy["installed-ms"] = impl.hooks.now_ms();
            policy["installed-by"] = user;
            // As text: what is in it is no reference that keeps an object from being deleted.
            call.put(k_installed_policy, installed_uid(gateway.uid),
                     {{"name", gateway.uid.text()},
                      {"gateway", gateway.uid.text()},
                      {"id", id},
                      {"package", package.name},
                      {"revision", revision},
                      {"installed-ms", impl.hooks.now_ms()},
                      {"policy", json::text(policy)}});
        }
        for (const View& old : call.all(k_installed_policy)) {
            auto gateway = Uid::parse(json::get_string(old.document, "gateway"));
            if (!gateway || !call.get(*gateway)) call.remove(old);
        }
    });
}

json::object install_policy(WorkspaceImpl& impl, Call& call) {
    call.only({"policy-package", "targets", "access", "threat-prevention", "desktop-security",
               "qos", "install-on-all-cluster-members-or-fail", "prepare-only", "revision"});
    std::optional<View> package;
    std::vector<View> targets;
    Verification found;
    impl.self.inspect([&](Call& published) {
        package = published_package(call, published);
        check_kinds(call, *package);
        check_revision(impl, call);
        targets = installation_targets(call, published, *package);
        if (call.flag("access", json::get_bool(package->document, "access", true))) {
            found = verify_access(published, *package);
        }
    });
    json::array details;
    std::string comments;
    // Who the gateway has its policy from, in this order (RD-8).
    auto managers = [&](const View& gateway) {
        json::array out;
        impl.self.inspect([&](Call& published) { out = managers_told(published, gateway); });
        return out;
    };
    bool prepare_only = call.flag("prepare-only");
    std::vector<View> ready;
    for (const View& target : targets) {
        std::string why = problem_of(found, target);
        json::object one = failed_target(target, why);
        if (why.empty()) {
            ready.push_back(target);
            one.erase("fault-message");
            one["statusCode"] = "succeeded";
            one["statusDescription"] = prepare_only ? "Verified; nothing was installed, as asked"
                                                    : "Ready on every server of the Domain; the gateway fetches it";
        }
        one["errors"] = message_list(found.errors);
        one["warnings"] = message_list(found.warnings);
        one["management-servers"] = managers(target);
        details.push_back(std::move(one));
        if (comments.empty()) comments = why;
    }
    size_t failed = targets.size() - ready.size();
    if (found.errors.empty() && failed > 1) {
        comments += " (and " + std::to_string(failed - 1) + " more gateways)";
    }
    if (!ready.empty() && !prepare_only) keep_installed(impl, call.user(), *package, ready);
    Uid task =
        impl.self.create_task("Policy installation - " + package->name, impl.settings.domain.name,
                              call.user(), false, call.session_uid());
    std::string status = failed == 0      ? found.warnings.empty() ? "succeeded" : "succeeded with warnings"
                         : ready.empty() ? "failed"
                                         : "partially succeeded";
    impl.self.finish_task(task, status, std::move(details), comments);
    return {{"task-id", task.text()}};
}

/// So many changes are told for each gateway; more are a number.
constexpr size_t k_most_changes = 500;

json::object show_policy_changes(WorkspaceImpl& impl, Call& call) {
    call.only({"policy-package", "targets"});
    json::array gateways;
    std::string name;
    impl.self.inspect([&](Call& published) {
        const View package = published_package(call, published);
        require_layers(package);
        name = package.name;
        const Verification found = verify_access(published, package);
        for (const View& target : installation_targets(call, published, package)) {
            std::string why = problem_of(found, target);
            json::object row{{"name", target.name}, {"uid", target.uid.text()}, {"rules", found.rules}};
            if (!why.empty()) row["problem"] = why;
            if (found.errors.empty() && !why.empty()) {
                row["next"] = "mdsctl gateway trust " + shell_word(target.name) + " -D " + shell_word(impl.settings.domain.name);
            }
            json::object before;
            if (auto kept = published.get(installed_uid(target.uid))) {
                before = json::parse_object(json::get_string(kept->document, "policy"));
                row["installed"] = json::object{{"policy-package", json::get_string(before, "package")},
                                                {"revision", json::get_int(before, "revision")},
                                                {"time", model::date(json::get_int(before, "installed-ms"))},
                                                {"by", json::get_string(before, "installed-by")}};
            }
            json::array changes;
            size_t count = 0;
            for (json::value& v : policy_changes(before, flat_policy(published, package, target))) {
                const model::Type* type = impl.catalog().find(json::get_string(v.as_object(), "type"));
                if (type && !call.may(type->area, false)) continue;
                if (++count <= k_most_changes) changes.push_back(std::move(v));
            }
            row["number-of-changes"] = count;
            row["changes"] = std::move(changes);
            gateways.push_back(std::move(row));
        }
    });
    return {{"policy-package", name}, {"revision", impl.db.position().rev}, {"gateways", std::move(gateways)}};
}

}  // namespace

void WorkspaceImpl::register_install_commands() {
    add_simple("verify-policy", verify_policy, "Looks for rules that can never match, as a task");
    add_simple("install-policy", install_policy, "Installs a published policy, as a task", true);
    CommandFlags flags;
    flags.internal = true;
    flags.anywhere = true;
    flags.description = "What an installation would change on gateways";
    self.add_command("show-policy-changes", [this](Call& call) { return show_policy_changes(*this, call); }, flags);
    needs("show-policy-changes", "", "access-rule");
    needs("verify-policy", "", "access-rule");
    needs("install-policy", "install-policy");
}

}  // namespace mds::mgmt
