#pragma once
#include <string>
#include <string_view>

#include "pki/certificate.hh"
#include "pki/key.hh"

namespace mds::pki {

/// ECDSA signature (DER) of `data` with SHA-256.
std::string sign(const Key& key, std::string_view data);
/// Whether `signature` is one of `data` by the key of this certificate, which is not verified itself.
bool signed_by(const Certificate& certificate, std::string_view data, std::string_view signature);

}  // namespace mds::pki
