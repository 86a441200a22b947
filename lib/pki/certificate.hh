#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pki/uri.hh"

struct x509_st;

namespace mds::pki {

/// An X.509 certificate that was read or issued; nothing about it has been verified (verify.hh).
/// Immutable; copies share it.
class Certificate {
  public:
    /// Throw mds::Error(invalid_parameter) when the text is something else.
    static Certificate from_pem(std::string_view pem);
    static Certificate from_der(std::string_view der);
    /// Every certificate in the text, in order; may be empty.
    static std::vector<Certificate> list_from_pem(std::string_view pem);
    /// Shares a certificate that OpenSSL owns, for example the peer's of a TLS connection.
    static Certificate share(x509_st* certificate);

    std::string pem() const;
    std::string der() const;
    /// "O=…,OU=…,CN=…" in the order of the certificate.
    std::string subject() const;
    std::string issuer() const;
    /// Lower-case hexadecimal.
    std::string serial() const;
    /// Milliseconds since 1970.
    int64_t not_before() const;
    int64_t not_after() const;
    /// SHA-256 of the DER form: 32 raw bytes.
    std::string fingerprint() const;
    /// DER SubjectPublicKeyInfo, comparable with Key::public_der().
    std::string public_der() const;
    /// The one URI name. Throws mds::Error(forbidden) for none, several or a malformed one (K-9).
    Uri uri() const;
    bool is_authority() const;
    /// Whether it is signed by this authority; neither dates nor constraints are looked at.
    bool is_from(const Certificate& authority) const;

    x509_st* get() const { return certificate_.get(); }

  private:
    explicit Certificate(x509_st* owned);
    std::shared_ptr<x509_st> certificate_;
    friend class Issuer;
};

}  // namespace mds::pki
