#include "server/gateways.hh"

#include <algorithm>

#include "base/clock.hh"
#include "bus/blob.hh"
#include "log/log.hh"
#include "mgmt/flat_policy.hh"
#include "mgmt/gateways.hh"
#include "mgmt/servers.hh"

namespace mds::server {
namespace {

constexpr char k_core[] = "org.openmds.Core1", k_trust[] = "org.openmds.Internal.Trust1";
/// Microseconds: more than mds-core allows the conversation with a gateway.
constexpr uint64_t k_enrol_us = 100'000'000;
/// What the Primary has not taken is told again after this.
constexpr int64_t k_again_ms = 5000;

json::array list_of(const std::set<std::string>& serials) {
    json::array out;
    for (const std::string& serial : serials) out.emplace_back(serial);
    return out;
}

}  // namespace

Gateways::Gateways(app::Daemon& daemon, mgmt::Workspace& workspace, repl::Replica& replica, const Config& config)
    : daemon_(daemon), workspace_(workspace), replica_(replica), config_(config) {}

Gateways::~Gateways() = default;

sdbus::IProxy& Gateways::core() {
    if (!core_) {
        core_ = sdbus::createProxy(daemon_.bus().raw(), bus::ServiceName{k_core},
                                   sdbus::ObjectPath{"/org/openmds/Core1"});
        bus::finish(*core_);
    }
    return *core_;
}

// ---- trust ----

void Gateways::register_commands() {
    mgmt::CommandFlags write;
    write.write = true;
    for (const char* name : {"add-simple-gateway", "set-simple-gateway"}) {
        write.description = name[0] == 'a' ? "Adds a gateway; with one-time-password establishes trust with it"
                                           : "Changes a gateway; with one-time-password establishes trust with it";
        workspace_.add_async_command(
            name, [this, name](mgmt::Call& call, Then then) { change(name, call, std::move(then)); }, write);
    }
}

void Gateways::change(const std::string& command, mgmt::Call& call, Then then) {
    std::optional<mgmt::View> gateway;
    std::string key = call.text_or("one-time-password", "");
    mgmt::Reply reply = mgmt::guarded([&] {
        return call.atomically([&] {
            json::object body = workspace_.generic(command, call);
            auto uid = Uid::parse(json::get_string(body, "uid"));
            if (uid) gateway = call.get(*uid);
            return body;
        });
    });
    if (reply.status != 200 || key.empty() || !gateway) return then(std::move(reply));
    establish(call, *gateway, key, std::move(then));
}

void Gateways::establish(mgmt::Call& call, const mgmt::View& gateway, const std::string& key, Then then) {
    auto finish = [&call, uid = gateway.uid, then](const json::object& fields) {
        then(mgmt::guarded([&] {
            return call.atomically([&] {
                auto view = call.get(uid);
                if (!view) throw Error(Code::object_not_found, "Requested object [" + uid.text() + "] not found");
                return call.render(call.set(*view, {}, fields), call.level(model::Level::standard));
            });
        }));
    };
    // The object is there in any case: clients make it before the machine runs, and try again.
    auto not_yet = [finish, name = gateway.name](const std::string& why) {
        finish({{"sic-message", "No trust with '" + name + "' yet: " + why + ". When it runs and waits with this key "
                                "(mds-gateway trust), repeat set-simple-gateway with one-time-password."}});
    };
    std::string address = json::get_string(gateway.document, "ipv4-address",
                                           json::get_string(gateway.document, "ipv6-address"));
    if (address.empty()) return not_yet("it has no address");
    json::object request{{"domain", config_.domain_uid.text()},
                         {"name", gateway.name},
                         {"address", address},
                         {"key", key}};
    bus::Blob secret = bus::pack_secret(json::text(request));
    core()
        .callMethodAsync(bus::MemberName{"EnrolGateway"})
        .onInterface(bus::InterfaceName{k_trust})
        .withTimeout(k_enrol_us)
        .withArguments(secret.bytes, secret.fds)
        .uponReplyInvoke([finish, not_yet, name = gateway.name, domain = config_.domain_name](
                             bus::ReplyError failed, const std::string& reply) {
            if (const sdbus::Error* e = bus::error_ptr(failed)) return not_yet(bus::from_bus_error(*e).message());
            json::object enrolled = json::parse_object(reply);
            log::notice("trust with gateway " + name + " is established", {{"MDS_DOMAIN", domain}});
            finish({{"sic-state", "trust established"},
                    {"sic-name", json::get_string(enrolled, "sic-name")},
                    {"sic-serial", json::get_string(enrolled, "certificate-serial")},
                    {"sic-serial-next", ""},
                    {"sic-message", ""}});
        });
}

// ---- what gateways ask ----

void Gateways::ask(const std::string& gateway, const std::string& request, Answer then) {
    json::object who = json::parse_object(gateway), asked = json::parse_object(request);
    const std::string what = json::get_string(asked, "request"), sic_name = json::get_string(who, "sic-name"),
                      serial = json::get_string(who, "serial");
    std::optional<mgmt::View> known;
    std::string reply;
    bool renewed = false;
    workspace_.inspect([&](mgmt::Call& published) {
        for (mgmt::View& view : published.all("simple-gateway")) {
            if (json::get_string(view.document, "sic-name") == sic_name) known = std::move(view);
        }
        renewed = known && json::get_string(known->document, "sic-serial-next") == serial;
        if (!known || !mgmt::has_trust(*known) ||
            (!renewed && json::get_string(known->document, "sic-serial") != serial)) {
            throw Error(Code::forbidden, "no gateway of Domain " + config_.domain_name +
                                             " has this certificate, by what is published here");
        }
        if (what == "fetch-policy") reply = policy_for(published, *known, json::get_string(asked, "has"));
    });
    if (renewed) has_renewed(*known, serial);
    if (what == "renew-certificate") return renew(*known, json::get_string(asked, "csr"), std::move(then));
    if (what != "fetch-policy") {
        throw Error(Code::invalid_parameter, "a gateway asks for fetch-policy or renew-certificate");
    }
    then(std::nullopt, std::move(reply));
}

std::string Gateways::policy_for(mgmt::Call& published, const mgmt::View& gateway, const std::string& has) {
    json::object reply{{"gateway", gateway.name},
                       {"domain", config_.domain_name},
                       {"server", config_.self.name},
                       {"role", replica_.role() == repl::Role::active ? "active" : "standby"},
                       {"management-servers", mgmt::managers_told(published, gateway)}};
    if (auto installed = published.get(mgmt::installed_uid(gateway.uid))) {
        std::string id = json::get_string(installed->document, "id");
        reply["policy-id"] = id;
        if (id != has) reply["policy"] = json::get_string(installed->document, "policy");
    }
    contacts_[gateway.uid] = {wall_ms(), has};
    return json::text(reply);
}

namespace {

mgmt::Principal of_gateway(const mgmt::View& gateway) {
    mgmt::Principal who;
    who.user = "System";
    who.session_name = "Certificate of gateway " + gateway.name;
    // Somebody who edits it must not keep it from having a valid certificate.
    who.past_locks = true;
    return who;
}

}  // namespace

void Gateways::renew(const mgmt::View& gateway, const std::string& csr, Answer then) {
    if (replica_.role() != repl::Role::active) replica_.require_writable();
    std::string sic_name = json::get_string(gateway.document, "sic-name");
    json::object request{{"domain", config_.domain_uid.text()},
                         {"csr", csr},
                         {"name", gateway.name},
                         {"uuid", sic_name.substr(sic_name.rfind('/') + 1)}};
    core()
        .callMethodAsync(bus::MemberName{"CertifyGateway"})
        .onInterface(bus::InterfaceName{k_trust})
        .withTimeout(k_enrol_us)
        .withArguments(json::text(request))
        .uponReplyInvoke([this, alive = std::weak_ptr<int>(alive_), gateway, then](bus::ReplyError failed,
                                                                                   const std::string& reply) {
            if (alive.expired()) return;
            if (const sdbus::Error* e = bus::error_ptr(failed)) return then(bus::from_bus_error(*e), "");
            try {
                std::string serial = json::get_string(json::parse_object(reply), "certificate-serial");
                workspace_.transact(of_gateway(gateway), [&](mgmt::Call& call) {
                    auto view = call.get(gateway.uid);
                    if (!view) throw Error(Code::forbidden, "the gateway was deleted meanwhile");
                    call.set(*view, {}, {{"sic-serial-next", serial}});
                });
                log::notice("the certificate of gateway " + gateway.name + " was renewed",
                            {{"MDS_DOMAIN", config_.domain_name}});
                then(std::nullopt, reply);
            } catch (const Error& e) {
                then(e, "");
            }
        });
}

void Gateways::has_renewed(const mgmt::View& gateway, const std::string& serial) {
    // A Standby leaves that to the Active; both certificates count until then.
    if (replica_.role() != repl::Role::active) return;
    try {
        workspace_.transact(of_gateway(gateway), [&](mgmt::Call& call) {
            if (auto view = call.get(gateway.uid)) {
                call.set(*view, {}, {{"sic-serial", serial}, {"sic-serial-next", ""}});
            }
        });
    } catch (const Error& e) {
        log::notice("the earlier certificate of a gateway still counts: " + e.message(),
                    {{"MDS_DOMAIN", config_.domain_name}});
    }
}

mgmt::Hooks::GatewayContact Gateways::contact(const Uid& gateway) const {
    auto it = contacts_.find(gateway);
    return it == contacts_.end() ? mgmt::Hooks::GatewayContact{} : it->second;
}

// ---- which certificates are in effect ----

void Gateways::tick() {
    if (config_.domain_type != "domain" || replica_.role() != repl::Role::active) {
        serials_.reset();
        return;
    }
    std::string now = store::text(workspace_.db().position().hash);
    if (now != settled_at_) {
        std::set<std::string> serials;
        workspace_.inspect([&](mgmt::Call& published) {
            for (const mgmt::View& view : published.all("simple-gateway")) {
                for (const char* field : {"sic-serial", "sic-serial-next"}) {
                    std::string serial = json::get_string(view.document, field);
                    if (!serial.empty()) serials.insert(serial);
                }
            }
        });
        // Who has just become Active tells all that is in effect, once.
        bool news = serials_ ? *serials_ != serials : !serials.empty();
        if (serials_) {
            std::set_difference(serials_->begin(), serials_->end(), serials.begin(), serials.end(),
                                std::inserter(gone_, gone_.end()));
        }
        serials_ = std::move(serials);
        settled_at_ = std::move(now);
        if (news) {
            told_ = false;
            again_at_ = 0;
        }
    }
    if (!told_ && !settling_ && mono_ms() >= again_at_) settle();
}

void Gateways::settle() {
    settling_ = true;
    again_at_ = mono_ms() + k_again_ms;
    std::set<std::string> in_effect = *serials_, gone = gone_;
    core()
        .callMethodAsync(bus::MemberName{"SettleGateways"})
        .onInterface(bus::InterfaceName{k_trust})
        .withArguments(json::text(json::object{{"domain", config_.domain_uid.text()},
                                               {"in-effect", list_of(in_effect)},
                                               {"gone", list_of(gone)}}))
        .uponReplyInvoke([this, alive = std::weak_ptr<int>(alive_), in_effect, gone](bus::ReplyError failed,
                                                                                    const std::string&) {
            if (alive.expired()) return;
            settling_ = false;
            if (const sdbus::Error* e = bus::error_ptr(failed)) {
                log::notice("the certificates of gateways that ended are not revoked yet: " +
                                bus::from_bus_error(*e).message(),
                            {{"MDS_DOMAIN", config_.domain_name}});
                return;
            }
            for (const std::string& serial : gone) gone_.erase(serial);
            told_ = gone_.empty() && serials_ && *serials_ == in_effect;
        });
}

}  // namespace mds::server
