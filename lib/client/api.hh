#pragma once
#include <string>
#include <vector>

#include "base/error.hh"
#include "client/https.hh"
#include "json/json.hh"

namespace mds::client {

/// The error that a reply of the management API tells: code word, message, lists, refusal.
Error error_of(const json::object& reply);

/// The management API of a server, command by command.
class Api {
  public:
    Api(std::string host, std::string port, int timeout_s, std::function<bool(const std::string&)> accept)
        : https_(std::move(host), std::move(port), timeout_s, std::move(accept)) {}

    Https& https() { return https_; }
    /// "web_api"; other products have others.
    std::string context = "web_api";
    /// Of the API; empty = the newest.
    std::string version;

    /// The reply and its HTTP status. Throws mds::Error(unreachable) without one that is JSON.
    json::object call(const std::string& sid, const std::string& command, const json::object& body, int& status);
    /// The reply; throws what it tells when it is not 200.
    json::object call(const std::string& sid, const std::string& command, const json::object& body);
    /// The tasks that a reply names.
    static std::vector<std::string> tasks_of(const json::object& reply);
    /// Waits for the end of a task; the last answer of show-task.
    json::object ended(const std::string& sid, const std::string& task);

  private:
    Https https_;
};

}  // namespace mds::client
