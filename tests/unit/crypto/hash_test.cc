#include "crypto/hash.hh"

#include <gtest/gtest.h>

#include "base/base64.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "crypto/password.hh"
#include "crypto/secret.hh"

using namespace mds;
using namespace mds::crypto;

TEST(Sha256, GivesThePublishedDigestAtOnceAndInPieces) {
    const char* expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    EXPECT_EQ(hex(sha256("abc")), expected);
    Sha256 digest;
    for (int round = 0; round < 3; ++round) {
        digest.update("a").update("bc");
        EXPECT_EQ(hex(digest.finish()), expected);
    }
    EXPECT_EQ(hex(sha256("")), hex(digest.finish()));
}

TEST(Base64, GivesThePublishedTextsAndTakesNoOthers) {  // RFC 4648, 10
    for (auto [raw, text] : {std::pair{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"},
                             {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}}) {
        EXPECT_EQ(base64(raw), text);
        EXPECT_EQ(unbase64(text), raw);
    }
    EXPECT_EQ(base64("\xfb\xff"), "+/8=");
    EXPECT_EQ(unbase64("+/8="), "\xfb\xff");
    for (const char* bad : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Z===", "Zm 9v", "-_8=", "Zg==Zg=="}) {
        EXPECT_FALSE(unbase64(bad)) << bad;
    }
}

TEST(Hmac, GivesThePublishedCode) {  // RFC 4231, case 2
    EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Hkdf, GivesThePublishedKeys) {  // RFC 5869, cases 1 and 3
    std::string key(22, '\x0b');
    EXPECT_EQ(hex(hkdf_sha256(key, *unhex("000102030405060708090a0b0c"),
                              *unhex("f0f1f2f3f4f5f6f7f8f9"), 42)),
              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
              "34007208d5b887185865");
    EXPECT_EQ(hex(hkdf_sha256(key, "", "", 42)),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
              "9d201395faa4b61a96c8");
}

TEST(Scrypt, GivesThePublishedKey) {  // RFC 7914, 12
    EXPECT_EQ(hex(scrypt("password", "NaCl", 64, {1024, 8, 16})),
              "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
              "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
    EXPECT_EQ(scrypt("key", "salt", 40).size(), 40u);
}

TEST(Password, IsVerifiedAgainstItsHashOnly) {
    std::string hash = hash_password("correct horse", 1);
    EXPECT_TRUE(hash.starts_with("$y$")) << hash;
    EXPECT_TRUE(verify_password("correct horse", hash));
    EXPECT_FALSE(verify_password("correct horse ", hash));
    EXPECT_NE(hash, hash_password("correct horse", 1));
}

TEST(Password, StandardCostIsSeven) {
    EXPECT_TRUE(hash_password("correct horse").starts_with("$y$jBT$")) << "16384 blocks of 4 KiB";
}

TEST(Password, OddHashesAreNoMatchAndOddPasswordsAreRefused) {
    EXPECT_FALSE(verify_password("", ""));
    EXPECT_FALSE(verify_password("x", "*0"));
    EXPECT_FALSE(verify_password("x", "x"));
    EXPECT_FALSE(verify_password("x", "$1$abc$0123456789012345678901"));
    EXPECT_THROW(hash_password(std::string_view("a\0b", 3)), Error);
    EXPECT_THROW(hash_password(""), Error);
}

TEST(Secret, CompareAndWipe) {
    EXPECT_TRUE(equal("abc", "abc"));
    EXPECT_FALSE(equal("abc", "abd"));
    EXPECT_FALSE(equal("abc", "ab"));
    std::string secret(100, 'x');
    const char* data = secret.data();
    wipe(secret);
    EXPECT_TRUE(secret.empty());
    EXPECT_EQ(std::string(data + 1, 20), std::string(20, '\0'));
}
