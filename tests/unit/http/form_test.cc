#include "http/form.hh"

#include <gtest/gtest.h>

using namespace mds::http;

TEST(Form, IsReadAsBrowsersSendIt) {
    auto fields = parse_form("host_name=london.example&password=a%2Bb+c%26%C3%A9&empty=");
    ASSERT_TRUE(fields);
    EXPECT_EQ((*fields)["host_name"], "london.example");
    EXPECT_EQ((*fields)["password"], "a+b c&\xc3\xa9");
    EXPECT_EQ((*fields)["empty"], "");
    EXPECT_EQ(fields->size(), 3u);
    EXPECT_TRUE(parse_form("")->empty());
}

TEST(Form, WhatNoBrowserSendsIsNoForm) {
    for (const char* bad : {"a", "a=1&a=2", "a=%", "a=%4", "a=%zz", "a=%00", "a%0=b", "&", "a=1&&b=2", "a=%1b%5b2J", "a=\x7f"}) {
        EXPECT_FALSE(parse_form(bad)) << bad;
    }
    std::string many;
    for (int i = 0; i < 5; ++i) many += (i ? "&f" : "f") + std::to_string(i) + "=x";
    EXPECT_TRUE(parse_form(many, 5));
    EXPECT_FALSE(parse_form(many, 4));
}

TEST(Form, ACookieIsFoundByItsWholeName) {
    EXPECT_EQ(cookie_value("a=1; __Host-mds-setup=tok-en; b=2", "__Host-mds-setup"), "tok-en");
    EXPECT_EQ(cookie_value("x__Host-mds-setup=bad", "__Host-mds-setup"), "");
    EXPECT_EQ(cookie_value("__Host-mds-setup2=bad", "__Host-mds-setup"), "");
    EXPECT_EQ(cookie_value("", "__Host-mds-setup"), "");
    // Somebody below our name has set another one.
    EXPECT_EQ(cookie_value("s=1; s=2", "s"), "");
}

TEST(Form, TextIsNoHtml) {
    EXPECT_EQ(escape_html("<b a=\"'\">&"), "&lt;b a=&quot;&#39;&quot;&gt;&amp;");
}
