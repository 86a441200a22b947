#include "service.hh"

#include "bus.hh"
#include "log/log.hh"

namespace mds::helper {
namespace {
constexpr auto k_idle = std::chrono::seconds(60);
}

Service::Service(app::Daemon& daemon, std::string record)
    : daemon_(daemon),
      addresses_(std::move(record), run_program, host_addresses),
      idle_(daemon.io()) {
    used();
}

void Service::used() {
    idle_.expires_after(k_idle);
    idle_.async_wait([this](boost::system::error_code error) {
        if (!error) daemon_.stop();
    });
}

void Service::add_address(const std::string& address, const std::string& interface,
                          const std::string& beside) {
    used();
    addresses_.add(address, interface, beside);
    log::info("Address " + address + " added");
}

void Service::remove_address(const std::string& address) {
    used();
    addresses_.remove(address);
    log::info("Address " + address + " removed");
}

void Service::set_host_name(const std::string& name) {
    used();
    check_host_name(name);
    set_static_host_name(daemon_.bus().raw(), name);
    log::notice("Host name set to " + name);
}

}  // namespace mds::helper
