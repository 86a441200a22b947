// Logins: who it is, and where the session is opened (management-api.md 4).
#include <fmt/core.h>

#include "administrators.hh"
#include "base/base64.hh"
#include "base/clock.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "crypto/hash.hh"
#include "crypto/password.hh"
#include "base/printable.hh"
#include "log/messages.hh"
#include "permissions.hh"
#include "second_factor.hh"
#include "service.hh"

namespace mds::core {
namespace {

Error login_failed() { return Error(Code::login_failed, "Authentication to server failed."); }

// Unknown users take as long as known ones (S-4): their password is compared with this.
const std::string& decoy_hash() {
    static const std::string k_hash = crypto::hash_password(base64url(random_bytes(24)));
    return k_hash;
}

/// An administrator who proved to be who was named.
struct Known {
    Uid uid;
    std::string name;
};

bool expired(const mgmt::View& administrator, int64_t now_ms) {
    std::string day = json::get_string(administrator.document, "expiration-date");
    return !day.empty() && rfc3339(now_ms).substr(0, 10) > day.substr(0, 10);
}

/// What OpenSession needs of a login's parameters.
json::object session_request(const json::object& body, const std::string& user,
                             const std::map<std::string, std::string>& client) {
    json::object request;
    for (const char* key :
         {"read-only", "continue-last-session", "enter-last-published-session", "one-time-code", "session-name",
          "session-description", "session-comments", "session-timeout"}) {
        if (const json::value* v = json::find(body, key)) request[key] = *v;
    }
    request["user"] = user;
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

/// One login on its way.
struct Service::Login {
    json::object body;
    std::map<std::string, std::string> client;
    Then then;
    /// As named in the request; may be empty.
    std::string user;
    /// Whose failures are counted with this one.
    std::string account;
    Known who;
    /// Why it fails, for the journal and the trail; the client never learns it (S-4).
    std::string problem;
    bool expires = false, must_change = false;
    /// Has one-time codes; and what was given as one.
    bool second_factor = false;
    std::string code;
    std::string new_password, new_hash;
    /// How it was proved: "password", "password and one-time code", "API key", "certificate".
    std::string by = "password";

    std::string client_value(const char* key) const {
        auto it = client.find(key);
        return it == client.end() ? std::string() : it->second;
    }
};

void Service::login(const json::object& body, std::map<std::string, std::string> client,
                    Then then) {
    for (const auto& member : body) {
        static const std::set<std::string> k_known = {
            "user", "password", "api-key", "domain", "read-only", "continue-last-session",
            "enter-last-published-session", "one-time-code", "session-name", "session-description",
            "session-comments", "session-timeout", "new-password"};
        if (!k_known.count(std::string(member.key()))) {
            throw Error(Code::invalid_parameter_name,
                        "Unrecognized parameter [" + std::string(member.key()) + "]");
        }
    }
    auto login = std::make_shared<Login>();
    login->body = body;
    login->client = std::move(client);
    login->then = std::move(then);
    login->user = json::get_string(body, "user");
    std::string api_key = json::get_string(body, "api-key");
    // Whoever gives a password or a key means that, whatever certificate his client shows beside it.
    std::string shown = login->client_value("client-certificate");
    if (api_key.empty() && !json::find(body, "password") && !shown.empty()) {
        login->by = "certificate";
        return login_by_certificate(login, unbase64(shown).value_or(""));
    }
    for (const char* key : {"user", "password"}) {
        if (api_key.empty() && !json::find(body, key)) {
            throw Error(Code::missing_parameters, std::string("Missing parameter: [") + key + "]");
        }
    }
    std::string password = json::get_string(body, "password");
    // A key has no name: it counts by itself, so that wrong ones of others lock nobody out.
    login->account = api_key.empty() ? login->user : "api-key " + hex(crypto::sha256(api_key)).substr(0, 16);
    std::string address = login->client_value("remote-address");
    login_guard_.admit(login->account, address);
    std::string hash;
    system().workspace().inspect([&](mgmt::Call& call) {
        auto view = api_key.empty() ? call.find("administrator", login->user) : owner_of_key(call, api_key);
        if (!view) return;
        login->who = {view->uid, view->name};
        login->expires = expired(*view, wall_ms());
        login->must_change = json::get_bool(view->document, "must-change-password");
        if (json::get_string(view->document, "authentication-method") == "check point password") {
            hash = json::get_string(json::get_object(view->document, "credentials"),
                                    "password-hash");
            login->second_factor = SecondFactor::of(view->document).has_value();
        }
    });
    if (login->second_factor) {
        GivenCode given = GivenCode::split(password, json::get_string(body, "one-time-code"));
        password = given.password;
        login->code = given.code;
    }
    login->new_password = json::get_string(body, "new-password");
    if (!api_key.empty()) login->by = "API key";
    // Hashing takes a tenth of a second: never on the loop. A key is random, its hash is quick.
    login_guard_.hash([this, login, address, password, hash, with_key = !api_key.empty()] {
        bool good = with_key ? !login->who.name.empty()
                             : crypto::verify_password(password, hash.empty() ? decoy_hash() : hash) &&
                                   !hash.empty();
        if (good && !login->new_password.empty()) {
            login->new_hash = crypto::hash_password(login->new_password);
        }
        daemon_.post([this, login, address, good] {
            if (!good) login->problem = "wrong user or password";
            if (good && login->second_factor && !login->expires) use_code(login);
            if (!login->problem.empty() || login->expires) {
                tell_lockout(login_guard_.failed(login->account, address), login->account, address);
            } else {
                login_guard_.succeeded(login->account);
            }
            // A code that was used stays used, whatever happens to this machine.
            auto flush = login->second_factor && login->problem.empty() ? system().workspace().work().flush()
                                                                        : std::function<void()>();
            if (!flush) return admit(login);
            daemon_.work([this, login, flush] {
                flush();
                daemon_.post([this, login] { admit(login); });
            });
        });
    });
}

void Service::use_code(const std::shared_ptr<Login>& login) {
    try {
        login->by = check_code(login->who.uid, login->code);
        if (login->by.empty()) login->problem = login->code.empty() ? "no one-time code" : "wrong or used one-time code";
    } catch (const Error& e) {
        login->problem = e.message();
    } catch (const std::exception& e) {
        login->problem = e.what();
    }
}

void Service::login_by_certificate(const std::shared_ptr<Login>& login, std::string der) {
    if (json::find(login->body, "new-password")) {
        throw Error(Code::invalid_parameter, "Invalid parameter for [new-password]. Who logs in with a "
                                             "certificate has no password");
    }
    // Failures are not counted: there is nothing to guess, and a stranger's certificate must not keep the
    // owner of a good one out.
    sync_->callMethodAsync(bus::MemberName{"Authorities"})
        .onInterface(bus::InterfaceName{"org.openmds.Sync1"})
        .uponReplyInvoke([this, login, der](bus::ReplyError failed, const std::string& chain,
                                            const std::string& root, const std::string& lists) {
            try {
                if (const sdbus::Error* e = bus::error_ptr(failed)) throw bus::from_bus_error(*e);
                mgmt::View view = owner_of_certificate(der, chain, root, lists, true);
                login->who = {view.uid, view.name};
                login->expires = expired(view, wall_ms());
                if (!login->user.empty() && fold(login->user) != fold(view.name)) {
                    login->problem = "the certificate is the one of " + view.name;
                } else if (!login->expires) {
                    remember_certificate_login(view.name, der);
                }
            } catch (const Error& e) {
                login->problem = e.message();
            } catch (const std::exception& e) {
                login->problem = e.what();
            }
            admit(login);
        });
}

void Service::tell_lockout(const LoginGuard::Waits& waits, const std::string& account,
                           const std::string& address) {
    auto tell = [&](const std::string& who, int64_t wait_ms) {
        log::event(log::message::login_locked,
                   who + " must wait " + std::to_string(wait_ms / 1000) + " s after too many failed logins",
                   {{"MDS_USER", account}, {"MDS_ADDRESS", address}});
    };
    if (waits.account_ms > 0) tell("account " + printable(account), waits.account_ms);
    if (waits.address_ms > 0) tell("address " + address, waits.address_ms);
}

void Service::admit(const std::shared_ptr<Login>& login) {
    const json::object& body = login->body;
    const Then& then = login->then;
    const Known& who = login->who;
    if (login->problem.empty() && login->expires) login->problem = "the administrator has expired";
    if (login->problem.empty() && !may_connect(login->client_value("remote-address"))) {
        login->problem = "administrators may not connect from this address";
    }
    if (!login->problem.empty()) {
        std::string user = login->user.empty() ? who.name : login->user;
        log::notice("login refused: " + login->problem, {{"MDS_USER", user}});
        mgmt::AuditRow row;
        row.user = user;
        row.ip = login->client_value("remote-address");
        row.application = "WEB_API";
        row.operation = "Log in";
        row.subject = json::get_string(body, "domain");
        row.message = login->problem;
        row.good = false;
        system().workspace().record(row);
        return then(mgmt::error_reply(login_failed()));
    }
    bool with_certificate = login->by == "certificate";
    if (!with_certificate && (login->must_change || !login->new_password.empty())) {
        mgmt::Reply refused = mgmt::guarded([&] {
            change_password(who.uid, login->new_password, login->new_hash);
            return json::object{};
        });
        if (refused.status != 200) return then(refused);
    }
    json::object request = session_request(body, who.name, login->client);
    request["authentication"] = login->by;
    std::string domain = json::get_string(body, "domain");
    if (domain.empty()) {
        std::string address = login->client_value("local-address");
        // An address of a Domain Server logs in to that Domain.
        if (!address.empty() && address != identity_->address) domain = address;
        bool known = false;
        for (const DomainRow& row : all_domains()) {
            for (const json::value& s : row.servers) {
                known = known || json::get_string(s.as_object(), "ipv4-address") == domain;
            }
        }
        if (!known) domain.clear();
    }
    std::optional<DomainRow> row;
    if (!domain.empty() && fold(domain) != "system data" && domain != k_system_data_uid) {
        row = find_domain(domain);
        if (!row) return then(mgmt::error_reply(login_failed()));
    }
    mgmt::Reply reply = mgmt::guarded([&]() -> json::object {
        request["user-uid"] = who.uid.text();
        request["permissions"] = rights_of(who.uid, row ? &*row : nullptr);
        if (row) return {};
        json::object opened = system().workspace().open_session(request);
        add_login_message(opened);
        return opened;
    });
    if (!row || reply.status != 200) return then(reply);
    open_session_here(*row, request, then);
}

json::object Service::rights_of(const Uid& administrator, const DomainRow* row) {
    json::object rights;
    system().workspace().inspect([&](mgmt::Call& call) {
        auto view = call.get(administrator);
        if (!view) throw login_failed();
        auto found = permissions_in(call, *view, row ? row->uid : Uid{},
                                    row && row->type == "global domain");
        if (!found) {
            log::notice("login refused: no permission", {{"MDS_USER", view->name},
                                                         {"MDS_DOMAIN", row ? row->name : ""}});
            throw login_failed();
        }
        if (!found->api_login) {
            throw Error(Code::login_failed, "Authentication to server failed. The administrator '" +
                                                view->name +
                                                "' may not log in to the management API.");
        }
        rights = std::move(found->rights);
    });
    return rights;
}

void Service::change_password(const Uid& administrator, const std::string& password,
                              const std::string& hash) {
    if (password.empty()) {
        throw Error(Code::login_failed,
                    "Authentication to server failed. The password must be changed: log in with "
                    "new-password.");
    }
    check_password("new-password", password);
    system().workspace().transact({"system", "login", "password changed", ""},
                                  [&](mgmt::Call& call) {
        auto view = call.get(administrator);
        if (!view) throw login_failed();
        json::object document = view->document;
        document["must-change-password"] = false;
        document["credentials"] = credentials_with(document, "password-hash", json::value(hash));
        call.put("administrator", view->uid, std::move(document));
    });
}

void Service::add_login_message(json::object& reply) {
    system().workspace().inspect([&](mgmt::Call& call) {
        auto view = call.find("login-message", "login-message");
        if (!view || !json::get_bool(view->document, "show-message")) return;
        reply["login-message"] = json::object{{"header", json::get_string(view->document, "header")},
                                              {"message", json::get_string(view->document, "message")}};
    });
}

void Service::open_session_here(const DomainRow& row, const json::object& request, Then then) {
    std::vector<std::string> hosts;
    for (const json::value& s : row.servers) {
        hosts.push_back(json::get_string(s.as_object(), "mds-name"));
        if (json::get_string(s.as_object(), "mds") != identity_->uid.text()) continue;
        std::string server = json::get_string(s.as_object(), "name");
        if (auto stopped = stopped_problem(row, identity_->uid, false)) return then(mgmt::error_reply(*stopped));
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
    request["permissions"] = root_rights();
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
    bool root = call.permitted(k_root_right);
    request["user-uid"] = call.user_uid().text();
    request["permissions"] = root ? root_rights() : rights_of(call.user_uid(), &*row);
    open_session_here(*row, request, then);
}

}  // namespace mds::core
