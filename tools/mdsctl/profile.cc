// mdsctl administrator profile: what administrators may, in the deployment and in Domains.
#include "base/text.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

constexpr const char k_md_profile[] = "md-permissions-profile", k_domain_profile[] = "domain-permissions-profile";

struct Profile {
    std::string kind;
    json::object fields;
};

Profile find_profile(Client& client, const std::string& name) {
    for (const char* kind : {k_md_profile, k_domain_profile}) {
        try {
            return {kind, client.run("", std::string("show-") + kind, {{"name", name}})};
        } catch (const Error& e) {
            if (e.code() != Code::object_not_found) throw;
        }
    }
    throw Error(Code::object_not_found, "no profile " + name).refusal("", "mdsctl administrator profile list");
}

/// FIELD=VALUE each, the field as `profile show` names it: "access-control.install-policy=true".
void put_fields(json::object& body, const std::vector<std::string>& given, const std::string& verb) {
    for (const std::string& one : given) {
        size_t equal = one.find('=');
        if (equal == std::string::npos || equal == 0 || equal + 1 == one.size()) {
            throw Error(Code::invalid_parameter, one + " is not FIELD=VALUE")
                .refusal("", "mdsctl administrator profile " + verb + " --help");
        }
        json::object* in = &body;
        const std::vector<std::string> path = split(one.substr(0, equal), '.');
        for (size_t i = 0; i + 1 < path.size(); ++i) {
            json::value& below = (*in)[path[i]];
            if (!below.is_object()) below = json::object{};
            in = &below.get_object();
        }
        // The API takes "true" for true.
        (*in)[path.back()] = one.substr(equal + 1);
    }
}

}  // namespace

int profile_list(Client& client, const Options& options) {
    Rows table("profiles", {"PROFILE", "OF", "LEVEL", Column("COMMENTS", true), Column("UID", true)});
    for (const char* kind : {k_md_profile, k_domain_profile}) {
        const bool md = kind == k_md_profile;
        json::object reply = client.run("", std::string("show-") + kind + "s", {{"limit", 500}, {"details-level", "full"}});
        for (const json::value& v : json::get_array(reply, "objects")) {
            json::object p = v.as_object();
            std::string level = json::get_string(p, md ? "permission-level" : "permission-type", "-");
            table.row(p, {json::get_string(p, "name"), md ? "the deployment" : "Domains", level,
                          json::get_string(p, "comments"), json::get_string(p, "uid")});
        }
    }
    table.print(options);
    return 0;
}

int profile_show(Client& client, const Options& options, const std::string& name) {
    print_object(options, find_profile(client, name).fields);
    return 0;
}

int profile_create(Client& client, const Options& options, const ProfileOrder& order) {
    json::object body{{"name", order.name}};
    if (!order.comments.empty()) body["comments"] = order.comments;
    put_fields(body, order.fields, "create");
    client.run("", std::string("add-") + (order.of == "deployment" ? k_md_profile : k_domain_profile), body);
    print_done(options, "profile " + order.name + " is created", {{"name", order.name}});
    if (options.people() && !options.quiet) {
        std::printf("Next:  mdsctl administrator profile show %s\n", shell_word(safe(order.name)).c_str());
    }
    return 0;
}

int profile_edit(Client& client, const Options& options, const ProfileOrder& order) {
    client.require_change();
    json::object body{{"name", order.name}};
    if (!order.new_name.empty()) body["new-name"] = order.new_name;
    if (!order.comments.empty()) body["comments"] = order.comments;
    put_fields(body, order.fields, "edit");
    if (body.size() == 1) {
        throw Error(Code::missing_parameters, "say what is to change of " + order.name)
            .refusal("", "mdsctl administrator profile edit --help");
    }
    client.run("", "set-" + find_profile(client, order.name).kind, body);
    std::string name = order.new_name.empty() ? order.name : order.new_name;
    print_done(options, "profile " + name + " is changed", {{"name", name}});
    return 0;
}

int profile_delete(Client& client, const Options& options, const std::string& name) {
    client.require_change();
    const std::string kind = find_profile(client, name).kind;
    if (!confirm(options, "Delete the profile " + safe(name) + "?")) {
        throw Error(Code::unconfirmed, "not confirmed, nothing was changed")
            .refusal("", "mdsctl administrator profile delete " + shell_word(name) + " --yes");
    }
    client.run("", "delete-" + kind, {{"name", name}});
    print_done(options, "profile " + name + " is deleted", {{"name", name}});
    return 0;
}

}  // namespace mds::ctl
