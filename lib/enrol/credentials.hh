#pragma once
#include <string>

#include "json/json.hh"

namespace mds::enrol {

/// What an authority returns for two certificate requests, all PEM but the last three.
struct Issued {
    std::string identity_cert_pem, sealing_cert_pem;
    /// The Servers CA.
    std::string chain_pem;
    std::string root_pem;
    std::string crl_pem;
    std::string deployment_id, deployment_name;
    /// "servers"; of a gateway the uid of its Domain: it gets no sealing certificate, and its chain begins with
    /// the authority of the Domain.
    std::string scope = "servers";
    bool of_gateway() const { return scope != "servers"; }
    /// JSON array of the members; kept as it is.
    std::string members_json = "[]";
};

/// Two certificate requests of a server, PEM.
struct Requests {
    std::string identity, sealing;
};

/// The folder of a server's credentials: identity.key, identity.pem, sealing.key, sealing.pem,
/// chain.pem, root.pem, crl.pem, deployment.json {"id","name","uuid","server-name","members"}. They
/// change together: the names are links into the folder `current`, itself a link that is replaced
/// in one step. Private keys never leave the folder. One writer.
class Credentials {
  public:
    explicit Credentials(std::string folder);

    /// Makes two new keys in the folder `enrol-pending` and their requests. Nothing in use changes.
    Requests prepare(const std::string& name, const std::string& uuid);
    /// Whether keys of a prepare() wait for install().
    bool waiting() const;
    /// Checks that the certificates are for the keys of the last prepare(), for this uuid and of one
    /// chain to the root, then puts keys and certificates in use in one step. Throws
    /// mds::Error(forbidden) when they do not fit; nothing has changed then.
    void install(const Issued& issued);
    /// Puts newer revocation lists (PEM) in use. Each must be signed by the Servers CA or the root in use, or by an
    /// authority of a Domain that comes with it and has its certificate from that root,
    /// and none may be older than the one it replaces (a list that was taken back would trust again what
    /// was revoked): mds::Error(forbidden), and nothing has changed. False: these are in use already.
    bool install_revocations(const std::string& crl_pem);
    /// Takes the credentials out of use and deletes them (RS): the keys of a certificate that is to be
    /// replaced are worth nothing any more.
    void forget();
    /// Whether there are credentials in use.
    bool present() const;
    /// deployment.json; empty when there is none.
    json::object deployment() const;
    /// SHA-256 of the identity certificate in hexadecimal; empty when there is none.
    std::string fingerprint() const;

  private:
    std::string folder_;
};

}  // namespace mds::enrol
