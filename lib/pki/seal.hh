#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "pki/certificate.hh"
#include "pki/key.hh"

namespace mds::pki {

/// `secret` as CMS AuthEnvelopedData in DER: AES-256-GCM, the content key wrapped for each recipient
/// with ECDH and the SHA-256 KDF (K-21). Recipients are sealing certificates (P-256). `openssl cms
/// -decrypt -inform DER -recip CERT -inkey KEY` opens it in an emergency.
std::string seal(std::string_view secret, const std::vector<Certificate>& recipients);

/// What was sealed. Throws mds::Error(forbidden) when `recipient` is not among the recipients and
/// mds::Error(internal) when the blob is damaged; nothing of the content is given out then.
std::string open_sealed(std::string_view blob, const Certificate& recipient, const Key& key);

}  // namespace mds::pki
