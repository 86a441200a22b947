#include "service.hh"

#include <fmt/core.h>

#include "bus.hh"
#include "log/log.hh"
#include "mgmt/policy.hh"
#include "model/predefined.hh"
#include "model/type.hh"
#include "server/gateways.hh"
#include "server/ha_commands.hh"

namespace mds::domain {

Service::Service(app::Daemon& daemon) : daemon_(daemon) {
    const std::string& name = daemon.arguments().front();
    folder_ = daemon.state_folder() + "/" + name;
    server::Server::Options options;
    options.daemon = &daemon;
    options.folder = folder_;
    options.config = server::Config::load(folder_ + "/server.json");
    options.bus_name = server::domain_bus_name(name);
    options.object_path = "/org/openmds/Domain1";
    options.channel = "domain/" + options.config.domain_uid.text();
    options.catalog = &model::domain_catalog();
    server_ = std::make_unique<server::Server>(options);
    server::register_ha_commands(*server_);
    server_->gateways().register_commands();
    bus_ = std::make_unique<BusObject>(daemon.bus(), *this);
    server_->on_status = [this] { announce(); };
    server_->on_role = [this](repl::Role role) {
        if (role == repl::Role::active) daemon_.post([this] { begin_policy(); });
        announce();
    };
    server_->start();
    daemon.bus().own(options.bus_name);
    bring_address_up();
    daemon.ready("");
    announce();
}

Service::~Service() = default;

void Service::begin_policy() {
    // Revision 1 is the beginning of the history, which has no content yet.
    if (server_->db().position().rev != 1) return;
    try {
        mgmt::Principal who;
        who.user = "System";
        who.session_name = "Standard policy";
        server_->workspace().transact(who, mgmt::add_standard_policy);
    } catch (const Error& e) {
        log::error("the standard policy was not made: " + e.message());
    }
}

void Service::announce() {
    json::object status = server_->status();
    daemon_.status(fmt::format("Domain {}: {}, revision {}, {}",
                               json::get_string(status, "domain"), json::get_string(status, "role"),
                               json::get_int(status, "revision"), json::get_string(status, "state")));
    bus_->changed(status);
}

void Service::reload() {
    server_->reload(server::Config::load(folder_ + "/server.json"));
    bring_address_up();
}

void Service::bring_address_up() {
    const server::Config& c = server_->config();
    if (c.address.empty() || c.address == c.beside) return;
    helper_ = sdbus::createProxy(daemon_.bus().raw(), bus::ServiceName{"org.openmds.Helper1"},
                                 sdbus::ObjectPath{"/org/openmds/Helper1"});
    bus::finish(*helper_);
    auto report = [](const char* what) {
        return [what](bus::ReplyError error) {
            if (const sdbus::Error* e = bus::error_ptr(error)) {
                log::warning(std::string(what) + ": " + e->getMessage());
            }
        };
    };
    helper_->callMethodAsync(bus::MemberName{"AddAddress"})
        .onInterface(bus::InterfaceName{"org.openmds.Helper1"})
        .withArguments(c.address, c.interface, c.beside)
        .uponReplyInvoke(report("the address of this Domain Server is not up"));
}

}  // namespace mds::domain
