#include "base/join_string.hh"

#include <gtest/gtest.h>

#include <tuple>

#include "base/clock.hh"
#include "base/error.hh"

using mds::JoinString;

TEST(JoinString, HoldsWhatTheOtherEndNeeds) {
    for (const char* address : {"10.2.0.11", "2001:db8::11"}) {
        JoinString made = JoinString::make("tokyo-mds-01", address, 3600'000);
        EXPECT_EQ(made.key.size(), 32u) << "128 bits";
        std::string text = made.text();
        EXPECT_TRUE(text.starts_with("mds1:"));
        if (std::string(address) == "10.2.0.11") {
            EXPECT_LE(text.size(), 79u) << "one line of a terminal";
        }
        JoinString read = JoinString::parse("  " + text.substr(0, 20) + "\n" + text.substr(20) + "\r\n");
        EXPECT_EQ(read.address, address);
        EXPECT_EQ(read.name, made.name);
        EXPECT_EQ(read.port, 18211);
        EXPECT_EQ(read.key, made.key);
        EXPECT_EQ(read.expires_ms / 1000, made.expires_ms / 1000);
    }
    EXPECT_NE(JoinString::make("a", "10.0.0.1", 1).key, JoinString::make("a", "10.0.0.1", 1).key);
}

TEST(JoinString, EveryChangedOrMissingCharacterIsFound) {
    std::string text = JoinString::make("tokyo", "10.2.0.11", 3600'000).text();
    for (size_t i = 5; i < text.size(); ++i) {
        std::string other = text;
        other[i] = other[i] == 'A' ? 'B' : 'A';
        // The last characters may carry bits that mean nothing; what is read is then the same.
        try {
            JoinString read = JoinString::parse(other), same = JoinString::parse(text);
            EXPECT_EQ(std::tie(read.address, read.port, read.name, read.key, read.expires_ms),
                      std::tie(same.address, same.port, same.name, same.key, same.expires_ms))
                << other;
        } catch (const mds::Error& e) {
            EXPECT_EQ(e.code(), mds::Code::invalid_parameter);
        }
        EXPECT_THROW(JoinString::parse(text.substr(0, i)), mds::Error) << i;
    }
    for (const char* wrong : {"", "mds1:", "mds2:AAAA", "mds1:%%%%", "orange-boat-77"}) {
        EXPECT_THROW(JoinString::parse(wrong), mds::Error) << wrong;
    }
}

TEST(JoinString, IsOverAfterItsTimeAndNeedsAnAddress) {
    EXPECT_THROW(JoinString::parse(JoinString::make("a", "10.0.0.1", -2000).text()), mds::Error);
    EXPECT_THROW(JoinString::make("a", "somewhere", 1000).text(), mds::Error);
    EXPECT_TRUE(JoinString::looks_like(" MDS1:abc"));
    EXPECT_FALSE(JoinString::looks_like("orange-boat-77"));
}
