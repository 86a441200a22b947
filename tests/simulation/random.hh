#pragma once
#include <cstdint>
#include <string>

#include "base/ids.hh"

namespace mds::simulation {

/// The only source of chance in a run (splitmix64): equal seeds give equal runs on every machine.
class Random {
  public:
    explicit Random(uint64_t seed) : state_(seed) {}
    uint64_t next() {
        uint64_t z = (state_ += 0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }
    /// 0 to count - 1; 0 for a count of 0.
    uint64_t below(uint64_t count) { return count ? next() % count : 0; }
    /// Both ends included.
    int64_t between(int64_t low, int64_t high) {
        return low + static_cast<int64_t>(below(static_cast<uint64_t>(high - low + 1)));
    }
    /// `part` in a million.
    bool chance(uint64_t part) { return below(1'000'000) < part; }
    bool percent(uint64_t part) { return below(100) < part; }
    std::string bytes(size_t count) {
        std::string out;
        while (out.size() < count) {
            uint64_t word = next();
            for (int i = 0; i < 8 && out.size() < count; ++i) {
                out += static_cast<char>(word >> (8 * i));
            }
        }
        return out;
    }
    Uid uid() { return *Uid::from_bytes(bytes(16)); }

  private:
    uint64_t state_;
};

}  // namespace mds::simulation
