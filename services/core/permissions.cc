// From profiles to rights (multi-domain-ha.md 2.7; management-api.md 9).
#include "permissions.hh"

#include <algorithm>

namespace mds::core {
namespace {

const char* const k_rights[] = {"read-write",
                                "manage-sessions",
                                "high-availability-operations",
                                "mds-provisioning",
                                "manage-admins",
                                "manage-global-assignments",
                                "approve-or-reject-sessions",
                                "publish-sessions",
                                "install-policy",
                                "run-scripts"};

json::object areas(const std::string& right) {
    json::object out;
    for (const char* area : {"objects", "access-policy", "nat-policy", "servers", "administrators",
                             "assignments", "settings"}) {
        out[area] = right;
    }
    return out;
}

std::optional<mgmt::View> referred(mgmt::Call& call, const json::object& document,
                                   const char* field) {
    auto uid = mgmt::Call::reference(document, field);
    return uid ? call.get(*uid) : std::nullopt;
}

/// The rights of a customized profile: what it says, nothing more.
json::object customized(const json::object& profile) {
    const json::object& access = json::get_object(profile, "access-control");
    const json::object& management = json::get_object(profile, "management");
    const json::object& gateways = json::get_object(profile, "gateways");
    const json::object& layers = json::get_object(access, "policy-layers");
    bool edits_layers = std::any_of(layers.begin(), layers.end(), [](const auto& member) {
        return member.value().is_bool() && member.value().as_bool();
    });
    json::object right = areas("disabled");
    std::string objects = json::get_string(access, "access-control-objects-and-settings", "read");
    right["objects"] = json::get_bool(profile, "edit-common-objects") ? "write" : objects;
    right["settings"] = objects;
    // Rules without the objects in them cannot be shown.
    if (right["objects"] == "disabled") right["objects"] = "read";
    right["access-policy"] = edits_layers                               ? "write"
                             : json::get_bool(access, "show-policy", true) ? "read"
                                                                           : "disabled";
    right["nat-policy"] = json::get_string(access, "nat-policy", "disabled");
    bool writes = std::any_of(right.begin(), right.end(),
                              [](const auto& area) { return area.value() == "write"; });
    return {{"read-write", writes},
            {"areas", right},
            {"manage-sessions", json::get_bool(management, "manage-sessions")},
            {"high-availability-operations",
             json::get_bool(management, "high-availability-operations")},
            {"manage-admins", json::get_bool(management, "manage-admins")},
            {"approve-or-reject-sessions",
             json::get_bool(management, "approve-or-reject-sessions")},
            {"publish-sessions", json::get_bool(management, "publish-sessions", true)},
            {"install-policy", json::get_bool(access, "install-policy")},
            {"run-scripts", json::get_bool(gateways, "run-one-time-script")}};
}

Permissions in_domain(const mgmt::View& profile) {
    Permissions out;
    const json::object& document = profile.document;
    out.api_login = json::get_bool(json::get_object(document, "management"), "management-api-login",
                                   true);
    std::string type = json::get_string(document, "permission-type");
    if (type == "read write all") {
        out.rights = all_rights();
    } else if (type == "read only all") {
        out.rights = {{"read-write", false}, {"areas", areas("read")}};
    } else {
        out.rights = customized(document);
    }
    return out;
}

Permissions in_system_data(const json::object& md) {
    bool admins = json::get_bool(md, "manage-admins");
    bool servers = json::get_bool(md, "mds-provisioning");
    bool assignments = json::get_bool(md, "manage-global-assignments");
    json::object right = areas("read");
    if (admins) right["administrators"] = "write";
    if (servers) right["servers"] = "write";
    if (assignments) right["assignments"] = "write";
    Permissions out;
    out.rights = {{"read-write", admins || servers || assignments},
                  {"areas", right},
                  {"manage-sessions", json::get_bool(md, "manage-sessions")},
                  {"mds-provisioning", servers},
                  {"manage-admins", admins},
                  {"manage-global-assignments", assignments},
                  {"publish-sessions", true}};
    return out;
}

}  // namespace

void require_no_more(const mgmt::Call& call, const json::object& profile) {
    std::string missing;
    auto need = [&](const char* right) {
        if (missing.empty() && !call.permitted(right)) missing = right;
    };
    if (json::get_string(profile, "permission-level") == "super user") {
        for (const char* right : k_rights) need(right);
    }
    for (const char* right : {"mds-provisioning", "manage-admins", "manage-sessions",
                              "manage-global-assignments"}) {
        if (json::get_bool(profile, right)) need(right);
    }
    if (missing.empty()) return;
    throw Error(Code::no_permissions, "The multi-domain profile '" +
                                          json::get_string(profile, "name") +
                                          "' has a right that '" + call.user() +
                                          "' does not have (" + missing + ").")
        .refusal("", "ask an administrator who has this right");
}

void require_no_more_than_own(mgmt::Call& call, const json::object& administrator) {
    if (auto profile = referred(call, administrator, "multi-domain-profile")) {
        require_no_more(call, profile->document);
    }
}

std::string rights_mark(mgmt::Call& call, const mgmt::View& administrator) {
    const json::object& document = administrator.document;
    std::string out;
    auto add = [&](const json::object& from, const char* field) {
        auto profile = referred(call, from, field);
        out += profile ? profile->uid.text() + ":" + std::to_string(profile->rev) + " " : "- ";
        return profile;
    };
    if (auto md = add(document, "multi-domain-profile")) {
        add(md->document, "default-profile-global-domains");
        add(md->document, "default-profile-local-domains");
    }
    add(document, "permissions-profile");
    for (const json::value& v : json::get_array(document, "permissions-profile-list")) {
        out += json::canonical(v) + " ";
        add(v.as_object(), "profile");
    }
    // Who may log in otherwise now, or with another key, logs in anew.
    return out + json::get_string(document, "expiration-date") + " " +
           json::get_string(document, "authentication-method") + " " +
           json::get_string(document, "certificate-request");
}

json::object all_rights() {
    json::object out;
    for (const char* right : k_rights) out[right] = true;
    return out;
}

json::object root_rights() {
    json::object out = all_rights();
    out[k_root_right] = true;
    return out;
}

std::optional<Permissions> permissions_in(mgmt::Call& call, const mgmt::View& administrator,
                                          const Uid& domain, bool global_domain) {
    const json::object& document = administrator.document;
    auto md_view = referred(call, document, "multi-domain-profile");
    // Without a multi-domain profile an administrator belongs to Domains only.
    const json::object md = md_view ? md_view->document : json::object{};
    std::string level = json::get_string(md, "permission-level", "domain level only");
    bool api = json::get_bool(md, "management-api-login", true);
    if (level == "super user") return Permissions{all_rights(), api};
    std::optional<Permissions> out;
    if (domain.is_nil()) {
        if (level == "manager") out = in_system_data(md);
    } else {
        std::optional<mgmt::View> profile;
        for (const json::value& v : json::get_array(document, "permissions-profile-list")) {
            if (mgmt::Call::reference(v.as_object(), "domain") != domain) continue;
            profile = referred(call, v.as_object(), "profile");
        }
        if (!profile) profile = referred(call, document, "permissions-profile");
        const char* scope = global_domain ? "global" : "local";
        if (!profile && json::get_bool(md, std::string("enable-default-profile-for-") + scope +
                                               "-domains")) {
            profile = referred(call, md, global_domain ? "default-profile-global-domains"
                                                       : "default-profile-local-domains");
        }
        if (profile) out = in_domain(*profile);
    }
    if (out) out->api_login = out->api_login && api;
    return out;
}

}  // namespace mds::core
