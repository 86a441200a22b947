#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "pki/certificate.hh"
#include "pki/key.hh"

namespace mds::pki {

/// Key and certificate of a person as one file (PKCS#12, RFC 7292, DER), as browsers and other clients take
/// them: sealed with AES-256 and SHA-256 by a key that PBKDF2 makes of `password` (UTF-8). `chain` are the
/// authorities above, `name` is what the client shows.
std::string pkcs12(const Key& key, const Certificate& certificate, const std::vector<Certificate>& chain,
                   const std::string& password, const std::string& name);

}  // namespace mds::pki
