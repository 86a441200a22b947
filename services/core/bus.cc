#include "bus.hh"

#include "base/clock.hh"
#include "bus/blob.hh"
#include "log/log.hh"
#include "service.hh"

namespace mds::core {
namespace {

const char k_interface[] = "org.openmds.Core1";

/// The polkit action of a management API command.
std::string action_of(const std::string& domain, const std::string& command) {
    if (command.rfind("show-", 0) == 0 || command == "where-used") return "org.openmds.status.read";
    if (command.find("ha-") != std::string::npos || command == "make-server-active") {
        return "org.openmds.ha.manage";
    }
    if (!domain.empty()) return "org.openmds.object.edit";
    if (command.find("-mds") != std::string::npos || command == "set-registry" || command.ends_with("-trust") ||
        command == "revoke-certificate" || command == "renew-certificate") {
        return "org.openmds.server.manage";
    }
    if (command.find("-domain") != std::string::npos) return "org.openmds.domain.manage";
    return "org.openmds.object.edit";
}

}  // namespace

BusObject::BusObject(bus::Connection& connection, Service& service)
    : AdaptorInterfaces(connection.raw(), sdbus::ObjectPath{"/org/openmds/Core1"}),
      service_(service),
      authority_(connection) {
    registerAdaptor();
}

BusObject::~BusObject() { unregisterAdaptor(); }

void BusObject::authorize(const std::string& action, std::function<void()> then,
                          std::function<void(const Error&)> refuse) {
    auto message = bus::current_message(getObject());
    std::string sender = message ? std::string(message->getSender()) : std::string();
    if (message && message->getCredsEuid() == 0) return then();
    authority_.check(sender, action, true, [action, then, refuse](bool allowed) {
        if (allowed) return then();
        refuse(Error(Code::no_permissions, "not allowed: " + action + " is for administrators")
                   .refusal(action == "org.openmds.ha.manage" ? "RF-39" : "",
                            "run it as root, or allow " + action + " in /etc/polkit-1/rules.d"));
    });
}

void BusObject::Run(Answer&& result, std::string domain, std::string command, Bytes body,
                    Fds body_fd) {
    auto answer = std::make_shared<Answer>(std::move(result));
    auto then = [answer](mgmt::Reply reply) {
        bus::Blob blob = bus::pack(reply.body);
        answer->returnResults(static_cast<uint16_t>(reply.status), blob.bytes, blob.fds);
    };
    std::string text = bus::unpack(body, body_fd);
    authorize(
        action_of(domain, command),
        [this, domain, command, text, then] {
            try {
                if (!domain.empty()) return service_.run_in_domain(domain, command, text, then);
                service_.system().workspace().execute_as({"root", "mdsctl", "", ""}, command, text,
                                                         then);
            } catch (const Error& e) {
                then(mgmt::error_reply(e));
            }
        },
        [then](const Error& e) { then(mgmt::error_reply(e)); });
}

void BusObject::LoginLocal(sdbus::Result<std::string>&& result, std::string request) {
    auto answer = std::make_shared<sdbus::Result<std::string>>(std::move(result));
    auto fail = [answer](const Error& e) { answer->returnError(bus::to_bus_error(e)); };
    authorize(
        "org.openmds.session.login-as-root",
        [this, answer, fail, request] {
            try {
                service_.login_local(json::parse_object(request), [answer, fail](mgmt::Reply reply) {
                    if (reply.status == 200) return answer->returnResults(reply.body);
                    json::object body = json::parse_object(reply.body);
                    fail(Error(code_from_word(json::get_string(body, "code")),
                               json::get_string(body, "message")));
                });
            } catch (const Error& e) {
                fail(e);
            }
        },
        fail);
}

void BusObject::Grid(sdbus::Result<std::string>&& result) {
    auto answer = std::make_shared<sdbus::Result<std::string>>(std::move(result));
    auto fail = [answer](const Error& e) { answer->returnError(bus::to_bus_error(e)); };
    authorize(
        "org.openmds.status.read",
        [this, answer, fail] {
            try {
                service_.system();
                answer->returnResults(json::text(json::value(service_.grid().json())));
            } catch (const Error& e) {
                fail(e);
            }
        },
        fail);
}

void BusObject::Setup(sdbus::Result<std::string>&& result, Bytes given, Fds given_fd) {
    auto answer = std::make_shared<sdbus::Result<std::string>>(std::move(result));
    auto fail = [answer](const Error& e) { answer->returnError(bus::to_bus_error(e)); };
    std::string answers = bus::guarded([&] { return bus::unpack(given, given_fd); });
    authorize(
        "org.openmds.setup.run",
        [this, answer, fail, answers] {
            service_.daemon().work([this, answer, fail, answers] {
                int64_t begin = mono_ms();
                auto step = [this, &begin](const std::string& name) {
                    auto took = static_cast<uint32_t>(mono_ms() - begin);
                    begin = mono_ms();
                    service_.daemon().on_loop([&] { emitSetupStep(name, took); });
                };
                try {
                    json::object done = service_.setup(json::parse_object(answers), step);
                    service_.daemon().on_loop([&] { answer->returnResults(json::text(done)); });
                } catch (const Error& e) {
                    log::error("setup: " + e.message());
                    service_.daemon().on_loop([&] { fail(e); });
                } catch (const std::exception& e) {
                    log::error(std::string("setup: ") + e.what());
                    service_.daemon().on_loop([&] { fail(Error(Code::internal, e.what())); });
                }
            });
        },
        fail);
}

void BusObject::Execute(Answer&& result, std::string sid, std::string command, std::string version,
                        Bytes body, Fds body_fd, std::map<std::string, std::string> client) {
    auto answer = std::make_shared<Answer>(std::move(result));
    auto then = [answer](mgmt::Reply reply) {
        bus::Blob blob = bus::pack(reply.body);
        answer->returnResults(static_cast<uint16_t>(reply.status), blob.bytes, blob.fds);
    };
    try {
        std::string text = bus::unpack(body, body_fd);
        if (command == "login") {
            service_.login(json::parse_object(text), std::move(client), then);
        } else {
            service_.system().execute(sid, command, version, std::move(text), std::move(client),
                                      then);
        }
    } catch (const Error& e) {
        then(mgmt::error_reply(e));
    }
}

void BusObject::Deliver(const std::string& peer, const std::string&, const uint16_t& kind,
                        const Bytes& payload, const Fds& payload_fd) {
    bus::guarded([&] {
        if (service_.has_system()) {
            service_.system().deliver(peer, kind, bus::unpack(payload, payload_fd));
        }
    });
}

namespace {

/// Answers a method whose reply is the body of a command's.
std::function<void(mgmt::Reply)> answer_with_body(sdbus::Result<std::string>&& result) {
    auto answer = std::make_shared<sdbus::Result<std::string>>(std::move(result));
    return [answer](mgmt::Reply reply) {
        if (reply.status == 200) return answer->returnResults(reply.body);
        json::object body = json::parse_object(reply.body);
        answer->returnError(bus::to_bus_error(
            Error(code_from_word(json::get_string(body, "code")), json::get_string(body, "message"))));
    };
}

template <class Do>
void answer_json(sdbus::Result<std::string>&& result, const std::string& request, Do work) {
    auto then = answer_with_body(std::move(result));
    try {
        work(json::parse_object(request), then);
    } catch (const Error& e) {
        then(mgmt::error_reply(e));
    }
}

}  // namespace

void BusObject::EnrolGateway(sdbus::Result<std::string>&& result, Bytes request, Fds request_fd) {
    answer_json(std::move(result), bus::guarded([&] { return bus::unpack(request, request_fd); }),
                [this](json::object o, auto then) { service_.enrol_gateway(o, then); });
}

void BusObject::CertifyGateway(sdbus::Result<std::string>&& result, std::string request) {
    answer_json(std::move(result), request,
                [this](json::object o, auto then) { service_.certify_gateway(std::move(o), then); });
}

void BusObject::SettleGateways(sdbus::Result<std::string>&& result, std::string request) {
    answer_json(std::move(result), request,
                [this](json::object o, auto then) { service_.settle_gateways(std::move(o), then); });
}

std::string BusObject::State() { return service_.state(); }
std::string BusObject::Role() { return service_.identity() ? service_.identity()->role : ""; }
std::string BusObject::Name() { return service_.identity() ? service_.identity()->name : ""; }

std::string BusObject::Uid() {
    bool known = service_.identity() && !service_.identity()->uid.is_nil();
    return known ? service_.identity()->uid.text() : "";
}

std::string BusObject::Deployment() {
    return service_.identity() ? service_.identity()->deployment_name : "";
}

std::string BusObject::DeploymentId() {
    return service_.identity() ? service_.identity()->deployment_id : "";
}

uint64_t BusObject::Revision() {
    return service_.has_system() ? service_.system().position().rev : 0;
}

std::vector<BusObject::PeerRow> BusObject::Peers() {
    std::vector<PeerRow> rows;
    if (!service_.has_system() || !service_.system().db().has_history()) return rows;
    for (const Service::MdsRow& row : service_.all_mdss()) {
        if (row.uid == service_.identity()->uid) continue;
        bool silent = service_.grid().silent(row.uid);
        int64_t last = service_.grid().last_contact(row.uid);
        std::string state = !silent ? "running"
                            : last  ? "silent since " + rfc3339(last)
                                    : std::string("silent");
        rows.emplace_back(row.name, row.address, row.role, state, last);
    }
    return rows;
}

uint32_t BusObject::Domains() {
    if (!service_.has_system() || !service_.system().db().has_history()) return 0;
    return static_cast<uint32_t>(service_.all_domains().size());
}

uint32_t BusObject::DomainServers() {
    if (!service_.has_system() || !service_.system().db().has_history()) return 0;
    // Those that belong here, whether they run or not.
    uint32_t count = 0;
    for (const auto& domain : service_.all_domains()) {
        for (const json::value& server : domain.servers) {
            count += json::get_string(server.as_object(), "mds") == Uid();
        }
    }
    return count;
}

std::string BusObject::LoginAuthorities() { return service_.login_authorities(); }

void BusObject::changed() {
    std::map<std::string, std::string> now{{"State", State()},
                                           {"Role", Role()},
                                           {"Name", Name()},
                                           {"Uid", Uid()},
                                           {"Deployment", Deployment()},
                                           {"Revision", std::to_string(Revision())},
                                           {"Domains", std::to_string(Domains())},
                                           {"LoginAuthorities", LoginAuthorities()}};
    std::vector<std::string> names;
    for (const auto& [name, value] : now) {
        if (shown_[name] != value) names.push_back(name);
    }
    shown_ = std::move(now);
    if (!names.empty()) bus::emit_changed(getObject(), k_interface, names);
}

}  // namespace mds::core
