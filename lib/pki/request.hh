#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "pki/key.hh"

struct X509_req_st;

namespace mds::pki {

/// A certificate request (PKCS#10): a public key, proof that its maker has the private one, and the
/// name and uuid of the server that asks. Nothing else in a request is looked at: what goes into a
/// certificate is the template's matter.
class Request {
  public:
    /// `name` is the server's name, `uuid` its id; signed with `key`.
    static Request make(const Key& key, std::string_view name, std::string_view uuid);
    /// Throws mds::Error(invalid_parameter) for another text, a wrong signature, or a key that is
    /// not P-256.
    static Request from_pem(std::string_view pem);

    std::string pem() const;
    std::string name() const;
    std::string uuid() const;
    /// DER SubjectPublicKeyInfo.
    std::string public_der() const;

    X509_req_st* get() const { return request_.get(); }

  private:
    explicit Request(X509_req_st* owned);
    std::shared_ptr<X509_req_st> request_;
};

}  // namespace mds::pki
