// Administrators: their passwords and API keys.
#include "administrators.hh"
#include "base/text.hh"
#include "crypto/password.hh"
#include "permissions.hh"
#include "service.hh"
#include "log/log.hh"
#include "store/hash.hh"

namespace mds::core {
namespace {

constexpr size_t k_shortest_password = 12, k_longest_password = 128;

std::string key_hash(const std::string& key) {
    return base64url(store::raw(store::sha256(key)));
}

/// Hashes of the keys.
json::array api_keys(const mgmt::View& administrator) {
    return json::get_array(json::get_object(administrator.document, "credentials"), "api-keys");
}

}  // namespace

std::optional<mgmt::View> owner_of_key(mgmt::Call& call, const std::string& key) {
    std::string hash = key_hash(key);
    for (mgmt::View& view : call.all("administrator")) {
        // Who logs in otherwise by now has no use for keys of before.
        if (json::get_string(view.document, "authentication-method") != "api key") continue;
        for (const json::value& v : api_keys(view)) {
            if (v.is_string() && v.as_string() == hash) return std::move(view);
        }
    }
    return std::nullopt;
}

void check_password(const std::string& parameter, const std::string& password) {
    if (password.size() >= k_shortest_password && password.size() <= k_longest_password) return;
    throw Error(Code::invalid_parameter,
                "Invalid parameter for [" + parameter + "]. A password has 12 to 128 characters");
}

json::object credentials_with(const json::object& administrator, const char* what,
                              json::value value) {
    json::object out = json::get_object(administrator, "credentials");
    out[what] = std::move(value);
    return out;
}

void put_credential(mgmt::Call& call, const mgmt::View& administrator, const char* what, json::value value) {
    json::object document = administrator.document;
    document["credentials"] = credentials_with(document, what, std::move(value));
    call.put("administrator", administrator.uid, std::move(document));
}

void Service::end_sessions_without_rights() {
    std::map<std::string, std::string> now;
    system_->workspace().inspect([&](mgmt::Call& call) {
        for (const mgmt::View& view : call.all("administrator")) {
            now[view.name] = rights_mark(call, view);
        }
    });
    for (const auto& [name, mark] : rights_marks_) {
        auto found = now.find(name);
        if (found != now.end() && found->second == mark) continue;
        end_sessions_of(name, found == now.end() ? "The administrator '" + name + "' was deleted."
                                                 : "The rights of '" + name + "' were changed.");
    }
    rights_marks_ = std::move(now);
}

void Service::end_sessions_of(const std::string& administrator, const std::string& reason) {
    system_->workspace().end_sessions_of(administrator, reason);
    std::string request = json::text(json::object{{"user", administrator}, {"reason", reason}});
    for (const std::string& server : placed_) {
        call_domain(server, "EndSessions", request, [server](auto error, const std::string&) {
            if (error) log::warning("ending sessions in " + server + ": " + error->message());
        });
    }
}

mgmt::View named_administrator(mgmt::Call& call) {
    std::string uid = call.text_or("admin-uid", ""), name = call.text_or("admin-name", "");
    if (uid.empty() && name.empty()) {
        throw Error(Code::missing_parameters, "Missing parameter: [admin-name]");
    }
    mgmt::View view = call.object("administrator", uid.empty() ? name : uid);
    require_no_more_than_own(call, view.document);
    return view;
}

void Service::register_administrator_commands() {
    mgmt::Workspace& w = system_->workspace();
    // Passwords are hashed off the loop and stored as hash only (S-1).
    mgmt::CommandFlags admins;
    admins.write = true;
    admins.system_only = true;
    admins.permission = "manage-admins";
    for (const char* name : {"add-administrator", "set-administrator"}) {
        bool add = name[0] == 'a';
        admins.description = add ? "Creates an administrator" : "Changes an administrator";
        w.add_async_command(name, [this, add](mgmt::Call& call, Then then) {
            std::string password = call.text_or("password", "");
            std::string given_hash = call.text_or("password-hash", "");
            if (add && password.empty() && given_hash.empty() &&
                call.text_or("authentication-method", "check point password") ==
                    "check point password") {
                throw Error(Code::missing_parameters, "Missing parameter: [password]");
            }
            if (!password.empty()) check_password("password", password);
            if (std::string request = call.text_or("certificate-request", ""); !request.empty()) {
                check_certificate_request("certificate-request", request);
            }
            daemon_.work([this, &call, add, password, given_hash, then] {
                std::string hash =
                    password.empty() ? given_hash : crypto::hash_password(password);
                daemon_.post([&call, add, hash, then] {
                    then(mgmt::guarded([&] {
                        std::optional<mgmt::View> present;
                        if (!add) present = call.object("administrator");
                        json::object internal;
                        if (!hash.empty()) {
                            internal["credentials"] =
                                credentials_with(present ? present->document : json::object{},
                                                 "password-hash", json::value(hash));
                        }
                        if (present) require_no_more_than_own(call, present->document);
                        return call.atomically([&] {
                            mgmt::View view =
                                add ? call.add("administrator", call.params(), internal)
                                    : call.set(*present, call.params(), internal);
                            require_no_more_than_own(call, view.document);
                            if (!call.text_or("certificate-request", "").empty() && !by_certificate(view)) {
                                throw Error(Code::invalid_parameter,
                                            "Invalid parameter for [certificate-request]. It needs the "
                                            "authentication-method 'certificate'.");
                            }
                            return call.render(view);
                        });
                    }));
                });
            });
        }, admins);
    }
    admins.description = "A key with which a program logs in; shown once, valid after publish";
    w.add_command("add-api-key", [](mgmt::Call& call) {
        call.only({"admin-uid", "admin-name"});
        mgmt::View view = named_administrator(call);
        if (json::get_string(view.document, "authentication-method") != "api key") {
            throw Error(Code::invalid_parameter,
                        "Invalid parameter for [admin-name]. The administrator '" + view.name +
                            "' does not have the authentication-method 'api key'.");
        }
        std::string key = base64url(random_bytes(32));
        json::array keys = api_keys(view);
        keys.push_back(json::value(key_hash(key)));
        put_credential(call, view, "api-keys", std::move(keys));
        return json::object{{"api-key", key}};
    }, admins);
    admins.description = "Makes an API key invalid";
    w.add_command("delete-api-key", [](mgmt::Call& call) {
        call.only({"admin-uid", "admin-name", "api-key"});
        mgmt::View view = named_administrator(call);
        std::string hash = key_hash(call.text("api-key"));
        json::array keys = api_keys(view), rest;
        for (const json::value& v : keys) {
            if (v.as_string() != hash) rest.push_back(v);
        }
        if (rest.size() == keys.size()) {
            throw Error(Code::object_not_found, "Requested object [api-key] not found");
        }
        put_credential(call, view, "api-keys", std::move(rest));
        return json::object{{"message", "OK"}};
    }, admins);
    register_certificate_commands();
    register_second_factor_commands();
    admins.description = "Deletes an administrator; running sessions end with the publish";
    w.add_command("delete-administrator", [&w](mgmt::Call& call) {
        call.only({"uid", "name"});
        require_no_more_than_own(call, call.object("administrator").document);
        return w.generic("delete-administrator", call);
    }, admins);
    for (const char* name : {"add-md-permissions-profile", "set-md-permissions-profile"}) {
        admins.description = name[0] == 'a' ? "Creates a multi-domain permissions profile"
                                            : "Changes a multi-domain permissions profile";
        w.add_command(name, [&w, name](mgmt::Call& call) {
            if (name[0] == 's') {
                require_no_more(call, call.object("md-permissions-profile").document);
            }
            json::object reply = w.generic(name, call);
            require_no_more(call, call.object("md-permissions-profile",
                                              json::get_string(reply, "uid")).document);
            return reply;
        }, admins);
    }
    admins.description = "Lets an administrator with too many failed logins try again at once";
    w.add_command("unlock-administrator", [this](mgmt::Call& call) {
        call.only({"name", "uid"});
        login_guard_.unlock(call.object("administrator").name);
        return json::object{{"message", "OK"}};
    }, admins);
}

}  // namespace mds::core
