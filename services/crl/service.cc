#include "service.hh"

#include <systemd/sd-daemon.h>

#include <cstdlib>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "crypto/hash.hh"
#include "log/log.hh"
#include "pki/crl.hh"

namespace mds::crl {
namespace {

/// Requests of one address per second, and at once.
constexpr double k_per_second = 50, k_burst = 200;
constexpr size_t k_connections = 500, k_connections_per_address = 32;
/// Whoever gets no list here may ask again then, seconds; the lists are here soon after the Primary is.
constexpr char k_retry_s[] = "60";
constexpr size_t k_etag_digits = 32;

http::Response refusal(int status, const std::string& code, const std::string& message) {
    return {status, "{\"code\":\"" + code + "\",\"message\":\"" + message + "\"}", "application/json", {}};
}

http::Response not_found() {
    return refusal(404, "generic_err_object_not_found", "There is no such revocation list");
}

/// The socket of the service manager; by hand the port of the configuration, or MDS_CRL_LISTEN
/// ("127.0.0.1:8264").
int listening_socket(const app::Config& config) {
    if (sd_listen_fds(1) > 0) return SD_LISTEN_FDS_START;
    std::string address = "::";
    int port = config.get_int("Crl.Port");
    if (const char* where = std::getenv("MDS_CRL_LISTEN")) {
        std::string text = where;
        size_t colon = text.rfind(':');
        address = text.substr(0, colon);
        port = std::atoi(text.c_str() + colon + 1);
    }
    return http::listen_on(address, static_cast<uint16_t>(port));
}

http::Limits limits() {
    http::Limits limits;
    limits.body_bytes = 0;
    limits.connections = k_connections;
    limits.connections_per_address = k_connections_per_address;
    limits.threads = 1;
    return limits;
}

}  // namespace

Service::Service(app::Lone& daemon)
    : folder_(daemon.state_folder()), rate_(k_per_second, k_burst) {
    server_ = std::make_unique<http::Server>(
        daemon.io(), listening_socket(daemon.config()), limits(),
        [this](const http::Request& request, const std::function<void(http::Response)>& then) {
            then(answer(request));
        });
    server_->start();
    daemon.on_stop([this] { server_->stop(); });
    daemon.ready("Serving revocation lists over HTTP");
}

http::Response Service::answer(const http::Request& request) {
    if (!rate_.allow(request.remote_address, mono_ms())) {
        http::Response slower = refusal(429, "err_too_many_requests", "Too many requests from this address");
        slower.headers.emplace_back("Retry-After", "1");
        return slower;
    }
    if (request.method != "GET" && request.method != "HEAD") {
        http::Response other = refusal(405, "err_bad_url", "Only GET and HEAD");
        other.headers.emplace_back("Allow", "GET, HEAD");
        return other;
    }
    constexpr std::string_view k_end = ".crl";
    std::string_view name = request.target;
    if (!name.starts_with("/") || !name.ends_with(k_end)) return not_found();
    name.remove_prefix(1);
    name.remove_suffix(k_end.size());
    if (!pki::is_crl_name(name)) return not_found();
    try {
        return list(std::string(name), request);
    } catch (const std::exception& e) {
        // Damaged, or not to be read: others have it too.
        if (told_ != e.what()) log::error("revocation list " + std::string(name) + ": " + e.what());
        told_ = e.what();
        return refusal(503, "generic_error", "The revocation list cannot be read here; ask another server");
    }
}

http::Response Service::list(const std::string& name, const http::Request& request) {
    std::optional<std::string> der = folder_.read(name);
    if (!der) return not_found();
    int64_t until = pki::Crl::from_der(*der).next_update();
    if (until <= wall_ms()) {
        std::string when = rfc3339(until);
        if (told_ != name + when) {
            log::warning("revocation list " + name + " ended on " + when +
                         " and is not served: no newer one has come from the Primary");
        }
        told_ = name + when;
        http::Response stale = refusal(503, "generic_error",
                                       "The revocation list here ended on " + when + "; ask another server");
        stale.headers.emplace_back("Retry-After", k_retry_s);
        return stale;
    }
    std::string etag = "\"" + hex(crypto::sha256(*der)).substr(0, k_etag_digits) + "\"";
    http::Response response{200, std::move(*der), "application/pkix-crl", {}};
    if (request.if_none_match.find(etag) != std::string::npos || request.if_none_match == "*") {
        response.status = 304;
        response.body.clear();
    }
    response.headers.emplace_back("ETag", etag);
    // Caches ask each time whether it is still the newest.
    response.headers.emplace_back("Cache-Control", "no-cache");
    return response;
}

}  // namespace mds::crl
