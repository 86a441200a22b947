#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace mds::store {

/// 32 bytes of hash or digest.
using Hash = std::array<uint8_t, 32>;

std::string_view raw(const Hash& hash);
/// From exactly 32 bytes; throws mds::Error(internal) for another length.
Hash hash_from(std::string_view bytes);
std::string text(const Hash& hash);

/// SHA-256 with a context that is fetched once and reused; parts are length-prefixed, so that
/// ("ab", "c") and ("a", "bc") differ.
class Hasher {
  public:
    Hasher();
    ~Hasher();
    Hasher(const Hasher&) = delete;
    Hasher& operator=(const Hasher&) = delete;
    Hasher& begin();
    Hasher& part(std::string_view bytes);
    Hasher& number(uint64_t value);
    Hash end();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

Hash sha256(std::string_view bytes);

/// The content digest: a sum of row hashes as four 64-bit lanes with wrap-around. It does not
/// depend on order, and one row costs the same however large the database is (replication.md 6).
struct Digest {
    std::array<uint64_t, 4> lanes{};
    void add(const Hash& row);
    void subtract(const Hash& row);
    Hash value() const;
    static Digest from(const Hash& value);
    bool operator==(const Digest&) const = default;
};

}  // namespace mds::store
