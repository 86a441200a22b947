// Logins: who it is, and where the session is opened (management-api.md 4).
#include <fmt/core.h>

#include "base/clock.hh"
#include "base/text.hh"
#include "crypto/password.hh"
#include "log/log.hh"
#include "service.hh"

namespace mds::core {
namespace {

Error login_failed() { return Error(Code::login_failed, "Authentication to server failed."); }

// Unknown users take as long as known ones (S-4): their password is compared with this.
const std::string& decoy_hash() {
    static const std::string k_hash = crypto::hash_password(base64url(random_bytes(24)));
    return k_hash;
}

json::object all_permissions() {
    return {{"read-write", true},
            {"manage-sessions", true},
            {"high-availability-operations", true},
            {"mds-provisioning", true},
            {"manage-admins", true}};
}

/// What OpenSession needs of a login's parameters.
json::object session_request(const json::object& body, const std::string& user,
                             const std::map<std::string, std::string>& client) {
    json::object request;
    for (const char* key :
         {"read-only", "continue-last-session", "enter-last-published-session", "session-name",
          "session-description", "session-comments", "session-timeout"}) {
        if (const json::value* v = json::find(body, key)) request[key] = *v;
    }
    request["user"] = user;
    request["permissions"] = all_permissions();
    request["application"] = "WEB_API";
    auto get = [&](const char* key) {
        auto it = client.find(key);
        return it == client.end() ? std::string() : it->second;
    };
    request["ip-address"] = get("remote-address");
    std::string version = get("url-version");
    request["url"] = fmt::format("https://{}:{}/web_api{}", get("local-address"), get("port"),
                                 version.empty() ? "" : "/" + version);
    return request;
}

}  // namespace

void Service::login(const json::object& body, std::map<std::string, std::string> client,
                    Then then) {
    for (const auto& member : body) {
        static const std::set<std::string> k_known = {
            "user", "password", "api-key", "domain", "read-only", "continue-last-session",
            "enter-last-published-session", "session-name", "session-description",
            "session-comments", "session-timeout", "new-password"};
        if (!k_known.count(std::string(member.key()))) {
            throw Error(Code::invalid_parameter_name,
                        "Unrecognized parameter [" + std::string(member.key()) + "]");
        }
    }
    for (const char* key : {"user", "password"}) {
        if (!json::find(body, key)) {
            throw Error(Code::missing_parameters, std::string("Missing parameter: [") + key + "]");
        }
    }
    std::string user = json::get_string(body, "user");
    std::string password = json::get_string(body, "password");
    auto& failures = login_failures_[fold(user)];
    if (mono_ms() - failures.first > 60'000) failures = {mono_ms(), 0};
    if (failures.second >= daemon_.config().get_int("Api.LoginFailuresPerMinute")) {
        throw Error(Code::too_many_requests, "Too many requests in a given amount of time");
    }
    std::string hash;
    system().workspace().inspect([&](mgmt::Call& call) {
        auto view = call.find("administrator", user);
        if (!view) return;
        user = view->name;
        hash = json::get_string(json::get_object(view->document, "credentials"), "password-hash");
    });
    // Hashing takes a tenth of a second: never on the loop.
    daemon_.work([this, body, client = std::move(client), then, user, password, hash]() mutable {
        bool good = crypto::verify_password(password, hash.empty() ? decoy_hash() : hash) &&
                    !hash.empty();
        daemon_.post([this, body, client = std::move(client), then, user, good] {
            if (!good) {
                ++login_failures_[fold(user)].second;
                log::notice("login refused: wrong user or password", {{"MDS_USER", user}});
                return then(mgmt::error_reply(login_failed()));
            }
            json::object request = session_request(body, user, client);
            std::string domain = json::get_string(body, "domain");
            if (domain.empty()) {
                auto it = client.find("local-address");
                // An address of a Domain Server logs in to that Domain.
                if (it != client.end() && it->second != identity_->address) domain = it->second;
                bool known = false;
                for (const DomainRow& row : all_domains()) {
                    for (const json::value& s : row.servers) {
                        known = known || json::get_string(s.as_object(), "ipv4-address") == domain;
                    }
                }
                if (!known) domain.clear();
            }
            if (domain.empty() || fold(domain) == "system data" || domain == k_system_data_uid) {
                return then(mgmt::guarded([&] { return system().workspace().open_session(request); }));
            }
            auto row = find_domain(domain);
            if (!row) return then(mgmt::error_reply(login_failed()));
            open_session_here(*row, request, then);
        });
    });
}

void Service::open_session_here(const DomainRow& row, const json::object& request, Then then) {
    std::vector<std::string> hosts;
    for (const json::value& s : row.servers) {
        hosts.push_back(json::get_string(s.as_object(), "mds-name"));
        if (json::get_string(s.as_object(), "mds") != identity_->uid.text()) continue;
        std::string server = json::get_string(s.as_object(), "name");
        call_domain(server, "OpenSession", json::text(request),
                    [then, server](std::optional<Error> error, std::string reply) {
                        if (error && error->code() == Code::unreachable) {
                            error = Error(Code::initializing,
                                          server + " is starting; try again in a few seconds");
                        }
                        if (error) return then(mgmt::error_reply(*error));
                        then({200, std::move(reply)});
                    });
        return;
    }
    then(mgmt::error_reply(
        Error(Code::login_failed, fmt::format("Domain {} has no server here; it is on {}", row.name,
                                              join(hosts, ", ")))));
}

void Service::login_local(const json::object& body, Then then) {
    json::object request = session_request(body, "root", {});
    std::string domain = json::get_string(body, "domain");
    if (domain.empty() || fold(domain) == "system data") {
        return then(mgmt::guarded([&] { return system().workspace().open_session(request); }));
    }
    auto row = find_domain(domain);
    if (!row) throw Error(Code::object_not_found, "Requested object [" + domain + "] not found");
    open_session_here(*row, request, then);
}

void Service::login_to_domain(mgmt::Call& call, Then then) {
    call.only({"domain", "continue-last-session", "read-only"});
    auto row = find_domain(call.text("domain"));
    if (!row) {
        throw Error(Code::object_not_found,
                    "Requested object [" + call.text("domain") + "] not found");
    }
    json::object request = session_request(call.params(), call.user(), call.client());
    open_session_here(*row, request, then);
}

}  // namespace mds::core
