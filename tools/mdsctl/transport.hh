#pragma once
#include <memory>
#include <string>

#include "json/json.hh"

namespace mds::ctl {

/// A way to an mds-core: of this host over the bus, or of another one over its management API.
class Transport {
  public:
    virtual ~Transport() = default;
    /// Runs a command; `domain` empty = System Data. Throws mds::Error with what the reply tells when it is a
    /// refusal.
    virtual json::object run(const std::string& domain, const std::string& command, const json::object& body) = 0;
    /// The whole deployment.
    virtual json::object grid() = 0;
    /// A descriptor that becomes readable when something changes; -1: nobody tells, ask from time to time.
    virtual int watch() { return -1; }
    virtual void watched() {}
    /// What only the host itself can do; another one throws.
    virtual void set_key(const std::string& key, uint32_t valid_seconds) = 0;
    virtual std::string sic_property(const std::string& name) = 0;
    /// Empty: this host.
    virtual std::string host() const { return ""; }
};

/// `reason`: goes into the audit record of every act.
std::unique_ptr<Transport> local_transport(std::string reason, int patience_ms);

/// How to log in elsewhere: with the password of `user`, which the terminal is asked for when the environment has
/// none, or with an API key.
struct Remote {
    /// HOST or HOST:PORT.
    std::string host;
    std::string user, api_key_file;
    /// The only certificate that is accepted; empty: the one seen before, or what a person accepts.
    std::string fingerprint;
};
std::unique_ptr<Transport> remote_transport(Remote remote, std::string reason, int patience_ms);

}  // namespace mds::ctl
