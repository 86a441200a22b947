#pragma once
#include <memory>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace mds::crypto {

/// SHA-256 of `data`: 32 raw bytes.
std::string sha256(std::string_view data);

/// SHA-256 over pieces. finish() starts anew, so one object serves many digests without
/// allocating. Not for use by two threads at a time.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    Sha256& update(std::string_view piece);
    /// 32 raw bytes of everything since construction or the last finish().
    std::string finish();

  private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

/// HMAC with SHA-256 (RFC 2104): 32 raw bytes.
std::string hmac_sha256(std::string_view key, std::string_view data);

/// HKDF with SHA-256 (RFC 5869), extract and expand: `length` bytes, at most 8160.
std::string hkdf_sha256(std::string_view key, std::string_view salt, std::string_view info,
                        size_t length);

/// Cost of scrypt (RFC 7914): memory is about 128 * n * r bytes, `n` a power of two.
struct ScryptCost {
    uint64_t n = 1 << 15;
    uint64_t r = 8;
    uint64_t p = 1;
};

/// scrypt: `length` bytes that are slow to guess `password` from. About 0.15 s and 33 MiB at the
/// standard cost; call it on a worker thread.
std::string scrypt(std::string_view password, std::string_view salt, size_t length,
                   ScryptCost cost = {});

}  // namespace mds::crypto
