#include "base/printable.hh"

#include <gtest/gtest.h>

using namespace mds;

TEST(Text, T_34_WhatSteersATerminalIsReplaced) {
    EXPECT_EQ(printable("plain, with ümlauts and 日本 🔑"), "plain, with ümlauts and 日本 🔑");
    EXPECT_EQ(printable("a\nb\r\tc\x1b[2J\x7f"), "a?b??c?[2J?");
    EXPECT_EQ(printable("\xc2\x9b" "31m"), "?31m") << "the C1 form of an escape sequence";
    EXPECT_EQ(printable("admin\xe2\x80\xae" "nimda"), "admin?nimda") << "right to left from here";
    EXPECT_EQ(printable("\xe2\x80\xa8x\xe2\x81\xa6"), "?x?");
    EXPECT_EQ(printable(std::string_view("\0x", 2)), "?x");
}

TEST(Text, WhatIsNoUtf8BecomesSo) {
    for (const char* bad : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82", "\x80", "\xf0\x8f\xbf\xbf"}) {
        std::string out = printable(bad);
        EXPECT_EQ(out, std::string(out.size(), '?'));
        EXPECT_FALSE(out.empty());
        EXPECT_EQ(printable(out), out);
    }
    EXPECT_EQ(printable("abcdé", 5), "abcd");
    EXPECT_EQ(printable("abcdé", 6), "abcdé");
    EXPECT_EQ(printable("abc", 0), "");
}
