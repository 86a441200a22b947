#include "app/stack.hh"

#include <gtest/gtest.h>

#include <cstring>

#include "own_memory.hh"

namespace {

/// A frame of `size` bytes with the secret at its far end.
__attribute__((noinline)) void leave(size_t size) {
    auto* area = static_cast<char*>(__builtin_alloca(size));
    std::string secret = mds::test::secret_text();
    std::memcpy(area, secret.data(), secret.size());
    asm volatile("" : : "r"(area) : "memory");
}

#if !defined(__SANITIZE_ADDRESS__)
TEST(Stack, T_16_WhatCallsHaveLeftIsOverwritten) {
    // A function that is called for the first time is looked up, and the registers are put on the
    // stack for it.
    mds::app::wipe_stack();
    for (size_t size : {64U, 1000U, 8000U, 30'000U}) {
        leave(size);
        bool seen = mds::test::copies_in_own_memory(true) > 0;
        // The search itself overwrites what is near.
        EXPECT_TRUE(seen || size < 8000) << size;
        leave(size);
        mds::app::wipe_stack();
        EXPECT_EQ(mds::test::copies_in_own_memory(true), 0U) << size;
    }
}
#endif

}  // namespace
