#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "enrol/credentials.hh"
#include "enrol/hello.hh"
#include "enrol/key.hh"

namespace mds::enrol {

/// What the initiator has to know: who it is and whom it wants (section 1.2).
struct InitiatorParams {
    std::string address;
    uint16_t port = 18211;
    /// This server; `deployment` is the deployment that the other one joins.
    Hello self;
    /// Empty = whatever the machine is called.
    std::string expected_name;
    /// "secondary", "log-server" or "gateway".
    std::string expected_role;
    /// The activation key as typed. The caller wipes its copy.
    std::string key;
    /// For the whole exchange, the issuing of certificates excepted.
    int64_t timeout_ms = 30'000;
    /// Has certificates issued for the two verified requests. Called only after both ends have
    /// proved that they know the key; on the thread of connect().
    std::function<Issued(const Requests&, const Hello& theirs)> issue;
    /// How the key and a salt become the scalar: key_scalar(), but where a million conversations are
    /// held with one key.
    std::function<std::string(std::string_view key, std::string_view salt)> scalar = key_scalar;
};

class Line;

struct InitiatorResult {
    Hello peer;
    /// PEM of what was issued.
    std::string identity_cert_pem, sealing_cert_pem;
    /// Hexadecimal.
    std::string identity_serial, sealing_serial, fingerprint;
};

/// Enrols the machine at `address`. Blocks: call it on a worker thread. When it returns, the other
/// end has stored its certificates; the caller then connects by mutual TLS, and revokes the
/// certificates when that does not work (section 1.2, step 8).
/// Throws mds::Error: ha_invalid with RF-02, RF-07 or RF-12, or for clock, name and deployment;
/// login_failed for a wrong key, with the tries left; unreachable; timed_out.
InitiatorResult connect(const InitiatorParams& params);
/// The same on a line that is there.
InitiatorResult connect(Line& line, const InitiatorParams& params);

}  // namespace mds::enrol
