#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "app/daemon.hh"
#include "base/rate.hh"
#include "http/server.hh"

namespace mds::api {

/// "/web_api/v1.9/show-hosts" -> version "1.9", command "show-hosts".
struct Path {
    bool known = false;
    std::string version, command;
    static Path parse(const std::string& target);
};
/// Whether clients may name this version in a URL (management-api.md 2).
bool known_version(const std::string& version);

/// Finds the owner of a request's session by the first characters of its id, and passes the request
/// on over the bus. Requests of one session are passed on one after the other, in order of arrival;
/// sessions do not wait for each other.
class Router {
  public:
    explicit Router(app::Daemon& daemon);
    void start();
    /// Told whose certificates log administrators in (PEM of the authorities), when that changes; empty = none.
    std::function<void(const std::string&)> on_login_authorities;
    void handle(http::Request request, std::function<void(http::Response)> then);

  private:
    /// GET /about: what another server wants to know before it joins, told to everybody.
    void about(std::function<void(http::Response)> then);
    http::Response about_now();
    struct Job {
        http::Request request;
        Path path;
        std::function<void(http::Response)> then;
        int64_t deadline = 0;
    };
    void saw(const std::string& name, bool present);
    void next(const std::string& sid);
    void send(const std::string& owner, Job job, std::function<void()> done);
    void retry_waiting();
    /// Asks mds-core whether every Domain Server of this host was seen.
    void look_for_owners();
    sdbus::IProxy& proxy(const std::string& owner);
    /// Asks mds-core for whose certificates clients are asked.
    void look_for_login_authorities();

    app::Daemon& daemon_;
    std::unique_ptr<sdbus::IProxy> bus_;
    sdbus::Slot names_match_, core_match_;
    std::string login_authorities_;
    std::map<std::string, std::unique_ptr<sdbus::IProxy>> proxies_;
    /// Tag -> bus name, of every owner seen since the start; and those there now.
    std::map<std::string, std::string> tags_;
    std::set<std::string> present_;
    struct Lane {
        std::deque<Job> jobs;
        bool busy = false;
    };
    std::map<std::string, Lane> lanes_;
    /// Properties of mds-core for about(), since when they are known, and who waits for them.
    std::map<std::string, std::string> about_;
    std::optional<int64_t> about_ms_;
    std::vector<std::function<void(http::Response)>> about_waiting_;
    /// Requests of each session.
    Rate requests_;
    /// Requests whose owner is restarting.
    std::deque<std::pair<std::string, Job>> waiting_;
    /// Requests of sessions whose owner was not seen since the start, while that is young.
    std::deque<Job> unknown_;
    int64_t started_ms_ = 0;
    /// Every Domain Server of this host was seen since the start: who owns no session now never will.
    bool all_appeared_ = false;
};

}  // namespace mds::api
