#include "base/environment.hh"
#include "service.hh"

#include <unistd.h>

#include <cstdlib>

#include "base/clock.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "base/version.hh"
#include "bus/blob.hh"
#include "log/messages.hh"

namespace mds::sic {
namespace asio = boost::asio;
Service::Service(app::Daemon& daemon)
    : AdaptorInterfaces(daemon.bus().raw(), sdbus::ObjectPath{"/org/openmds/Sic1"}),
      daemon_(daemon),
      responder_({[this] { return self(); }, daemon.state_folder() + "/activation.json",
                  environment("MDS_TRUST", "/var/lib/mds/trust")}),
      acceptor_(daemon.io()),
      idle_since_(mono_ms()) {
    registerAdaptor();
    daemon.bus().own("org.openmds.Sic1");
    update();
    daemon.every(1000, [this] { update(); });
    daemon.ready("");
    update();
}

Service::~Service() { unregisterAdaptor(); }

enrol::Hello Service::self() const {
    enrol::Hello hello;
    // Who this machine is was decided by setup; mds-core knows. On a worker thread: blocking.
    auto connection = sdbus::createSystemBusConnection();
    auto core = sdbus::createProxy(*connection, bus::ServiceName{"org.openmds.Core1"},
                                   sdbus::ObjectPath{"/org/openmds/Core1"});
    auto property = [&](const char* name) {
        return core->getProperty(name).onInterface("org.openmds.Core1").get<std::string>();
    };
    try {
        hello.role = property("Role");
        hello.name = property("Name");
        hello.uuid = property("Uid");
        if (!hello.uuid.empty()) {
            hello.deployment = property("DeploymentId");
            hello.deployment_name = property("Deployment");
        }
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
    hello.version = mds::version();
    hello.platform = enrol::this_platform();
    hello.clock_ms = wall_ms();
    if (hello.uuid.empty()) {
        // Chosen once, before the first enrolment, and kept: a repeated try is the same server.
        std::string file = daemon_.state_folder() + "/uuid";
        if (access(file.c_str(), R_OK) != 0) replace_file(file, Uid::make().text(), 0600);
        hello.uuid = trim(read_file(file));
    }
    return hello;
}

void Service::SetKey(sdbus::Result<>&& result, Bytes key, Fds key_fd, uint32_t valid_seconds) {
    std::string text = bus::guarded([&] { return bus::unpack(key, key_fd); });
    take_key(std::move(result), std::move(text), valid_seconds, false);
}

void Service::Reset(sdbus::Result<>&& result, Bytes key, Fds key_fd, uint32_t valid_seconds) {
    std::string text = bus::guarded([&] { return bus::unpack(key, key_fd); });
    take_key(std::move(result), std::move(text), valid_seconds, true);
}

void Service::take_key(sdbus::Result<>&& result, std::string key, uint32_t valid_seconds, bool reset) {
    auto answer = std::make_shared<sdbus::Result<>>(std::move(result));
    ++working_;
    // scrypt takes a tenth of a second and more: not on the loop.
    daemon_.work([this, answer, key = std::move(key), valid_seconds, reset]() mutable {
        std::optional<Error> error;
        try {
            int64_t valid_ms = static_cast<int64_t>(valid_seconds) * 1000;
            if (reset) {
                responder_.reset(key, valid_ms);
                log::notice("trust is reset; this server waits for the Primary to connect it anew");
            } else {
                responder_.set_key(key, valid_ms);
            }
        } catch (const Error& e) {
            error = e;
        }
        daemon_.post([this, answer, error] {
            --working_;
            if (error) {
                answer->returnError(bus::to_bus_error(*error));
            } else {
                update();
                answer->returnResults();
            }
        });
    });
}

void Service::ClearKey() {
    bus::guarded([&] {
        responder_.clear_key();
        update();
    });
}

void Service::Confirm() {
    bus::guarded([&] {
        responder_.confirm();
        log::notice("trust is established; the activation key is deleted");
        update();
    });
}

std::string Service::State() { return responder_.state(); }
uint32_t Service::TriesLeft() { return responder_.tries_left(); }
uint64_t Service::ExpiresAt() { return static_cast<uint64_t>(responder_.expires_at()); }
std::string Service::Fingerprint() { return responder_.credentials().fingerprint(); }

void Service::update() {
    responder_.tidy();
    bool open = responder_.wants_connections();
    if (open && !acceptor_.is_open()) {
        auto port = static_cast<uint16_t>(daemon_.config().get_int("Sic.Port"));
        asio::ip::tcp::endpoint everywhere(asio::ip::tcp::v6(), port);
        boost::system::error_code error;
        acceptor_.open(everywhere.protocol(), error);
        if (error) {  // a host without IPv6
            everywhere = {asio::ip::tcp::v4(), port};
            acceptor_.open(everywhere.protocol(), error);
        }
        acceptor_.set_option(asio::ip::tcp::acceptor::reuse_address(true), error);
        acceptor_.bind(everywhere, error);
        if (!error) acceptor_.listen(16, error);
        if (error) {
            log::error("SIC port " + std::to_string(port) + ": " + error.message());
            acceptor_.close(error);
        } else {
            accept();
        }
    } else if (!open && acceptor_.is_open()) {
        boost::system::error_code ignored;
        acceptor_.close(ignored);
    }
    std::string line = open ? "Waiting for the Primary; the key is valid until " +
                                  rfc3339(responder_.expires_at())
                            : responder_.state();
    daemon_.status(line);
    if (open || working_ > 0) idle_since_ = mono_ms();
    // The bus starts this service again when it is asked for.
    if (mono_ms() - idle_since_ > 60'000) daemon_.stop();
}

void Service::accept() {
    acceptor_.async_accept([this](boost::system::error_code error, asio::ip::tcp::socket socket) {
        if (error) return;
        serve(std::move(socket));
        accept();
    });
}

void Service::serve(asio::ip::tcp::socket socket) {
    boost::system::error_code ignored;
    std::string peer = socket.remote_endpoint(ignored).address().to_string();
    socket.native_non_blocking(false, ignored);
    int fd = socket.release();
    ++working_;
    daemon_.work([this, fd, peer] {
        enrol::ServeResult result = responder_.serve(fd, peer);
        daemon_.post([this, result, peer] {
            --working_;
            using End = enrol::ServeResult::End;
            if (result.end == End::enrolled) {
                log::event(log::message::enrolled,
                           "enrolled by " + result.peer.name + " into deployment " + result.deployment,
                           {{"MDS_PEER", result.peer.name}});
                emitEnrolled(result.deployment);
            } else {
                log::event(result.end == End::wrong_key ? log::message::wrong_activation_key
                                                        : log::message::enrolment_refused,
                           "enrolment did not succeed: " + result.text, {{"MDS_ADDRESS", peer}});
            }
            bus::emit_changed(getObject(), "org.openmds.Sic1", {"State", "TriesLeft", "ExpiresAt", "Fingerprint"});
            update();
        });
    });
}

}  // namespace mds::sic
