#pragma once
#include <array>
#include <memory>
#include <string>
#include <utility>

#include "enrol/credentials.hh"
#include "wire/tls.hh"

namespace mds::sync {

/// This server's trust credentials as connections use them. The folder itself, and how it changes
/// in one step, is enrol::Credentials: mds-sic writes it through the same class at enrolment.
class TrustFolder {
  public:
    /// /var/lib/mds/trust; MDS_TRUST overrides it (tests).
    TrustFolder();

    /// The credentials ready for use; null when there are none yet. Throws mds::Error(not_set_up)
    /// when there are some and they are of no use.
    std::shared_ptr<wire::Tls> load();
    /// deployment.json as it stands; empty when there is none.
    std::string deployment() const;
    /// Makes the keys that install() waits for; answers the certificate requests of the identity
    /// and of the sealing key, PEM, subject CN = `name`, with serialNumber = `uid`.
    std::pair<std::string, std::string> prepare(const std::string& name, const std::string& uid);
    /// Installs everything or nothing, also across a power cut. Throws mds::Error when the parts do
    /// not fit each other (validation_failed) or no keys wait (ha_invalid).
    void install(const enrol::Issued& issued);
    /// See enrol::Credentials.
    bool install_revocations(const std::string& crl_pem);
    /// Servers CA, root and revocation lists in use, PEM; empty when there are no credentials.
    std::array<std::string, 3> authorities() const;
    /// Sync1.Certificate of the credentials in use.
    std::string certificate() const;

  private:
    std::string folder_;
    enrol::Credentials credentials_;
};

}  // namespace mds::sync
