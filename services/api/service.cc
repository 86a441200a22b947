#include "service.hh"

#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "bus.hh"

namespace mds::api {
namespace {

/// The socket of the service manager; by hand the port of the configuration, or MDS_API_LISTEN
/// ("127.0.0.1:8443").
int listening_socket(const app::Config& config, uint16_t& port) {
    port = static_cast<uint16_t>(config.get_int("Api.Port"));
    if (sd_listen_fds(1) > 0) return SD_LISTEN_FDS_START;
    std::string address = "::";
    if (const char* where = std::getenv("MDS_API_LISTEN")) {
        std::string text = where;
        size_t colon = text.rfind(':');
        address = text.substr(0, colon);
        port = static_cast<uint16_t>(std::atoi(text.c_str() + colon + 1));
    }
    return http::listen_on(address, port);
}

}  // namespace

Service::Service(app::Daemon& daemon)
    : certificate_(daemon.state_folder() + "/server.pem"), router_(daemon) {
    std::filesystem::create_directories(daemon.state_folder());
    std::string key = daemon.state_folder() + "/server.key";
    char host[256] = {};
    gethostname(host, sizeof host - 1);
    http::ensure_certificate(certificate_, key, host);
    int fd = listening_socket(daemon.config(), port_);
    http::Limits limits;
    limits.body_bytes = static_cast<size_t>(daemon.config().get_int("Api.MaxBodyMiB")) << 20;
    limits.handshakes_per_second = daemon.config().get_int("Api.HandshakesPerSecond");
    limits.tls_1_2 = daemon.config().get_int("Api.Tls12") != 0;
    limits.idle_s = daemon.config().get_int("Api.IdleSeconds");
    server_ = std::make_unique<http::Server>(
        daemon.io(), fd, certificate_, key, limits,
        [this](http::Request request, std::function<void(http::Response)> then) {
            router_.handle(std::move(request), std::move(then));
        });
    router_.on_login_authorities = [this](const std::string& pem) { server_->ask_for_certificates(pem); };
    bus_ = std::make_unique<BusObject>(daemon.bus(), *this);
    router_.start();
    daemon.bus().own("org.openmds.Api1");
    server_->start();
    daemon.every(1000, [this] { bus_->changed(); });
    daemon.on_stop([this] { server_->stop(); });
    daemon.ready("Serving HTTPS on port " + std::to_string(port_));
}

Service::~Service() = default;

}  // namespace mds::api
