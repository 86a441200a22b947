// Another server, over its management API: an administrator's session for each database that is asked.
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "base/environment.hh"
#include "base/error.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "client/api.hh"
#include "client/known_servers.hh"
#include "client/terminal.hh"
#include "transport.hh"

namespace mds::ctl {
namespace {

/// HOST, HOST:PORT, [ADDRESS]:PORT, or an IPv6 address alone.
std::pair<std::string, std::string> host_and_port(const std::string& text) {
    size_t colon = text.rfind(':');
    if (text.compare(0, 1, "[") == 0) {
        size_t end = text.find(']');
        bool port = end != std::string::npos && colon == end + 1;
        return {text.substr(1, end - 1), port ? text.substr(colon + 1) : "443"};
    }
    if (colon == std::string::npos || text.find(':') != colon) return {text, "443"};
    return {text.substr(0, colon), text.substr(colon + 1)};
}

bool looks(const std::string& command) {
    return command.rfind("show-", 0) == 0 || command == "where-used" || command == "verify-audit";
}

class RemoteTransport : public Transport {
  public:
    RemoteTransport(Remote remote, std::string reason, int patience_ms)
        : remote_(std::move(remote)),
          reason_(std::move(reason)),
          host_(host_and_port(remote_.host).first),
          api_(host_, host_and_port(remote_.host).second, patience_ms / 1000,
               [this](const std::string& print) { return accepted(print); }) {
        api_.https().call_itself("mdsctl");
    }
    ~RemoteTransport() override {
        for (const auto& [domain, sid] : sids_) {
            // Who has not answered once is not waited for again: the sessions end by themselves.
            if (api_.https().silent()) break;
            try {
                api_.call(sid, "logout", {});
            } catch (const std::exception&) {
                // This one ends by itself, too.
            }
        }
    }
    RemoteTransport(const RemoteTransport&) = delete;
    RemoteTransport& operator=(const RemoteTransport&) = delete;

    json::object run(const std::string& domain, const std::string& command, const json::object& body) override;
    json::object grid() override { return run("", "show-deployment", {}); }
    void set_key(const std::string&, uint32_t) override { refuse("trust set-key"); }
    std::string sic_property(const std::string&) override { refuse("trust state"); }
    std::string host() const override { return host_; }

  private:
    [[noreturn]] void refuse(const std::string& words) const {
        throw Error(Code::invalid_parameter,
                    "this is done on the server itself, not over the management API of " + host_)
            .refusal("", "on " + host_ + ": mdsctl " + words);
    }
    bool accepted(const std::string& print) const;
    std::string sid(const std::string& domain);
    std::string log_in();
    void publish(const std::string& sid);

    Remote remote_;
    std::string reason_, host_;
    client::Api api_;
    /// By Domain; System Data has the empty name.
    std::map<std::string, std::string> sids_;
};

bool RemoteTransport::accepted(const std::string& print) const {
    if (remote_.fingerprint.empty()) {
        return client::accept_server(host_, print, false, "--fingerprint " + print);
    }
    if (client::plain_fingerprint(remote_.fingerprint) != print) {
        throw Error(Code::unreachable,
                    "the fingerprint of " + host_ + " is " + print + ", not the one that was given");
    }
    return client::accept_server(host_, print, true, "");
}

std::string RemoteTransport::log_in() {
    json::object body{{"session-name", reason_.empty() ? "mdsctl" : reason_}};
    std::string key =
        remote_.api_key_file.empty() ? environment("MGMT_CLI_API_KEY", "") : trim(read_file(remote_.api_key_file));
    std::string user = remote_.user.empty() ? environment("MGMT_CLI_USER", "") : remote_.user;
    if (!key.empty() && remote_.user.empty()) {
        body["api-key"] = key;
    } else if (user.empty()) {
        throw Error(Code::missing_parameters, "who logs in to " + host_ + "? Give a user, or an API key in a file")
            .refusal("", "mdsctl -H " + shell_word(remote_.host) + " --user NAME status");
    } else {
        std::string password = environment("MGMT_CLI_PASSWORD", "");
        if (password.empty()) {
            password = client::ask_hidden(("Password of " + user + " on " + host_).c_str(),
                                          "no terminal to ask for the password of " + user +
                                              "; give an API key in a file (--api-key-file), or MGMT_CLI_PASSWORD");
        }
        body["user"] = user;
        body["password"] = password;
    }
    return json::get_string(api_.call("", "login", body), "sid");
}

std::string RemoteTransport::sid(const std::string& domain) {
    auto known = sids_.find(domain);
    if (known != sids_.end()) return known->second;
    if (domain.empty()) return sids_[""] = log_in();
    return sids_[domain] = json::get_string(api_.call(sid(""), "login-to-domain", {{"domain", domain}}), "sid");
}

/// What was changed in the session, as mds-core does it for a command over the bus; all or nothing.
void RemoteTransport::publish(const std::string& sid) {
    if (json::get_int(api_.call(sid, "show-session", {}), "changes") == 0) return;
    try {
        for (const std::string& task : client::Api::tasks_of(api_.call(sid, "publish", {}))) {
            json::object state = api_.ended(sid, task);
            for (const json::value& v : json::get_array(state, "tasks")) {
                const json::object& t = v.as_object();
                if (json::get_string(t, "status") == "failed") {
                    throw Error(Code::publish_failed, json::get_string(t, "comments", "it could not be published"));
                }
            }
        }
    } catch (const Error&) {
        int status = 0;
        if (!api_.https().silent()) api_.call(sid, "discard", {}, status);
        throw;
    }
}

json::object RemoteTransport::run(const std::string& domain, const std::string& command, const json::object& body) {
    std::string session = sid(domain);
    int status = 0;
    json::object request = body;
    // The one command that has a parameter for it; for the others the session's name tells it.
    if (command == "promote-mds" && !reason_.empty()) request["reason"] = reason_;
    json::object answer = api_.call(session, command, request, status);
    if (status != 200) {
        Error error = client::error_of(answer);
        if (error.code() == Code::command_not_found) {
            throw Error(
                Code::invalid_parameter,
                "this is done on the server itself, not over the management API of " + host_ + " (" + command + ")")
                .refusal("", "log in on " + host_ + " and run the same command without -H");
        }
        throw error;
    }
    const json::value* plan = json::find(body, "plan");
    if (!looks(command) && !(plan && plan->is_bool() && plan->as_bool())) publish(session);
    return answer;
}

}  // namespace

std::unique_ptr<Transport> remote_transport(Remote remote, std::string reason, int patience_ms) {
    return std::make_unique<RemoteTransport>(std::move(remote), std::move(reason), patience_ms);
}

}  // namespace mds::ctl
