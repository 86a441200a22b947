#include "wire/compress.hh"

#include <gtest/gtest.h>

#include <random>

#include "base/error.hh"
#include "base/ids.hh"
#include "wire/bytes.hh"

namespace mds::wire {
namespace {

TEST(Compress, GivesBackWhatWentIn) {
    for (size_t size : {100, 1000, 65536, 1 << 20}) {
        std::string content;
        while (content.size() < size) content += "object " + std::to_string(content.size() % 97);
        content.resize(size);
        auto packed = compress(content);
        ASSERT_TRUE(packed);
        EXPECT_LT(packed->size(), content.size());
        EXPECT_EQ(decompress(*packed, size), content);
    }
}

TEST(Compress, LeavesAloneWhatDoesNotShrink) {
    EXPECT_FALSE(compress(""));
    EXPECT_FALSE(compress("abc"));
    EXPECT_FALSE(compress(random_bytes(10000)));
}

TEST(Compress, RefusesASizeThatIsNotTheAnnouncedOne) {
    std::string packed = *compress(std::string(10000, 'x'));
    for (uint32_t size : {0u, 9999u, 10001u, 0xffffffffu}) {
        std::string wrong;
        put(wrong, size);
        wrong += packed.substr(4);
        EXPECT_THROW(decompress(wrong, 20000), Error) << size;
    }
    EXPECT_THROW(decompress(packed, 9999), Error) << "above the limit";
    EXPECT_THROW(decompress(packed + "x", 20000), Error) << "more behind it";
    EXPECT_THROW(decompress(packed.substr(0, packed.size() - 1), 20000), Error) << "cut off";
    EXPECT_THROW(decompress("", 10), Error);
}

TEST(Compress, RandomBytesAreRefused) {
    for (int round = 0; round < 2000; ++round) {
        std::string bytes;
        put(bytes, static_cast<uint32_t>(round % 64 + 1));
        bytes += random_bytes(static_cast<size_t>(round % 50));
        EXPECT_THROW(decompress(bytes, 1000), Error);
    }
}

}  // namespace
}  // namespace mds::wire
