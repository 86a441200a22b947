#include "router.hh"

#include <openssl/evp.h>

#include <array>
#include <utility>

#include "base/base64.hh"
#include "base/clock.hh"
#include "base/ids.hh"
#include "base/version.hh"
#include "bus/blob.hh"
#include "bus/property.hh"
#include "json/json.hh"
#include "log/log.hh"

namespace mds::api {
namespace {

constexpr const char* k_versions[] = {"1",     "1.1", "1.2",   "1.3", "1.4",   "1.5", "1.6", "1.6.1",
                                      "1.7",   "1.7.1", "1.8", "1.8.1", "1.9", "1.9.1"};
constexpr char k_core[] = "org.openmds.Core1";
constexpr char k_domain_prefix[] = "org.openmds.Domain1.";
// How long a request waits for the owner of its session to come back from a restart.
constexpr int64_t k_wait_ms = 5000;
// So long after its start it may not know every owner of sessions on this host.
constexpr int64_t k_young_ms = 60'000;
// Anybody may ask what this server is; mds-core, which looks at all its peers for that, is asked no
// more often.
constexpr int64_t k_about_ms = 1000;
// Requests of one session at once, as seconds of its pace.
constexpr int k_burst = 4;

std::string quote(const std::string& text) {
    std::string out;
    for (unsigned char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (c >= 0x20 && c < 0x7f) out += static_cast<char>(c);
    }
    return out;
}

http::Response error(int status, const std::string& code, const std::string& message) {
    return {status, "{\"code\":\"" + code + "\",\"message\":\"" + quote(message) + "\"}"};
}

http::Response wrong_session() {
    return error(401, "generic_err_wrong_session_id",
                 "Wrong session id [***]. Session may be expired. Please check session id and resend "
                 "the request.");
}

http::Response starting() {
    return error(500, "generic_server_initializing",
                 "The server is starting; try again in a few seconds");
}

/// The tag that session ids of this owner begin with (docs/architecture.md).
std::string tag_of(const std::string& bus_name) {
    std::array<unsigned char, 32> hash{};
    unsigned size = 0;
    EVP_Digest(bus_name.data(), bus_name.size(), hash.data(), &size, EVP_sha256(), nullptr);
    return base64url({reinterpret_cast<const char*>(hash.data()), 6});
}

/// Sent by a browser for a page of another site (S-6). Other clients send neither header.
bool is_cross_site(const http::Request& request) {
    if (!request.fetch_site.empty()) return request.fetch_site != "same-origin" && request.fetch_site != "none";
    return !request.origin.empty() && request.origin != "https://" + request.host;
}

std::string path_of(const std::string& owner) {
    return owner == k_core ? "/org/openmds/Core1" : "/org/openmds/Domain1";
}

}  // namespace

bool known_version(const std::string& version) {
    for (const char* v : k_versions) {
        if (version == v) return true;
    }
    return false;
}

Path Path::parse(const std::string& target) {
    Path path;
    std::string rest = target.substr(0, target.find('?'));
    const std::string prefix = "/web_api/";
    if (rest.rfind(prefix, 0) != 0) return path;
    rest.erase(0, prefix.size());
    size_t slash = rest.find('/');
    if (slash != std::string::npos && rest[0] == 'v') {
        path.version = rest.substr(1, slash - 1);
        rest.erase(0, slash + 1);
    }
    path.command = rest;
    path.known = !rest.empty() && rest.find('/') == std::string::npos;
    return path;
}

Router::Router(app::Daemon& daemon)
    : daemon_(daemon),
      requests_(daemon.config().get_int("Api.RequestsPerSecond"),
                k_burst * daemon.config().get_int("Api.RequestsPerSecond")),
      started_ms_(mono_ms()) {}

void Router::start() {
    // Only names of this suite: on a busy host others come and go all the time.
    names_match_ = bus::match(
        daemon_.bus().raw(),
        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
        "member='NameOwnerChanged',arg0namespace='org.openmds'",
        [this](auto&& message) {
            std::string name, before, now;
            message >> name >> before >> now;
            saw(name, !now.empty());
        });
    core_match_ = bus::match(
        daemon_.bus().raw(),
        "type='signal',sender='org.openmds.Core1',interface='org.freedesktop.DBus.Properties',"
        "member='PropertiesChanged',path='/org/openmds/Core1'",
        [this](auto&&) { look_for_login_authorities(); });
    bus_ = sdbus::createProxy(daemon_.bus().raw(), bus::ServiceName{"org.freedesktop.DBus"},
                              sdbus::ObjectPath{"/org/freedesktop/DBus"});
    bus::finish(*bus_);
    bus_->callMethodAsync(bus::MemberName{"ListNames"})
        .onInterface(bus::InterfaceName{"org.freedesktop.DBus"})
        .uponReplyInvoke([this](bus::ReplyError failed, const std::vector<std::string>& names) {
            if (bus::error_ptr(failed)) return;
            for (const std::string& name : names) saw(name, true);
        });
    tags_[tag_of(k_core)] = k_core;
    daemon_.every(250, [this] { retry_waiting(); });
}

void Router::saw(const std::string& name, bool present) {
    if (name != k_core && name.rfind(k_domain_prefix, 0) != 0) return;
    tags_[tag_of(name)] = name;
    if (present) {
        present_.insert(name);
        if (name == k_core) look_for_login_authorities();
        retry_waiting();
    } else {
        present_.erase(name);
    }
}

sdbus::IProxy& Router::proxy(const std::string& owner) {
    auto& slot = proxies_[owner];
    if (!slot) {
        slot = sdbus::createProxy(daemon_.bus().raw(), bus::ServiceName{owner},
                                  sdbus::ObjectPath{path_of(owner)});
        bus::finish(*slot);
    }
    return *slot;
}

namespace {

/// The first version of the API has one error, HTTP 500 generic_error (management-api.md 2). A dead
/// session stays 401: clients log in again on that only.
http::Response as_first_version(http::Response response) {
    if (response.status < 400 || response.status == 401) return response;
    try {
        json::object body = json::parse_object(response.body);
        body["code"] = "generic_error";
        response.body = json::text(body);
        response.status = 500;
    } catch (const Error&) {
        return response;
    }
    return response;
}

}  // namespace

void Router::about(std::function<void(http::Response)> then) {
    if (about_ms_ && mono_ms() - *about_ms_ < k_about_ms) return then(about_now());
    about_waiting_.push_back(std::move(then));
    if (about_waiting_.size() > 1) return;  // asked already
    using Properties = std::map<std::string, sdbus::Variant>;
    proxy(k_core)
        .callMethodAsync(bus::MemberName{"GetAll"})
        .onInterface(bus::InterfaceName{"org.freedesktop.DBus.Properties"})
        .withArguments(std::string(k_core))
        .uponReplyInvoke([this](bus::ReplyError failed, const Properties& all) {
            bool away = bus::error_ptr(failed);
            if (!away) {
                for (const char* name : {"DeploymentId", "Role", "Name", "Deployment"}) {
                    auto it = all.find(name);
                    about_[name] = it == all.end() ? std::string() : it->second.get<std::string>();
                }
                about_ms_ = mono_ms();
            }
            for (const auto& waiting : std::exchange(about_waiting_, {}))
                waiting(away ? starting() : about_now());
        });
}

http::Response Router::about_now() {
    if (about_["DeploymentId"].empty()) {
        return error(503, "generic_server_initializing", "This server has not joined a deployment");
    }
    return {200, json::text(json::object{{"role", about_["Role"]},
                                         {"name", about_["Name"]},
                                         {"deployment", about_["Deployment"]},
                                         {"version", mds::version()},
                                         {"clock-ms", wall_ms()}})};
}

void Router::handle(http::Request request, std::function<void(http::Response)> then) {
    Path path = Path::parse(request.target);
    if (path.version == "1") {
        then = [answer = std::move(then)](http::Response response) {
            answer(as_first_version(std::move(response)));
        };
    }
    if (request.target == "/" && request.method == "GET") {
        return then({200,
                     "OpenMDS management server. The management API is at /web_api/.\n",
                     "text/plain; charset=utf-8"});
    }
    if (request.target == "/about" && request.method == "GET") return about(std::move(then));
    if (!path.known) return then(error(404, "generic_err_command_not_found", "Unknown path"));
    if (!path.version.empty() && !known_version(path.version)) {
        return then(error(400, "err_unknown_api_version", "Unknown API version: " + path.version));
    }
    if (request.method != "POST") {
        return then(error(405, "err_bad_url", "Commands are sent with POST"));
    }
    if (is_cross_site(request)) {
        return then(error(403, "err_forbidden", "A page of another site may not send commands"));
    }
    if (path.command == "login") {
        return send(k_core, {std::move(request), std::move(path), std::move(then), 0}, [] {});
    }
    if (request.sid.empty()) {
        return then(error(400, "generic_err_missing_required_header",
                          "Missing header: [X-chkp-sid]"));
    }
    std::string sid = request.sid;
    if (!requests_.allow(sid, mono_ms())) {
        return then(error(429, "err_too_many_requests", "Too many requests in a given amount of time"));
    }
    if (tags_.find(sid.substr(0, 8)) == tags_.end()) {
        // After a start of the host its owner may not have appeared yet: "wrong session" would make the
        // client begin another one, and what is in this one would be left behind.
        if (all_appeared_ || mono_ms() - started_ms_ > k_young_ms) return then(wrong_session());
        unknown_.push_back({std::move(request), std::move(path), std::move(then),
                            mono_ms() + 2 * k_wait_ms});
        look_for_owners();
        return;
    }
    Lane& lane = lanes_[sid];
    lane.jobs.push_back({std::move(request), std::move(path), std::move(then), 0});
    if (!lane.busy) next(sid);
}

void Router::next(const std::string& sid) {
    auto it = lanes_.find(sid);
    if (it == lanes_.end()) return;
    if (it->second.jobs.empty()) {
        lanes_.erase(it);
        return;
    }
    Job job = std::move(it->second.jobs.front());
    it->second.jobs.pop_front();
    it->second.busy = true;
    auto owner = tags_.find(sid.substr(0, 8));
    send(owner->second, std::move(job), [this, sid] {
        auto lane = lanes_.find(sid);
        if (lane != lanes_.end()) lane->second.busy = false;
        next(sid);
    });
}

void Router::send(const std::string& owner, Job job, std::function<void()> done) {
    if (!present_.count(owner)) {
        // The owner is restarting, or the host is: a dead session would answer 401, so wait.
        if (job.deadline == 0) job.deadline = mono_ms() + k_wait_ms;
        auto then = std::move(job.then);
        job.then = [then, done](http::Response response) {
            then(std::move(response));
            done();
        };
        waiting_.emplace_back(owner, std::move(job));
        return;
    }
    std::map<std::string, std::string> client{
        {"remote-address", job.request.remote_address},
        {"local-address", job.request.local_address},
        {"port", std::to_string(job.request.local_port)},
        {"user-agent", job.request.user_agent},
        {"url-version", job.path.version.empty() ? "" : "v" + job.path.version}};
    if (job.path.command == "login" && !job.request.client_certificate.empty()) {
        client["client-certificate"] = base64(job.request.client_certificate);
    }
    auto then = job.then;
    try {
        bus::Blob body = bus::pack_body(job.request.body);
        proxy(owner)
            .callMethodAsync(bus::MemberName{"Execute"})
            .onInterface(bus::InterfaceName{"org.openmds.Internal.Command1"})
            .withArguments(job.request.sid, job.path.command, job.path.version, body.bytes, body.fds,
                           client)
            .uponReplyInvoke([then, done](bus::ReplyError failed, const uint16_t& status,
                                          const std::vector<uint8_t>& reply,
                                          const std::vector<sdbus::UnixFd>& fds) {
                if (const sdbus::Error* e = bus::error_ptr(failed)) {
                    log::warning("a request was not answered: " + e->getName());
                    then(error(500, "generic_server_error", "The server did not answer: " +
                                                                e->getMessage()));
                } else {
                    try {
                        then({status, bus::unpack(reply, fds)});
                    } catch (const Error& e2) {
                        then(error(500, "generic_internal_error", e2.message()));
                    }
                }
                done();
            });
    } catch (const sdbus::Error& e) {
        then(error(400, "generic_err_invalid_syntax", "Payload is not valid"));
        log::debug(e.getMessage());
        done();
    } catch (const Error& e) {
        // No descriptor is left for a memory file.
        log::warning("a request was not passed on: " + e.message());
        then(error(500, "generic_internal_error", "The server is too busy; try again in a few seconds"));
        done();
    }
}

void Router::look_for_owners() {
    if (!present_.count(k_core)) return;
    bus::get_property<uint32_t>(proxy(k_core), "org.openmds.Core1", "DomainServers",
                                [this](const uint32_t* expected) {
                                    // mds-core is present too.
                                    if (!expected || present_.size() <= *expected) return;
                                    all_appeared_ = true;
                                    retry_waiting();
                                });
}

void Router::look_for_login_authorities() {
    bus::get_property<std::string>(proxy(k_core), "org.openmds.Core1", "LoginAuthorities",
                                   [this](const std::string* pem) {
                                       if (!pem || *pem == login_authorities_) return;
                                       login_authorities_ = *pem;
                                       if (on_login_authorities) on_login_authorities(*pem);
                                   });
}

void Router::retry_waiting() {
    if (!unknown_.empty() && !all_appeared_) look_for_owners();
    int64_t now = mono_ms();
    std::deque<Job> unknown;
    unknown.swap(unknown_);
    for (Job& job : unknown) {
        const std::string sid = job.request.sid;
        if (tags_.count(sid.substr(0, 8))) {
            job.deadline = 0;
            Lane& lane = lanes_[sid];
            lane.jobs.push_back(std::move(job));
            if (!lane.busy) next(sid);
        } else if (all_appeared_) {
            job.then(wrong_session());
        } else if (now > job.deadline) {
            job.then(starting());
        } else {
            unknown_.push_back(std::move(job));
        }
    }
    std::deque<std::pair<std::string, Job>> again;
    again.swap(waiting_);
    for (auto& [owner, job] : again) {
        if (present_.count(owner)) {
            send(owner, std::move(job), [] {});
        } else if (now > job.deadline) {
            job.then(starting());
        } else {
            waiting_.emplace_back(owner, std::move(job));
        }
    }
}

}  // namespace mds::api
