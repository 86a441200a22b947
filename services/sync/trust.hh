#pragma once
#include <memory>
#include <string>
#include <utility>

#include "wire/tls.hh"

namespace mds::sync {

/// The folder with this server's trust credentials: identity.key, identity.pem, sealing.key,
/// sealing.pem, chain.pem (Servers CA), root.pem, crl.pem, deployment.json. Written here (Primary)
/// or by mds-sic (enrolment and renewal); a change takes effect with the next load().
class TrustFolder {
  public:
    /// /var/lib/mds/trust; MDS_TRUST overrides it (tests).
    TrustFolder();

    /// The credentials ready for use; null when there are none yet. Throws mds::Error(not_set_up)
    /// when there are some and they are of no use. Finishes an installation that was interrupted.
    std::shared_ptr<wire::Tls> load();
    /// deployment.json as it stands; empty when there is none.
    std::string deployment() const;
    /// Makes the keys that install() waits for; answers the certificate requests of the identity
    /// and of the sealing key, PEM, subject CN = `name`, with serialNumber = `uid`.
    std::pair<std::string, std::string> prepare(const std::string& name, const std::string& uid);

    /// What install() adds to the waiting keys.
    struct Files {
        std::string identity, sealing, chain, root, crl, deployment;
    };
    /// Installs everything or nothing, also across a power cut. Throws mds::Error when the parts do
    /// not fit each other (validation_failed) or no keys wait (ha_invalid).
    void install(const Files& files);

  private:
    void finish_install();
    std::string folder_;
};

}  // namespace mds::sync
