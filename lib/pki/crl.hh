#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pki/certificate.hh"
#include "pki/issue.hh"

struct X509_crl_st;

namespace mds::pki {

constexpr int64_t k_crl_valid_ms = 7 * int64_t{86'400'000};
/// No list that is served is larger, bytes of DER (K-16): larger ones break VPN negotiation.
constexpr size_t k_max_crl_bytes = 10'000;

struct Revoked {
    /// Hexadecimal.
    std::string serial;
    /// Milliseconds since 1970.
    int64_t at = 0;
    /// "unspecified", "key-compromise", "affiliation-changed", "superseded",
    /// "cessation-of-operation".
    std::string reason = "unspecified";
};

/// A certificate revocation list. Immutable; copies share it.
class Crl {
  public:
    /// Valid 7 days from `now` (milliseconds since 1970). `number` = epoch x 2^32 + counter, so that a
    /// promoted issuer is always ahead (K-16). Throws mds::Error(invalid_parameter) for an unknown
    /// reason or serial. With a `name` the list is about the certificates only whose CrlPoint has that
    /// name; without, about all of the issuer.
    static Crl make(const Issuer& issuer, uint64_t number, const std::vector<Revoked>& revoked,
                    int64_t now, const std::string& name = "");
    static Crl from_der(std::string_view der);
    static Crl from_pem(std::string_view pem);
    static std::vector<Crl> list_from_pem(std::string_view pem);

    std::string pem() const;
    std::string der() const;
    uint64_t number() const;
    /// "O=…,OU=…,CN=…" of the authority, as it says; nothing is verified.
    std::string issuer() const;
    int64_t this_update() const;
    int64_t next_update() const;
    /// How many certificates the list names.
    size_t entries() const;
    /// Whether the list is signed by this authority.
    bool is_from(const Certificate& authority) const;
    /// Whether the list names this certificate; ask is_from() first.
    bool revokes(const Certificate& certificate) const;

    X509_crl_st* get() const { return crl_.get(); }

  private:
    explicit Crl(X509_crl_st* owned);
    std::shared_ptr<X509_crl_st> crl_;
};

}  // namespace mds::pki
