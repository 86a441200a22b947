#include <malloc.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "bench.hh"
#include "enrol_bench.hh"

using namespace mds;

namespace {

/// Resident memory of this process at its highest so far, in kilobytes.
long peak_kb() {
    for (const std::string& line : split(read_file("/proc/self/status"), '\n')) {
        if (line.starts_with("VmHWM:")) return std::strtol(line.c_str() + 6, nullptr, 10);
    }
    return 0;
}

/// Orders of a peer that deviates in one to three of its frames.
std::string random_orders(std::mt19937& random) {
    std::string orders(1, static_cast<char>(random() % 2 | (random() % 8 ? 2 : 0)));
    size_t untouched = random() % 4;
    orders.append(untouched, '\0');
    for (size_t i = random() % 24 + 1; i > 0; --i) orders += static_cast<char>(random());
    return orders;
}

}  // namespace

// MDS_MUTATIONS=1000000 is the whole of the sheet (a quarter of an hour); every run takes others.
TEST(Mutations, T_5_NoneCrashesGrowsMemoryOrCostsMoreThanOneTry) {
    const char* wanted = std::getenv("MDS_MUTATIONS");
    long count = wanted ? std::atol(wanted) : 3000;
    unsigned seed = std::random_device{}();
    std::mt19937 random(seed);
    test::Conversations conversations;
    auto hold = [&](const std::string& orders) {
        return conversations.hold(reinterpret_cast<const uint8_t*>(orders.data()), orders.size());
    };
    // Without orders both ends come to their end.
    EXPECT_EQ(hold("\x02"), "");
    EXPECT_EQ(hold("\x03"), "");
    ASSERT_EQ(conversations.enrolled(), 2u);
    // Found a name in the log that steers a terminal.
    EXPECT_EQ(hold(unhex("02000000fa0d0ba500f5559a5f06983b388e7f22531525").value()), "");
    long before = 0;
    for (long i = 0; i < count; ++i) {
        std::string orders = random_orders(random);
        std::string wrong = hold(orders);
        ASSERT_EQ(wrong, "") << "seed " << seed << ", orders " << hex(orders);
        if (i == count / 4) before = peak_kb();
    }
    EXPECT_LT(peak_kb() - before, 4096) << "seed " << seed;
    EXPECT_GT(conversations.enrolled(), 2u);
    EXPECT_GT(conversations.tries(), static_cast<uint64_t>(count / 100));
}

TEST(Mutations, T_5_BadPointsAreRefusedByBothEnds) {
    test::Conversations conversations;
    for (uint8_t end : {2, 3}) {
        for (size_t point = 0; point < test::bad_points().size(); ++point) {
            uint8_t orders[] = {end, 0, 12, static_cast<uint8_t>(point)};
            EXPECT_EQ(conversations.hold(orders, sizeof orders), "") << int{end} << " " << point;
        }
    }
    EXPECT_EQ(conversations.enrolled(), 0u);
    EXPECT_EQ(conversations.tries(), 0u);
}
