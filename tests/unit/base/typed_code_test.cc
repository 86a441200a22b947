#include "base/typed_code.hh"

#include <gtest/gtest.h>

#include <set>

#include "base/text.hh"

using namespace mds;

TEST(TypedCode, HasGroupsOfFourAndMayBeTypedInAnyWay) {
    std::set<std::string> seen;
    std::set<char> digits;
    for (int i = 0; i < 200; ++i) {
        std::string code = generate_typed_code(12);
        ASSERT_EQ(code.size(), 14u);
        EXPECT_EQ(code[4], '-');
        EXPECT_EQ(code[9], '-');
        EXPECT_EQ(code.find_first_of("ILOU"), std::string::npos) << code;
        std::string plain = code;
        std::erase(plain, '-');
        EXPECT_EQ(normal_typed_code(fold(code), 12), plain);
        EXPECT_EQ(normal_typed_code(plain, 12), plain);
        EXPECT_TRUE(seen.insert(code).second);
        digits.insert(plain.begin(), plain.end());
    }
    EXPECT_EQ(digits.size(), 32u);
    EXPECT_EQ(normal_typed_code("oil0 1234 5678", 12), "011012345678");
}

TEST(TypedCode, IsNothingElse) {
    for (const char* bad : {"", "K7QP-3XRM-9TW", "K7QP-3XRM-9TWAA", "K7QP-3XRM-9TW!", "K7QP_3XRM_9TWA", "UUUU-UUUU-UUUU"}) {
        EXPECT_EQ(normal_typed_code(bad, 12), std::nullopt) << bad;
    }
}
