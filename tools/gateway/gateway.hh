#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "json/json.hh"

namespace mds::gateway {

/// Where this gateway keeps its files: activation.json, uuid, trust/ (enrol::Credentials), name,
/// managers.json (["address", ...]) and policy.json, the last policy it has fetched.
struct State {
    std::string folder = "/var/lib/mds-gateway";
    std::string file(const std::string& name) const { return folder + "/" + name; }
    std::string trust() const { return file("trust"); }
    std::string name() const;
    std::vector<std::string> managers() const;
    void keep_managers(const std::vector<std::string>& addresses) const;
    /// Empty when none was fetched.
    json::object policy() const;
};

/// Waits on the SIC port until a management server of the Domain has proved that it knows the key, and keeps the
/// certificate that it gives. Throws mds::Error when no try or no time is left.
void wait_for_trust(const State& state, const std::string& name, const std::string& key, uint16_t port,
                    int64_t wait_ms);

/// What a management server answered.
struct Answer {
    /// Which one, by its certificate.
    std::string server_name;
    json::object body;
};
/// Asks one management server over mutual TLS; it must be a server of the deployment. Throws mds::Error: not
/// reachable, not trusted, or what it refused with.
Answer ask(const State& state, const std::string& address, uint16_t port, const json::object& request);

/// Whether three quarters of the certificate's time are over (K-13).
bool renewal_is_due(const State& state);
/// A new key and certificate, from the first of the management servers that is Active. Throws mds::Error.
void renew(const State& state, const std::vector<std::string>& servers, uint16_t port);

}  // namespace mds::gateway
