#include "store/codec.hh"

#include <gtest/gtest.h>

#include <random>

#include "base/error.hh"
#include "store/refs.hh"

namespace mds::store {

TEST(Codec, RoundTrip) {
    std::vector<Image> images;
    for (int i = 0; i < 100; ++i) {
        images.push_back({{i % 3 ? Change::Op::put : Change::Op::remove, Uid::make(), "host",
                           "network", "name" + std::to_string(i), std::string(i * 7, 'x')},
                          static_cast<uint64_t>(i)});
    }
    std::string bytes = encode(images);
    uint8_t codec = 9;
    std::string packed = compress(bytes, codec);
    EXPECT_EQ(codec, 1);
    EXPECT_LT(packed.size(), bytes.size());
    std::vector<Image> back = decode(decompress(packed, codec));
    ASSERT_EQ(back.size(), images.size());
    for (size_t i = 0; i < back.size(); ++i) {
        EXPECT_EQ(back[i].change.uid, images[i].change.uid);
        EXPECT_EQ(back[i].change.doc, images[i].change.doc);
        EXPECT_EQ(back[i].rev, images[i].rev);
    }
}

TEST(Codec, SmallPayloadsStayPlain) {
    uint8_t codec = 9;
    EXPECT_EQ(compress("short", codec), "short");
    EXPECT_EQ(codec, 0);
}

TEST(Codec, DamagedBytesAreRefusedAndNeverCrash) {
    std::string good = encode({{{Change::Op::put, Uid::make(), "host", "network", "a", "{}"}, 1}});
    std::mt19937 random(7);
    for (int i = 0; i < 20000; ++i) {
        std::string bad = good;
        for (int flips = 0; flips <= i % 4; ++flips) bad[random() % bad.size()] ^= 1 << random() % 8;
        if (i % 5 == 0) bad.resize(random() % bad.size());
        try {
            decode(bad);
        } catch (const Error&) {
        }
        try {
            decompress(bad, static_cast<uint8_t>(random() % 3));
        } catch (const Error&) {
        }
    }
}

TEST(Refs, OnlyMarkedStringsAreReferences) {
    Uid a = Uid::make(), b = Uid::make();
    std::string doc = R"({"x":"\u001f)" + a.text() + R"(","y":[")" + b.text() + R"(","\u001f)" +
                      a.text() + R"("]})";
    EXPECT_EQ(references_of(doc), std::vector<Uid>{a});
    EXPECT_EQ(parse_reference(make_reference(b)), b);
    EXPECT_FALSE(parse_reference(b.text()));
}

}  // namespace mds::store
