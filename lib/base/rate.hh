#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace mds {

/// The address as limits count it: those of one IPv6 /64 are one.
std::string network_of(const std::string& address);

/// How often one address, or who else has a name, may ask: `per_second` on average, `burst` at once. The
/// addresses of one IPv6 /64 count as one.
class Rate {
  public:
    Rate(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

    /// Counts a request at `now_ms` (monotonic); false: it is one too many.
    bool allow(const std::string& address, int64_t now_ms);
    /// How many addresses are remembered; those that have their burst again are forgotten in time.
    size_t size() const { return left_.size(); }

  private:
    struct Left {
        double requests;
        int64_t at_ms;
    };
    double now_has(const Left& left, int64_t now_ms) const;
    void forget(int64_t now_ms);

    double per_second_, burst_;
    int64_t forget_after_ms_ = 0;
    std::unordered_map<std::string, Left> left_;
};

}  // namespace mds
