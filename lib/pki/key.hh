#pragma once
#include <memory>
#include <string>
#include <string_view>

struct evp_pkey_st;

namespace mds::pki {

enum class Curve { p256, p384 };

/// A private key on an elliptic curve (K-11). Copies share it; the last one wipes it.
class Key {
  public:
    static Key generate(Curve curve = Curve::p256);
    /// From PKCS#8 PEM without a password. Throws mds::Error(invalid_parameter).
    static Key from_pem(std::string_view pem);
    /// PKCS#8 PEM without a password: wipe it after use (crypto::WipeAtEnd).
    std::string pem() const;
    /// DER SubjectPublicKeyInfo: equal for two keys exactly when the keys are equal.
    std::string public_der() const;
    Curve curve() const;

    evp_pkey_st* get() const { return key_.get(); }

  private:
    explicit Key(evp_pkey_st* owned);
    std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace mds::pki
