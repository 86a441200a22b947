#include "crypto/totp.hh"

#include <gtest/gtest.h>

#include <set>

#include "base/error.hh"

namespace mds::crypto {
namespace {

// RFC 6238 appendix B, SHA-1: "12345678901234567890"; of its 8 digits the last 6.
constexpr char k_secret[] = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
struct Vector {
    int64_t seconds;
    const char* code;
};
constexpr Vector k_vectors[] = {{59, "287082"},         {1111111109, "081804"}, {1111111111, "050471"},
                                {1234567890, "005924"}, {2000000000, "279037"}, {20000000000, "353130"}};

TEST(Totp, MatchesThePublishedVectors) {
    for (const Vector& v : k_vectors) {
        EXPECT_EQ(totp_step(k_secret, v.code, v.seconds * 1000, 0), v.seconds / 30) << v.seconds;
    }
}

TEST(Totp, T_21_OneStepOfToleranceAndNoCodeTwice) {
    const int64_t step = 1111111109 / 30;
    auto at = [&](int64_t steps, int64_t after) {
        return totp_step(k_secret, "081804", (step + steps) * 30'000, after).has_value();
    };
    EXPECT_TRUE(at(0, 0));
    EXPECT_TRUE(at(1, 0)) << "a clock that is behind";
    EXPECT_TRUE(at(-1, 0)) << "a clock that is ahead";
    EXPECT_FALSE(at(2, 0));
    EXPECT_FALSE(at(-2, 0));
    EXPECT_FALSE(at(0, step)) << "used";
    EXPECT_FALSE(at(1, step)) << "used";
    EXPECT_FALSE(at(0, step + 1)) << "a later one was used";
    EXPECT_TRUE(at(0, step - 1));
    for (const char* other : {"", "08180", "0818040", "081805", "abcdef", "08180 ", "+81804"}) {
        EXPECT_FALSE(totp_step(k_secret, other, step * 30'000, 0)) << other;
    }
}

TEST(Totp, SecretsAreRandomAndWhatAnAppReads) {
    std::set<std::string> all;
    for (int i = 0; i < 100; ++i) all.insert(new_totp_secret());
    EXPECT_EQ(all.size(), 100u);
    for (const std::string& one : all) {
        EXPECT_EQ(one.size(), 32u);
        EXPECT_EQ(one.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), std::string::npos) << one;
    }
    EXPECT_THROW(totp_step("1", "000000", 0, 0), Error);
}

}  // namespace
}  // namespace mds::crypto
