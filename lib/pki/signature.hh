#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "pki/certificate.hh"
#include "pki/key.hh"

namespace mds::pki {

/// ECDSA signature (DER) of `data` with SHA-256.
std::string sign(const Key& key, std::string_view data);
/// Whether `signature` is one of `data` by the key of this certificate, which is not verified itself.
bool signed_by(const Certificate& certificate, std::string_view data, std::string_view signature);

/// The key that signs checkpoints of the audit trail (K-11): Ed25519 (RFC 8032).
class CheckpointKey {
  public:
    static CheckpointKey generate();
    /// From PKCS#8 PEM; throws mds::Error(invalid_parameter).
    static CheckpointKey from_pem(std::string_view pem);
    /// PKCS#8 PEM without a password: wipe it after use (crypto::WipeAtEnd).
    std::string pem() const;
    /// The public key, 32 bytes.
    std::string public_bytes() const;
    /// 64 bytes.
    std::string sign(std::string_view data) const;

  private:
    explicit CheckpointKey(evp_pkey_st* owned);
    std::shared_ptr<evp_pkey_st> key_;
};

/// Whether `signature` is one of `data` by the Ed25519 key with these 32 bytes.
bool checkpoint_signed_by(std::string_view public_bytes, std::string_view data, std::string_view signature);

}  // namespace mds::pki
