// mdsctl administrator show, create, edit, delete, keys: who may do what.
#include <fmt/core.h>
#include <unistd.h>

#include "base/text.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

/// A new password: of a file, or typed twice.
std::string new_password(const std::string& file, const std::string& verb) {
    std::string password = read_secret(file, "New password (not shown)");
    if (file.empty() && isatty(STDIN_FILENO) && read_secret("", "Again") != password) {
        throw Error(Code::invalid_parameter, "the two passwords differ; nothing was changed")
            .refusal("", "mdsctl administrator " + verb);
    }
    return password;
}

/// DOMAIN=PROFILE each, as the API takes them.
json::array permissions_of(const std::vector<std::string>& given, const std::string& verb) {
    json::array out;
    for (const std::string& one : given) {
        size_t equal = one.find('=');
        if (equal == std::string::npos || equal == 0 || equal + 1 == one.size()) {
            throw Error(Code::invalid_parameter, one + " is not DOMAIN=PROFILE")
                .refusal("", "mdsctl administrator " + verb + " --help");
        }
        out.push_back(json::object{{"domain", one.substr(0, equal)}, {"profile", one.substr(equal + 1)}});
    }
    return out;
}

json::object body_of(const AdministratorOrder& order, const std::string& verb) {
    json::object body{{"name", order.name}};
    auto put = [&](const char* field, const std::string& value) {
        if (!value.empty()) body[field] = value;
    };
    put("new-name", order.new_name);
    put("multi-domain-profile", order.profile);
    put("email", order.email);
    put("phone-number", order.phone);
    put("expiration-date", order.expires);
    put("comments", order.comments);
    if (!order.permissions.empty()) body["permissions-profile-list"] = permissions_of(order.permissions, verb);
    if (order.must_change) body["must-change-password"] = true;
    return body;
}

void say_profiles(const Options& options) {
    if (options.people() && !options.quiet) std::printf("Next:  mdsctl administrator profile list\n");
}

Error unconfirmed(const std::string& words) {
    return Error(Code::unconfirmed, "not confirmed, nothing was changed").refusal("", "mdsctl " + words + " --yes");
}

/// The name of a profile that an administrator has: an object, a name, or nothing.
std::string profile_name(const json::object& administrator, const char* field) {
    const json::value* v = json::find(administrator, field);
    if (!v || v->is_null()) return "-";
    return v->is_object() ? json::get_string(v->as_object(), "name", "-")
                          : json::get_string(administrator, field, "-");
}

/// "Domain Super User", else what there is in Domains: "London: Read Only All".
std::string rights_text(const json::object& a) {
    std::string all = profile_name(a, "multi-domain-profile");
    std::vector<std::string> domains;
    if (std::string every = profile_name(a, "permissions-profile"); every != "-") domains.push_back("Domains: " + every);
    for (const json::value& v : json::get_array(a, "permissions-profile-list")) {
        const json::object& one = v.as_object();
        domains.push_back(profile_name(one, "domain") + ": " + profile_name(one, "profile"));
    }
    if (domains.empty()) return all;
    return (all == "-" ? "" : all + "; ") + join(domains, ", ");
}

}  // namespace

int administrator_list(Client& client, const Options& options) {
    json::object reply = client.run("", "show-administrators", {{"limit", 500}, {"details-level", "full"}});
    Rows table("administrators", {"ADMINISTRATOR", "AUTHENTICATION", "ENDS", "RIGHTS", Column("UID", true)});
    for (const json::value& v : json::get_array(reply, "objects")) {
        const json::object& a = v.as_object();
        table.row(a, {json::get_string(a, "name"), json::get_string(a, "authentication-method", "-"),
                      json::get_string(a, "expiration-date", "-"), rights_text(a), json::get_string(a, "uid")});
    }
    table.print(options);
    return 0;
}

