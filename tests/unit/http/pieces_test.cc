#include <gtest/gtest.h>

#include "http/server.hh"

using namespace mds::http;

TEST(Pieces, NewsIsToldOncePerQuestionAndAtOnceWhenItIsThere) {
    Pieces pieces;
    int told = 0;
    bool ended = false;
    pieces.listen([&] { ++told; });
    EXPECT_EQ(told, 0);
    pieces.write("a");
    pieces.write("b");
    EXPECT_EQ(told, 1);
    EXPECT_EQ(pieces.take(ended), "ab");
    EXPECT_FALSE(ended);
    pieces.write("c");
    pieces.listen([&] { ++told; });
    EXPECT_EQ(told, 2);
    EXPECT_EQ(pieces.take(ended), "c");
    pieces.end();
    pieces.listen([&] { ++told; });
    EXPECT_EQ(told, 3);
    EXPECT_EQ(pieces.take(ended), "");
    EXPECT_TRUE(ended);
}
