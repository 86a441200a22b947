#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace mds::crypto {

/// SPAKE2 of RFC 9382, suite P256-SHA256-HKDF-HMAC: two parties that share a key of few bits make a
/// key of many, and whoever does not know it can test one guess per run, not offline.
///
/// One object is one side of one run: share(), receive(), then confirmation() and confirm(). The
/// first to check must be the responder (K-2), the protocol above sees to that.
class Spake2 {
  public:
    /// `a` is the initiator, `b` the responder. They never swap with one key (K-4).
    enum class Side { a, b };

    /// `w` is the shared secret as 32 big-endian bytes below the group order (see scalar()).
    /// `fixed_secret` is for published test vectors only; empty = random.
    Spake2(Side side, std::string_view identity_a, std::string_view identity_b,
           std::string_view w, std::string_view fixed_secret = {});
    ~Spake2();
    Spake2(const Spake2&) = delete;
    Spake2& operator=(const Spake2&) = delete;

    /// This side's share: an uncompressed point, 65 bytes.
    const std::string& share() const;
    /// Takes the peer's share and fixes the transcript; `aad` is bound into the confirmations.
    /// Throws mds::Error(invalid_parameter) for a share of wrong length, not on the curve, at
    /// infinity, equal to ours (reflection), or one that makes the shared point infinity.
    void receive(std::string_view peer_share, std::string_view aad);
    /// This side's confirmation, 32 bytes.
    const std::string& confirmation() const;
    /// Whether `peer_confirmation` is right: the peer knows w and saw the same run. Constant time.
    bool confirm(std::string_view peer_confirmation) const;
    /// The 16 bytes that both sides know after confirm() was true on both.
    const std::string& key() const;
    /// The shared point, for published test vectors only.
    const std::string& shared_point() const;

    /// 40 bytes of a slow hash reduced modulo the group order: 32 bytes for `w` (RFC 9382, 3.2).
    static std::string scalar(std::string_view wide);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace mds::crypto
