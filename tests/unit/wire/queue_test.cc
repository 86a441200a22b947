#include <gtest/gtest.h>

#include <map>
#include <random>

#include "base/error.hh"
#include "base/ids.hh"
#include "wire/assembler.hh"
#include "wire/bytes.hh"
#include "wire/send_queue.hh"

namespace mds::wire {
namespace {

constexpr size_t k_limit = 64u << 20;

/// Empties the queue and tells the channels in the order their messages became complete.
std::vector<Message> drain(SendQueue& queue) {
    std::vector<Message> out;
    Assembler assembler;
    Frame frame;
    while (queue.next(frame)) {
        EXPECT_LE(frame.payload.size(), k_max_payload);
        if (auto message = assembler.add(frame)) out.push_back(std::move(*message));
    }
    return out;
}

TEST(SendQueue, SmallMessagesGoBeforeBulkOfOtherChannels) {
    SendQueue queue(k_limit);
    queue.push({"bulk", 1, std::string(1 << 20, 'b')});
    Frame frame;
    ASSERT_TRUE(queue.next(frame));
    queue.push({"small", 2, "x"});
    ASSERT_TRUE(queue.next(frame));
    EXPECT_EQ(frame.flags, k_flag_first) << "the small message, whole, is next";
}

TEST(SendQueue, BulkOfSeveralChannelsTakesTurns) {
    SendQueue queue(k_limit);
    queue.push({"a", 1, random_bytes(10 * SendQueue::k_piece)});
    queue.push({"b", 1, random_bytes(2 * SendQueue::k_piece)});
    auto done = drain(queue);
    ASSERT_EQ(done.size(), 2u);
    EXPECT_EQ(done[0].channel, "b");
}

TEST(SendQueue, AFloodOfSmallMessagesDoesNotStarveBulk) {
    SendQueue queue(k_limit);
    queue.push({"bulk", 1, random_bytes(2 * SendQueue::k_piece)});
    for (uint16_t i = 0; i < 100; ++i) queue.push({"small", i, "x"});
    auto done = drain(queue);
    ASSERT_EQ(done.size(), 101u);
    EXPECT_NE(done.back().channel, "bulk");
}

TEST(SendQueue, KeepsTheOrderOfAChannelWhateverTheSizes) {
    auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    SendQueue queue(k_limit);
    Assembler assembler;
    std::map<std::string, std::vector<std::string>> sent, got;
    auto take = [&](int frames) {
        Frame frame;
        while (frames-- > 0 && queue.next(frame)) {
            if (auto m = assembler.add(frame)) got[m->channel].push_back(m->payload);
        }
    };
    for (int round = 0; round < 400; ++round) {
        std::string channel = "domain/" + std::to_string(random() % 5);
        size_t size = random() % 10 == 0 ? random() % 300'000 : random() % 3000;
        std::string payload =
            random() % 2 ? random_bytes(size) : std::string(size, static_cast<char>(round));
        sent[channel].push_back(payload);
        ASSERT_TRUE(queue.push({channel, 7, payload}));
        take(static_cast<int>(random() % 3));
    }
    take(1 << 20);
    EXPECT_EQ(sent, got);
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(queue.bytes(), 0u);
}

TEST(SendQueue, FullOfBulkItStillTakesHeartbeats) {
    SendQueue queue(1 << 20);
    EXPECT_TRUE(queue.push({"a", 1, std::string(1 << 20, 'x')}));
    EXPECT_FALSE(queue.push({"b", 1, std::string(20'000, 'x')}));
    EXPECT_TRUE(queue.push({"b", 1, std::string(1000, 'x')}));
    EXPECT_EQ(drain(queue).size(), 2u);
}

TEST(SendQueue, RefusesWhatNobodyWouldTake) {
    SendQueue queue(size_t{1} << 40);
    EXPECT_FALSE(queue.push({"a", 1, std::string(k_max_message + 1, 'x')}));
    EXPECT_FALSE(queue.push({std::string(k_max_channel + 1, 'x'), 1, ""}));
}

std::string head(uint32_t total, uint16_t name_size, std::string rest) {
    std::string out;
    put(out, total);
    put(out, uint16_t{1});
    put(out, name_size);
    return out + rest;
}

Frame piece(uint8_t flags, std::string payload, uint64_t request = 1) {
    return {Type::message, flags, Codec::plain, request, std::move(payload)};
}

TEST(Assembler, RefusesPiecesThatDoNotFit) {
    EXPECT_THROW(Assembler().add(piece(0, "x")), Error) << "never begun";
    EXPECT_THROW(Assembler().add(piece(k_flag_first, "x")), Error) << "no head";
    EXPECT_THROW(Assembler().add(piece(k_flag_first, head(0, 9, "name"))), Error) << "no name";
    EXPECT_THROW(Assembler().add(piece(k_flag_first, head(1, 1, "nab"))), Error) << "too long";
    EXPECT_THROW(Assembler().add(piece(k_flag_first, head(3, 1, "nab"))), Error) << "too short";
    EXPECT_THROW(Assembler().add(piece(k_flag_first, head(0xffffffff, 1, "n"))), Error);
    Assembler twice;
    EXPECT_FALSE(twice.add(piece(k_flag_first | k_flag_more, head(3, 1, "n"))));
    EXPECT_THROW(twice.add(piece(k_flag_first, head(3, 1, "n"))), Error) << "begins twice";
}

TEST(Assembler, BoundsIncompleteMessages) {
    Assembler assembler;
    EXPECT_THROW(
        {
            for (uint64_t i = 1; i <= Assembler::k_max_open + 1; ++i) {
                assembler.add(piece(k_flag_first | k_flag_more, head(3, 1, "n"), i));
            }
        },
        Error);
}

TEST(Assembler, RandomFramesGiveMessagesOrAnError) {
    auto seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    for (int round = 0; round < 3000; ++round) {
        Assembler assembler;
        try {
            for (int i = 0; i < 20; ++i) {
                std::string bytes(random() % 30, '\0');
                for (char& c : bytes) c = static_cast<char>(random() % 4);
                Frame frame = piece(static_cast<uint8_t>(random() % 4), bytes, random() % 3);
                frame.codec = random() % 8 ? Codec::plain : Codec::zlib;
                assembler.add(frame);
            }
        } catch (const Error& e) {
            EXPECT_EQ(e.code(), Code::invalid_syntax);
        }
    }
}

}  // namespace
}  // namespace mds::wire
