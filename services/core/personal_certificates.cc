// Certificates with which administrators log in (IC-2): issued by the authority on the Primary when the system
// data says so, revoked when it does not any more, checked at every login on every server.
#include "administrators.hh"
#include "base/base64.hh"
#include "base/clock.hh"
#include "base/text.hh"
#include "blocking_bus.hh"
#include "crypto/hash.hh"
#include "log/log.hh"
#include "permissions.hh"
#include "pki/pkcs12.hh"
#include "pki/request.hh"
#include "pki/verify.hh"
#include "service.hh"

namespace mds::core {
namespace {

/// Who should have a certificate: name, and the request that was published with it.
struct Owner {
    std::string name, request;
};

std::string key_of(const std::string& request) {
    return hex(crypto::sha256(pki::Request::from_pem(request).public_der()));
}

json::object issue_now(BlockingBus& bus, const std::string& csr, const std::string& name,
                       const std::string& uuid) {
    auto [certificate, chain, root] = bus.call<std::string, std::string, std::string>(
        "org.openmds.Ca1", "IssueAdministrator", csr, name, uuid);
    return {{"certificate", certificate}, {"chain", chain}, {"root", root}};
}

/// What the answers of all three commands tell of a certificate.
json::object told(const std::string& pem, const std::string& name, bool revoked) {
    auto certificate = pki::Certificate::from_pem(pem);
    int64_t now = wall_ms();
    return {{"name", name},
            {"serial-number", certificate.serial()},
            {"subject", certificate.subject()},
            {"valid-from", model::date(certificate.not_before())},
            {"valid-to", model::date(certificate.not_after())},
            {"status", revoked ? "revoked" : certificate.not_after() < now ? "expired" : "valid"},
            {"certificate", pem}};
}

}  // namespace

bool by_certificate(const mgmt::View& administrator) {
    return json::get_string(administrator.document, "authentication-method") == k_by_certificate;
}

void check_certificate_request(const std::string& parameter, const std::string& pem) {
    try {
        pki::Request::from_pem(pem);
    } catch (const Error& e) {
        throw Error(Code::invalid_parameter, "Invalid parameter for [" + parameter + "]. " + e.message() +
                                                 ". It is a PKCS#10 request in PEM for a P-256 key");
    }
}

// ---- what the system data asks for ----

void Service::follow_administrators() {
    if (!system_ || !identity_ || !system_->db().has_history()) return;
    std::map<std::string, Owner> owners;
    system_->workspace().inspect([&](mgmt::Call& call) {
        for (const mgmt::View& view : call.all("administrator")) {
            if (!by_certificate(view)) continue;
            owners[view.uid.text()] = {view.name, json::get_string(view.document, "certificate-request")};
        }
    });
    if (owners.empty() && !login_authorities_.empty()) {
        login_authorities_.clear();
        update_status();
    } else if (!owners.empty() && login_authorities_.empty() && !asking_authorities_) {
        asking_authorities_ = true;
        sync_->callMethodAsync(bus::MemberName{"Authorities"})
            .onInterface(bus::InterfaceName{"org.openmds.Sync1"})
            .uponReplyInvoke([this](bus::ReplyError failed, const std::string& chain, const std::string&,
                                    const std::string&) {
                // What failed is tried again at the next look.
                asking_authorities_ = false;
                if (bus::error_ptr(failed)) return;
                login_authorities_ = chain;
                update_status();
            });
    }
    if (identity_->role != "primary" || json::get_string(authority_, "state") != "ready") return;
    std::string mark = std::to_string(json::get_int(authority_, "number"));
    for (const auto& [uuid, owner] : owners) mark += " " + uuid + owner.name + owner.request;
    if (following_administrators_ || mark == administrators_mark_) return;
    following_administrators_ = true;
    daemon_.work([this, owners, mark] {
        std::string problem;
        bool again = false;
        try {
            BlockingBus bus;
            auto [text] = bus.call<std::string>("org.openmds.Ca1", "AdministratorCertificates", std::string());
            std::set<std::string> keys, in_effect;
            json::value issued = json::parse(text);
            for (const json::value& v : issued.as_array()) {
                const json::object& row = v.as_object();
                keys.insert(json::get_string(row, "key"));
                if (!json::get_bool(row, "revoked") && json::get_int(row, "not-after") > wall_ms()) {
                    in_effect.insert(json::get_string(row, "uuid"));
                }
            }
            for (const std::string& uuid : in_effect) {
                if (owners.count(uuid)) continue;
                bus.call<>("org.openmds.Ca1", "RevokeAdministrator", uuid, std::string("cessation-of-operation"));
            }
            for (const auto& [uuid, owner] : owners) {
                // One certificate a key: what was revoked or has ended does not come back by itself.
                if (owner.request.empty() || keys.count(key_of(owner.request))) continue;
                issue_now(bus, owner.request, owner.name, uuid);
            }
        } catch (const Error& e) {
            problem = e.message();
            // A request that cannot be signed stays so.
            again = e.code() != Code::invalid_parameter && e.code() != Code::forbidden;
        } catch (const std::exception& e) {
            problem = e.what();
            again = true;
        }
        daemon_.post([this, mark, problem, again] {
            following_administrators_ = false;
            if (!problem.empty() && problem != certificate_problem_) {
                log::warning("certificates of administrators: " + problem);
            }
            certificate_problem_ = problem;
            // What failed is tried again at the next look, a few seconds later.
            if (again) return;
            administrators_mark_ = mark;
            follow_administrators();
        });
    });
}

void Service::certify_administrator(const json::object& message, Then then) {
    require_primary("Issuing a certificate");
    std::string uuid = json::get_string(message, "uuid"), csr = json::get_string(message, "csr");
    std::string name;
    system().workspace().inspect([&](mgmt::Call& call) {
        auto uid = Uid::parse(uuid);
        auto view = uid ? call.get(*uid) : std::nullopt;
        if (view && view->type->name == "administrator" && by_certificate(*view)) name = view->name;
    });
    // By the order of the Primary: what another server has published tentatively is not there yet.
    if (name.empty()) {
        throw Error(Code::invalid_parameter, "The administrator is not one with the authentication-method "
                                             "'certificate' on the Primary yet. Publish that first");
    }
    bool revoke = json::get_bool(message, "revoke");
    answer_from_worker(std::move(then), [uuid, csr, name, revoke]() -> json::object {
        BlockingBus bus;
        if (!revoke) return issue_now(bus, csr, name, uuid);
        bus.call<>("org.openmds.Ca1", "RevokeAdministrator", uuid, std::string("key-compromise"));
        return {{"message", "OK"}};
    });
}

void Service::have_certified(json::object message, Then then) {
    if (identity_->role == "primary") return certify_administrator(message, std::move(then));
    ask_primary("certify-administrator", std::move(message), std::move(then));
}

// ---- commands ----

namespace {

/// As published: what the session has changed privately gives nobody a certificate.
mgmt::View published_owner(mgmt::Call& call, mgmt::Workspace& workspace) {
    Uid uid = named_administrator(call).uid;
    std::optional<mgmt::View> view;
    workspace.inspect([&](mgmt::Call& look) { view = look.get(uid); });
    if (!view) {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [admin-name]. The administrator is not published yet.");
    }
    require_no_more_than_own(call, view->document);
    if (!by_certificate(*view)) {
        throw Error(Code::invalid_parameter, "Invalid parameter for [admin-name]. The administrator '" +
                                                 view->name + "' does not have the authentication-method "
                                                 "'certificate' (published).");
    }
    return *view;
}

}  // namespace

void Service::issue_certificate(mgmt::Call& call, Then then) {
    call.only({"admin-uid", "admin-name", "certificate-request", "certificate-password"});
    std::string csr = call.text_or("certificate-request", ""),
                password = call.text_or("certificate-password", "");
    if (csr.empty() == password.empty()) {
        throw Error(Code::missing_parameters,
                    "Missing parameter: [certificate-request] or [certificate-password], one of them");
    }
    if (csr.empty()) {
        check_password("certificate-password", password);
    } else {
        check_certificate_request("certificate-request", csr);
    }
    mgmt::View owner = published_owner(call, system().workspace());
    std::string uuid = owner.uid.text(), name = owner.name;
    auto finish = [this, then, name, password](mgmt::Reply reply, std::shared_ptr<pki::Key> key) {
        if (reply.status != 200) return then(std::move(reply));
        answer_from_worker(then, [text = reply.body, name, password, key] {
            json::object issued = json::parse_object(text);
            std::string pem = json::get_string(issued, "certificate"),
                        chain = json::get_string(issued, "chain") + json::get_string(issued, "root");
            json::object out = told(pem, name, false);
            out["certificate-chain"] = chain;
            if (key) {
                out["p12"] = base64(pki::pkcs12(*key, pki::Certificate::from_pem(pem),
                                                pki::Certificate::list_from_pem(chain), password, name));
            }
            return out;
        });
    };
    if (!csr.empty()) {
        return have_certified({{"uuid", uuid}, {"csr", csr}},
                              [finish](mgmt::Reply reply) { finish(std::move(reply), nullptr); });
    }
    // The key is made here and leaves in the answer only; it is on no disk and on no other server.
    auto key = std::make_shared<pki::Key>(pki::Key::generate());
    have_certified({{"uuid", uuid}, {"csr", pki::Request::make(*key, name, uuid).pem()}},
                   [finish, key](mgmt::Reply reply) { finish(std::move(reply), key); });
}

void Service::show_certificate(mgmt::Call& call, Then then) {
    call.only({"admin-uid", "admin-name"});
    mgmt::View owner = named_administrator(call);
    if (identity_->log_server()) {
        throw Error(Code::ha_invalid, "log servers keep no certificates")
            .refusal("", "log in to a Multi-Domain Server");
    }
    answer_from_worker(std::move(then), [uuid = owner.uid.text(), name = owner.name] {
        BlockingBus bus;
        auto [text] = bus.call<std::string>("org.openmds.Ca1", "AdministratorCertificates", uuid);
        json::value parsed = json::parse(text);
        const json::array& rows = parsed.as_array();
        if (rows.empty()) {
            throw Error(Code::object_not_found, "Requested object [certificate of " + name + "] not found")
                .refusal("", "add-administrator-certificate");
        }
        const json::object& newest = rows.back().as_object();
        return told(json::get_string(newest, "certificate"), name, json::get_bool(newest, "revoked"));
    });
}

void Service::register_certificate_commands() {
    mgmt::Workspace& w = system_->workspace();
    mgmt::CommandFlags flags;
    flags.system_only = true;
    flags.permission = "manage-admins";
    flags.description = "The certificate of an administrator, as the authority has issued it last";
    w.add_async_command("show-administrator-certificate", [this](mgmt::Call& call, Then then) {
        show_certificate(call, std::move(then));
    }, flags);
    flags.write = true;
    flags.description = "Issues a certificate for logging in, at once; the earlier one is revoked";
    w.add_async_command("add-administrator-certificate", [this](mgmt::Call& call, Then then) {
        issue_certificate(call, std::move(then));
    }, flags);
    flags.description = "Revokes the certificate of an administrator at once: its key is lost or stolen";
    w.add_async_command("delete-administrator-certificate", [this](mgmt::Call& call, Then then) {
        call.only({"admin-uid", "admin-name"});
        mgmt::View owner = published_owner(call, system().workspace());
        have_certified({{"uuid", owner.uid.text()}, {"revoke", true}}, std::move(then));
    }, flags);
}

// ---- logins ----

mgmt::View Service::owner_of_certificate(const std::string& der, const std::string& chain,
                                         const std::string& root, const std::string& lists, bool dates) {
    pki::Expectation expected;
    if (!dates) expected.at = -1;
    expected.deployment = identity_->deployment_id;
    expected.scope = "servers";
    expected.kind = pki::uri_kind(pki::Kind::administrator);
    expected.usage = pki::Usage::tls_client;
    expected.anchors = pki::Certificate::list_from_pem(root);
    expected.intermediates = pki::Certificate::list_from_pem(chain);
    expected.crls = pki::Crl::list_from_pem(lists);
    pki::Uri uri = pki::verify(pki::Certificate::from_der(der), expected);
    std::optional<mgmt::View> view;
    system().workspace().inspect([&](mgmt::Call& call) {
        if (auto uid = Uid::parse(uri.uuid)) view = call.get(*uid);
    });
    if (!view || view->type->name != "administrator") {
        throw Error(Code::forbidden, "the administrator of the certificate is none any more");
    }
    if (!by_certificate(*view)) {
        throw Error(Code::forbidden, "the administrator " + view->name + " does not log in with a certificate");
    }
    return *view;
}

void Service::remember_certificate_login(const std::string& administrator, const std::string& der) {
    SQLite::Statement s(system_->workspace().work().db(), "INSERT OR REPLACE INTO certificate_login VALUES(?,?)");
    s.bind(1, base64(der));
    s.bind(2, administrator);
    s.exec();
}

void Service::check_certificate_logins() {
    if (!system_ || !system_->db().has_history()) return;
    auto logins = std::make_shared<std::vector<std::pair<std::string, std::string>>>();
    SQLite::Statement s(system_->workspace().work().db(), "SELECT certificate,administrator FROM certificate_login");
    while (s.executeStep()) logins->emplace_back(s.getColumn(0).getString(), s.getColumn(1).getString());
    if (logins->empty()) return;
    sync_->callMethodAsync(bus::MemberName{"Authorities"})
        .onInterface(bus::InterfaceName{"org.openmds.Sync1"})
        .uponReplyInvoke([this, logins](bus::ReplyError failed, const std::string& chain,
                                        const std::string& root, const std::string& lists) {
            if (bus::error_ptr(failed)) return;
            for (const auto& [certificate, administrator] : *logins) {
                try {
                    // One that has ended ends no session: those last half a day at most.
                    owner_of_certificate(unbase64(certificate).value_or(""), chain, root, lists, false);
                } catch (const Error& e) {
                    log::notice("sessions of " + administrator + " end: " + e.message(),
                                {{"MDS_USER", administrator}});
                    end_sessions_of(administrator, "The certificate of '" + administrator +
                                                       "' is not valid any more.");
                    SQLite::Statement drop(system_->workspace().work().db(),
                                           "DELETE FROM certificate_login WHERE certificate=?");
                    drop.bind(1, certificate);
                    drop.exec();
                }
            }
        });
}

}  // namespace mds::core