int administrator_show(Client& client, const Options& options, const std::string& name) {
    const json::object a = client.run("", "show-administrator", {{"name", name}});
    if (!options.people()) {
        print_object(options, a);
        return 0;
    }
    auto line = [&](const char* what, const std::string& text) {
        if (!text.empty() && text != "-") {
            std::printf("%s\n", wrapped(options, fmt::format("{:<16} ", what), safe(text)).c_str());
        }
    };
    line("Administrator", json::get_string(a, "name"));
    line("Logs in with", json::get_string(a, "authentication-method"));
    line("Profile", profile_name(a, "multi-domain-profile"));
    line("In every Domain", profile_name(a, "permissions-profile"));
    for (const json::value& v : json::get_array(a, "permissions-profile-list")) {
        const json::object& one = v.as_object();
        line("In a Domain", profile_name(one, "domain") + ": " + profile_name(one, "profile"));
    }
    line("Last day", json::get_string(a, "expiration-date"));
    line("Email", json::get_string(a, "email"));
    line("Phone", json::get_string(a, "phone-number"));
    line("Comments", json::get_string(a, "comments"));
    line("Uid", json::get_string(a, "uid"));
    return 0;
}

int administrator_create(Client& client, const Options& options, const AdministratorOrder& order) {
    client.require_change();
    json::object body = body_of(order, "create");
    body["authentication-method"] = order.api_key ? "api key" : "check point password";
    if (!order.api_key) body["password"] = new_password(order.password_file, "create " + shell_word(order.name));
    client.run("", "add-administrator", body);
    print_done(options, "administrator " + order.name + " is created", {{"name", order.name}});
    if (order.api_key && options.people() && !options.quiet) {
        std::printf("Next:  mdsctl administrator keys %s --new\n", shell_word(safe(order.name)).c_str());
    } else if (order.profile.empty() && order.permissions.empty()) {
        say_profiles(options);
    }
    return 0;
}

int administrator_edit(Client& client, const Options& options, const AdministratorOrder& order) {
    client.require_change();
    json::object body = body_of(order, "edit");
    if (order.set_password || !order.password_file.empty()) {
        body["password"] = new_password(order.password_file, "edit " + shell_word(order.name) + " --password");
    }
    if (body.size() == 1) {
        throw Error(Code::missing_parameters, "say what is to change of " + order.name)
            .refusal("", "mdsctl administrator edit --help");
    }
    client.run("", "set-administrator", body);
    std::string name = order.new_name.empty() ? order.name : order.new_name;
    print_done(options, "administrator " + name + " is changed", {{"name", name}});
    return 0;
}

int administrator_delete(Client& client, const Options& options, const std::string& name) {
    client.require_change();
    client.run("", "show-administrator", {{"name", name}});
    std::string words = "administrator delete " + shell_word(name);
    std::string question = "Delete administrator " + safe(name) + "? Open sessions of " + safe(name) +
                           " end; what they hold stays and can be taken over.";
    if (!confirm(options, question)) throw unconfirmed(words);
    client.run("", "delete-administrator", {{"name", name}});
    print_done(options, "administrator " + name + " is deleted", {{"name", name}});
    return 0;
}

int administrator_keys(Client& client, const Options& options, const KeysOrder& order) {
    client.require_change();
    if (!order.revoke_file.empty()) {
        std::string key = read_secret(order.revoke_file, "API key that is to end");
        client.run("", "delete-api-key", {{"admin-name", order.name}, {"api-key", key}});
        print_done(options, "that API key of " + order.name + " logs nobody in any more", {{"name", order.name}});
        return 0;
    }
    if (!order.fresh) {
        throw Error(Code::missing_parameters, "keys needs --new or --revoke FILE: a key is shown once, when it is made")
            .refusal("", "mdsctl administrator keys " + shell_word(order.name) + " --new");
    }
    const json::object reply = client.run("", "add-api-key", {{"admin-name", order.name}});
    if (!options.people()) {
        print_json(options, json::object{{"name", order.name}, {"api-key", json::get_string(reply, "api-key")}});
        return 0;
    }
    std::printf("%s\n", safe(json::get_string(reply, "api-key")).c_str());
    if (!options.quiet) std::fprintf(stderr, "It is not shown again.\n");
    return 0;
}

}  // namespace mds::ctl
