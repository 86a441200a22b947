#include "base/rate.hh"

#include <gtest/gtest.h>

namespace mds {
namespace {

TEST(Rate, ABurstThenThePace) {
    Rate rate(2, 3);
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(rate.allow("192.0.2.1", 1000));
    EXPECT_FALSE(rate.allow("192.0.2.1", 1000));
    EXPECT_TRUE(rate.allow("192.0.2.2", 1000));
    EXPECT_FALSE(rate.allow("192.0.2.1", 1400));
    EXPECT_TRUE(rate.allow("192.0.2.1", 1600));
    EXPECT_FALSE(rate.allow("192.0.2.1", 1600));
}

TEST(Rate, OneIpv6NetworkIsOneAddress) {
    Rate rate(1, 1);
    EXPECT_TRUE(rate.allow("2001:db8:0:1::1", 0));
    EXPECT_FALSE(rate.allow("2001:db8:0:1:ffff::2", 0));
    EXPECT_TRUE(rate.allow("2001:db8:0:2::1", 0));
}

TEST(Rate, WhoIsQuietIsForgotten) {
    Rate rate(1, 1);
    for (int i = 0; i < 1000; ++i) rate.allow("192.0.2." + std::to_string(i), 0);
    EXPECT_EQ(rate.size(), 1000u);
    rate.allow("198.51.100.1", 60'000);
    EXPECT_EQ(rate.size(), 1u);
}

}  // namespace
}  // namespace mds
