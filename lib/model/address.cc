#include "model/address.hh"

#include <arpa/inet.h>

#include <bit>
#include <cstring>

namespace mds::model {

std::optional<Address> Address::parse(std::string_view text) {
    if (text.empty() || text.size() > 45) return std::nullopt;
    std::string copy(text);
    Address a;
    if (inet_pton(AF_INET, copy.c_str(), a.bytes.data()) == 1) return a;
    a = {};
    a.v6 = true;
    if (inet_pton(AF_INET6, copy.c_str(), a.bytes.data()) == 1) return a;
    return std::nullopt;
}

std::string Address::text() const {
    char buffer[INET6_ADDRSTRLEN];
    inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data(), buffer, sizeof buffer);
    return buffer;
}

Address Address::masked(int length) const {
    Address a = *this;
    for (int i = 0; i < bits() / 8; ++i) {
        int keep = length - i * 8;
        if (keep >= 8) continue;
        auto& byte = a.bytes[static_cast<size_t>(i)];
        byte = keep <= 0 ? 0 : static_cast<uint8_t>(byte & (0xff << (8 - keep)));
    }
    return a;
}

std::optional<int> length_of_mask(std::string_view mask) {
    auto a = Address::parse(mask);
    if (!a || a->v6) return std::nullopt;
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; ++i) bits = bits << 8 | a->bytes[i];
    int length = std::countl_one(bits);
    if (std::popcount(bits) != length) return std::nullopt;
    return length;
}

std::string mask_of_length(int length) {
    Address all;
    for (size_t i = 0; i < 4; ++i) all.bytes[i] = 0xff;
    return all.masked(length).text();
}

}  // namespace mds::model
