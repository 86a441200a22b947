// The bus of this host (org.openmds.Core1, org.openmds.Sic1).
#include <sdbus-c++/sdbus-c++.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <filesystem>

#include "base/environment.hh"
#include "base/error.hh"
#include "bus/blob.hh"
#include "bus/connection.hh"
#include "client/api.hh"
#include "transport.hh"

namespace mds::ctl {
namespace {

const bus::InterfaceName k_core{"org.openmds.Core1"}, k_sic{"org.openmds.Sic1"};

/// Whether first-time setup has never ended here.
bool never_set_up() {
    std::error_code error;
    return !std::filesystem::exists(environment("MDS_STATE", "/var/lib/mds") + "/setup.json", error) && !error;
}

Error unreachable(const sdbus::Error& e) {
    Error error = bus::from_bus_error(e);
    if (error.code() != Code::unreachable) return error;
    // Its services are not meant to run yet.
    if (never_set_up()) return Error(Code::not_set_up, "this server is not set up").refusal("", "mds-setup");
    return Error(Code::unreachable, "mds-core does not answer on this host: " + error.message())
        .refusal("", "systemctl status mds-core.service");
}

/// The bus is connected to by the first call.
class LocalTransport : public Transport {
  public:
    LocalTransport(std::string reason, int patience_ms) : reason_(std::move(reason)), patience_ms_(patience_ms) {}
    ~LocalTransport() override {
        if (changed_fd_ < 0) return;
        bus_connection_->leaveEventLoop();
        close(changed_fd_);
    }
    LocalTransport(const LocalTransport&) = delete;
    LocalTransport& operator=(const LocalTransport&) = delete;

    json::object run(const std::string& domain, const std::string& command, const json::object& body) override;
    json::object grid() override;
    int watch() override;
    void watched() override {
        eventfd_t count = 0;
        eventfd_read(changed_fd_, &count);
    }
    void set_key(const std::string& key, uint32_t valid_seconds) override;
    std::string sic_property(const std::string& name) override;

  private:
    sdbus::IConnection& connection();
    sdbus::IProxy& core();
    std::unique_ptr<sdbus::IProxy> sic() {
        return sdbus::createProxy(connection(), bus::ServiceName{"org.openmds.Sic1"},
                                  sdbus::ObjectPath{"/org/openmds/Sic1"});
    }

    std::string reason_;
    int patience_ms_ = 0;
    /// Told by the bus's own thread that something has changed.
    int changed_fd_ = -1;
    std::unique_ptr<sdbus::IConnection> bus_connection_;
    std::unique_ptr<sdbus::IProxy> core_proxy_;
};

sdbus::IConnection& LocalTransport::connection() {
    if (bus_connection_) return *bus_connection_;
    try {
        bus_connection_ = sdbus::createSystemBusConnection();
    } catch (const sdbus::Error& e) {
        throw Error(Code::unreachable, "the system bus of this host does not answer: " + e.getMessage())
            .refusal("", "systemctl status dbus.service");
    }
    bus_connection_->setMethodCallTimeout(static_cast<uint64_t>(patience_ms_) * 1000);
    return *bus_connection_;
}

sdbus::IProxy& LocalTransport::core() {
    if (!core_proxy_) {
        core_proxy_ = sdbus::createProxy(connection(), bus::ServiceName{"org.openmds.Core1"},
                                         sdbus::ObjectPath{"/org/openmds/Core1"});
    }
    return *core_proxy_;
}

int LocalTransport::watch() {
    sdbus::IConnection& line = connection();
    changed_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int fd = changed_fd_;
    auto news = [fd] { eventfd_write(fd, 1); };
    // Roles and synchronization are told by the Domain Servers, links by mds-sync, the rest by
    // mds-core. Who comes and goes matters too.
    bus::on_match(
        line,
        "type='signal',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
        "path_namespace='/org/openmds'",
        news);
    bus::on_match(line,
                  "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                  "member='NameOwnerChanged',arg0namespace='org.openmds'",
                  news);
    line.enterEventLoopAsync();
    return fd;
}

json::object LocalTransport::run(const std::string& domain, const std::string& command, const json::object& body) {
    json::object request = body;
    bool acts = command.rfind("show-", 0) != 0;
    if (!reason_.empty() && acts && !domain.empty()) {
        throw Error(Code::invalid_parameter,
                    "acts in a Domain are recorded without a reason; nothing was changed")
            .refusal("", "run the same command without --reason");
    }
    if (!reason_.empty() && acts) request["reason"] = reason_;
    bus::Blob blob = bus::pack_body(json::text(request));
    uint16_t status = 0;
    std::vector<uint8_t> reply;
    std::vector<sdbus::UnixFd> reply_fd;
    try {
        core()
            .callMethod(bus::MemberName{"Run"})
            .onInterface(k_core)
            .withArguments(domain, command, blob.bytes, blob.fds)
            .storeResultsTo(status, reply, reply_fd);
    } catch (const sdbus::Error& e) {
        throw unreachable(e);
    }
    json::object answer = json::parse_object(bus::unpack(reply, reply_fd));
    if (status != 200) throw client::error_of(answer);
    return answer;
}

json::object LocalTransport::grid() {
    std::string text;
    try {
        core().callMethod(bus::MemberName{"Grid"}).onInterface(k_core).storeResultsTo(text);
    } catch (const sdbus::Error& e) {
        throw unreachable(e);
    }
    return json::parse_object(text);
}

void LocalTransport::set_key(const std::string& key, uint32_t valid_seconds) {
    bus::Blob blob = bus::pack_secret(key);
    try {
        sic()
            ->callMethod(bus::MemberName{"SetKey"})
            .onInterface(k_sic)
            .withArguments(blob.bytes, blob.fds, valid_seconds)
            .storeResultsTo();
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
}

std::string LocalTransport::sic_property(const std::string& name) {
    try {
        return sic()->getProperty(name).onInterface("org.openmds.Sic1").get<std::string>();
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
}

}  // namespace

std::unique_ptr<Transport> local_transport(std::string reason, int patience_ms) {
    return std::make_unique<LocalTransport>(std::move(reason), patience_ms);
}

}  // namespace mds::ctl
