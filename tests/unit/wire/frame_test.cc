#include "wire/frame.hh"

#include <gtest/gtest.h>

#include <random>

#include "base/error.hh"

namespace mds::wire {
namespace {

Frame sample(std::string payload) {
    return {Type::message, k_flag_first | k_flag_more, Codec::plain, 0x0102030405060708, payload};
}

TEST(Frame, HasTheDocumentedLayout) {
    std::string bytes;
    append(bytes, {Type::ping, k_flag_more, Codec::zlib, 0x0102030405060708, "ab"});
    EXPECT_EQ(bytes, std::string("\x02\0\0\0\x04\x02\x01\0\x08\x07\x06\x05\x04\x03\x02\x01"
                                 "ab",
                                 18));
}

TEST(Frame, ComesBackFromAnyCut) {
    std::string bytes;
    for (size_t size : {0, 1, 15, 16, 17, 1000}) append(bytes, sample(std::string(size, 'x')));
    for (size_t step = 1; step < 40; ++step) {
        FrameReader reader;
        std::vector<size_t> sizes;
        for (size_t at = 0; at < bytes.size(); at += step) {
            reader.feed(std::string_view(bytes).substr(at, step));
            while (auto frame = reader.next()) {
                EXPECT_EQ(frame->request, 0x0102030405060708u);
                EXPECT_EQ(frame->flags, k_flag_first | k_flag_more);
                sizes.push_back(frame->payload.size());
            }
        }
        EXPECT_EQ(sizes, (std::vector<size_t>{0, 1, 15, 16, 17, 1000}));
    }
}

TEST(Frame, RefusesWhatIsTooLargeBeforeItIsRead) {
    FrameReader reader;
    reader.feed(std::string("\x01\0\x10\0\x06\0\0\0\0\0\0\0\0\0\0\0", 16));
    EXPECT_THROW(reader.next(), Error);
    FrameReader small;
    small.limit(10);
    std::string bytes;
    append(bytes, sample(std::string(11, 'x')));
    small.feed(bytes);
    EXPECT_THROW(small.next(), Error);
}

TEST(Frame, RefusesUnknownTypesFlagsCodecsAndReservedBytes) {
    for (auto [at, value] : {std::pair<size_t, char>{4, 0}, {4, 7}, {5, 4}, {6, 2}, {7, 1}}) {
        std::string bytes;
        append(bytes, sample(""));
        bytes[at] = value;
        FrameReader reader;
        reader.feed(bytes);
        EXPECT_THROW(reader.next(), Error) << at;
    }
}

TEST(Frame, RandomBytesNeverGiveMoreThanTheyHold) {
    auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    for (int round = 0; round < 5000; ++round) {
        std::string bytes(random() % 100, '\0');
        for (char& c : bytes) c = static_cast<char>(random() % (round % 2 ? 256 : 8));
        FrameReader reader;
        size_t total = 0;
        try {
            for (char c : bytes) {
                reader.feed({&c, 1});
                while (auto frame = reader.next()) total += k_header_size + frame->payload.size();
            }
        } catch (const Error& e) {
            EXPECT_EQ(e.code(), Code::invalid_syntax);
        }
        EXPECT_LE(total, bytes.size());
    }
}

}  // namespace
}  // namespace mds::wire
