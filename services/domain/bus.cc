#include "bus.hh"

#include "bus/blob.hh"
#include "server/gateways.hh"
#include "service.hh"

namespace mds::domain {
namespace {

const char k_interface[] = "org.openmds.Domain1";

}  // namespace

BusObject::BusObject(bus::Connection& connection, Service& service)
    : AdaptorInterfaces(connection.raw(), sdbus::ObjectPath{"/org/openmds/Domain1"}),
      service_(service) {
    registerAdaptor();
}

BusObject::~BusObject() { unregisterAdaptor(); }

json::object BusObject::status() const { return service_.server().status(); }

void BusObject::changed(const json::object& now) {
    struct Property {
        const char* name;
        const char* key;
    };
    static constexpr Property k_properties[] = {
        {"Role", "role"},     {"State", "state"},   {"Revision", "revision"}, {"Term", "term"},
        {"Digest", "digest"}, {"Domain", "domain"}, {"Peers", "peers"},       {"Sessions", "sessions"}};
    std::vector<std::string> names;
    for (const Property& p : k_properties) {
        const json::value* before = json::find(shown_, p.key);
        if (!before || *before != *json::find(now, p.key)) names.emplace_back(p.name);
    }
    shown_ = now;
    if (names.empty()) return;
    bus::emit_changed(getObject(), k_interface, names);
    emitStatusChanged(json::text(now));
}

std::string BusObject::Status() {
    return bus::guarded([&] { return json::text(status()); });
}

std::string BusObject::OpenSession(const std::string& request) {
    return bus::guarded([&] {
        return json::text(service_.server().workspace().open_session(json::parse_object(request)));
    });
}

std::string BusObject::EndSessions(const std::string& text) {
    return bus::guarded([&] {
        json::object request = json::parse_object(text);
        service_.server().workspace().end_sessions_of(json::get_string(request, "user"),
                                                      json::get_string(request, "reason"));
        return std::string("{}");
    });
}

std::string BusObject::HaAction(const std::string& request) {
    return bus::guarded(
        [&] { return json::text(service_.server().ha_action(json::parse_object(request))); });
}

std::string BusObject::Task(const std::string& id) {
    return bus::guarded([&] {
        mgmt::Workspace& workspace = service_.server().workspace();
        auto uid = Uid::parse(id);
        auto task = uid ? workspace.task(*uid) : std::nullopt;
        if (!task) throw Error(Code::object_not_found, "Requested object [" + id + "] not found");
        return json::text(workspace.render_task(*task, model::Level::full));
    });
}

std::string BusObject::CheckAudit(const std::string& text) {
    return bus::guarded([&] {
        json::object request = json::parse_object(text);
        return json::text(service_.server()
                              .workspace()
                              .check_audit(mgmt::witnesses_from(json::get_array(request, "seen")))
                              .to_json());
    });
}

void BusObject::Reload() {
    bus::guarded([&] { service_.reload(); });
}

std::string BusObject::Domain() { return json::get_string(status(), "domain"); }
std::string BusObject::DomainUid() { return json::get_string(status(), "domain-uid"); }
std::string BusObject::Server() { return json::get_string(status(), "server"); }
std::string BusObject::Role() { return json::get_string(status(), "role"); }
bool BusObject::Primary() { return json::get_bool(status(), "primary"); }
std::string BusObject::State() { return json::get_string(status(), "state"); }
std::string BusObject::Digest() { return json::get_string(status(), "digest"); }

uint64_t BusObject::Revision() {
    return static_cast<uint64_t>(json::get_int(status(), "revision"));
}

uint64_t BusObject::Term() { return static_cast<uint64_t>(json::get_int(status(), "term")); }

uint32_t BusObject::Sessions() {
    return static_cast<uint32_t>(service_.server().workspace().session_count());
}

std::vector<BusObject::PeerRow> BusObject::Peers() {
    std::vector<PeerRow> rows;
    json::object now = status();
    for (const json::value& v : json::get_array(now, "peers")) {
        const json::object& p = v.as_object();
        rows.emplace_back(json::get_string(p, "server"), json::get_string(p, "mds-name"),
                          json::get_string(p, "ha-state"), json::get_string(p, "sync-status"),
                          static_cast<uint64_t>(json::get_int(p, "peer-revision")));
    }
    return rows;
}

void BusObject::Execute(sdbus::Result<uint16_t, Bytes, Fds>&& result, std::string sid,
                        std::string command, std::string version, Bytes body, Fds body_fd,
                        std::map<std::string, std::string> client) {
    auto answer = std::make_shared<sdbus::Result<uint16_t, Bytes, Fds>>(std::move(result));
    auto then = [answer](mgmt::Reply reply) {
        bus::Blob blob = bus::pack(reply.body);
        answer->returnResults(static_cast<uint16_t>(reply.status), blob.bytes, blob.fds);
    };
    try {
        service_.server().execute(sid, command, version, bus::unpack(body, body_fd),
                                  std::move(client), then);
    } catch (const Error& e) {
        then(mgmt::error_reply(e));
    }
}

void BusObject::Deliver(const std::string& peer, const std::string&, const uint16_t& kind,
                        const Bytes& payload, const Fds& payload_fd) {
    bus::guarded(
        [&] { service_.server().deliver(peer, kind, bus::unpack(payload, payload_fd)); });
}

void BusObject::Ask(sdbus::Result<Bytes, Fds>&& result, std::string gateway, std::string request) {
    auto answer = std::make_shared<sdbus::Result<Bytes, Fds>>(std::move(result));
    auto refuse = [answer](const Error& e) { answer->returnError(bus::to_bus_error(e)); };
    try {
        service_.server().gateways().ask(gateway, request, [answer, refuse](std::optional<Error> error, std::string reply) {
            if (error) return refuse(*error);
            bus::Blob blob = bus::pack(reply);
            answer->returnResults(blob.bytes, blob.fds);
        });
    } catch (const Error& e) {
        refuse(e);
    }
}

}  // namespace mds::domain
