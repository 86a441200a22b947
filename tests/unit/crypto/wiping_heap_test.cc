// T-16: what the heap is given back holds nothing any more, whoever gives it back.
#include <gtest/gtest.h>
#include <openssl/buffer.h>
#include <pthread.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "own_memory.hh"

namespace {

using mds::test::copies_in_own_memory;
using mds::test::secret_text;

/// Copies that are left on the heap when `use` has ended, on a stack that is gone.
size_t left_by(std::function<void()> use) {
    constexpr size_t k_stack = 1 << 20;
    void* stack =
        mmap(nullptr, k_stack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, k_stack);
    pthread_t thread{};
    auto run = [](void* function) -> void* {
        (*static_cast<std::function<void()>*>(function))();
        return nullptr;
    };
    EXPECT_EQ(pthread_create(&thread, &attributes, run, &use), 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&attributes);
    munmap(stack, k_stack);
    return copies_in_own_memory();
}

void fill(void* block, size_t size) {
    std::string secret = secret_text();
    for (size_t at = 0; at + secret.size() <= size; at += secret.size()) {
        std::memcpy(static_cast<char*>(block) + at, secret.data(), secret.size());
    }
}

TEST(WipingHeap, T_16_TheSearchFindsWhatIsThere) {
    auto held = std::make_unique<std::string>(secret_text());
    EXPECT_GE(copies_in_own_memory(), 1U);
    held.reset();
    EXPECT_EQ(copies_in_own_memory(), 0U);
}

TEST(WipingHeap, T_16_FreedBlocksOfEverySizeHoldNothing) {
    // Caches of a thread, fast and large bins, blocks with pages of their own.
    for (size_t size :
         {24U, 100U, 1000U, 1032U, 1500U, 5000U, 60'000U, 100'000U, 500'000U, 40'000'000U}) {
        void* block = std::malloc(size);
        void* neighbour = std::malloc(16);
        fill(block, size);
        ASSERT_GE(copies_in_own_memory(), 1U) << size;
        std::free(block);
        EXPECT_EQ(copies_in_own_memory(), 0U) << size;
        std::free(neighbour);
    }
}

TEST(WipingHeap, T_16_GrowingAndShrinkingLeaveNothingBehind) {
    for (size_t size : {30U, 100U, 1000U, 1500U, 5000U, 60'000U, 100'000U, 500'000U}) {
        void* block = std::malloc(size);
        void* neighbour = std::malloc(16);
        fill(block, size);
        // It has to move; what it held is there once.
        size_t copies = copies_in_own_memory();
        block = std::realloc(block, size * 4);
        ASSERT_NE(block, nullptr);
        EXPECT_EQ(copies_in_own_memory(), copies) << size;
        block = std::realloc(block, 20);
        EXPECT_LE(copies_in_own_memory(), 1U) << size;
        block = std::realloc(block, 0);
        EXPECT_EQ(block, nullptr);
        EXPECT_EQ(copies_in_own_memory(), 0U) << size;
        std::free(neighbour);
    }
}

TEST(WipingHeap, ReallocKeepsTheContent) {
    auto* block = static_cast<unsigned char*>(std::realloc(nullptr, 1));
    block[0] = 0;
    size_t size = 1;
    auto change = [&](size_t wanted) {
        block = static_cast<unsigned char*>(std::realloc(block, wanted));
        for (size_t i = 0; i < std::min(size, wanted); ++i)
            ASSERT_EQ(block[i], static_cast<unsigned char>(i * 7));
        for (size_t i = 0; i < wanted; ++i) block[i] = static_cast<unsigned char>(i * 7);
        size = wanted;
    };
    for (size_t wanted = 2; wanted < 3'000'000; wanted = wanted * 3 / 2 + 1) change(wanted);
    for (size_t wanted = size; wanted > 1; wanted = wanted * 2 / 3) change(wanted);
    std::free(block);
}

TEST(WipingHeap, T_16_WhatLibrariesFreeIsWipedToo) {
    EXPECT_EQ(left_by([] {
                  auto text = std::make_unique<std::string>(secret_text());
                  std::vector<std::string> grows;
                  for (int i = 0; i < 100; ++i) grows.push_back(*text + std::to_string(i));
              }),
              0U)
        << "the C++ library";
    EXPECT_EQ(left_by([] {
                  char* text = nullptr;
                  size_t size = 0;
                  // Grows by realloc() within the C library.
                  FILE* memory = open_memstream(&text, &size);
                  for (int i = 0; i < 10'000; ++i) std::fputs(secret_text().c_str(), memory);
                  std::fclose(memory);
                  std::free(text);
              }),
              0U)
        << "the C library";
    EXPECT_EQ(left_by([] {
                  BUF_MEM* buffer = BUF_MEM_new();
                  for (size_t size = 100; size < 1'000'000; size *= 2) {
                      BUF_MEM_grow(buffer, size);
                      fill(buffer->data, size);
                  }
                  BUF_MEM_free(buffer);
              }),
              0U)
        << "OpenSSL";
}

}  // namespace
