#include "base/rate.hh"

#include <arpa/inet.h>

#include <algorithm>

namespace mds {
namespace {

constexpr int64_t k_forget_ms = 10'000;
constexpr size_t k_network_bytes = 8;  // a /64

}  // namespace

std::string network_of(const std::string& address) {
    in6_addr raw;
    if (inet_pton(AF_INET6, address.c_str(), &raw) != 1) return address;
    return {reinterpret_cast<const char*>(&raw), k_network_bytes};
}

double Rate::now_has(const Left& left, int64_t now_ms) const {
    double gained = static_cast<double>(now_ms - left.at_ms) / 1000 * per_second_;
    return std::min(burst_, left.requests + gained);
}

void Rate::forget(int64_t now_ms) {
    if (now_ms < forget_after_ms_) return;
    forget_after_ms_ = now_ms + k_forget_ms;
    std::erase_if(left_, [&](const auto& row) { return now_has(row.second, now_ms) >= burst_; });
}

bool Rate::allow(const std::string& address, int64_t now_ms) {
    forget(now_ms);
    auto [it, first] = left_.try_emplace(network_of(address), Left{burst_, now_ms});
    double has = now_has(it->second, now_ms);
    it->second = {has, now_ms};
    if (has < 1) return false;
    it->second.requests = has - 1;
    return true;
}

}  // namespace mds
