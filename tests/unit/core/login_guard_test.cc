#include "login_guard.hh"

#include <gtest/gtest.h>

#include <cstdlib>

namespace mds::core {
namespace {

TEST(LoginGuard, TellsWhenAnAccountAndWhenAnAddressBeginsToWait) {
    setenv("MDS_ETC", "/nonexistent", 1);
    app::Config config = app::Config::load();
    const int account_failures = config.get_int("Api.LoginFailures");
    const int address_failures = config.get_int("Api.AddressFailures");
    LoginGuard guard(config);
    for (int i = 1; i < account_failures; ++i) {
        LoginGuard::Waits waits = guard.failed("anna", "192.0.2." + std::to_string(i));
        EXPECT_EQ(waits.account_ms, 0) << i;
        EXPECT_EQ(waits.address_ms, 0) << i;
    }
    const int64_t first = guard.failed("Anna", "192.0.2.200").account_ms;
    EXPECT_GT(first, 0);
    EXPECT_EQ(guard.failed("anna", "192.0.2.201").account_ms, 2 * first) << "each further one is told too";
    for (int i = 1; i < address_failures; ++i) {
        EXPECT_EQ(guard.failed("guess-" + std::to_string(i), "198.51.100.7").address_ms, 0) << i;
    }
    EXPECT_GT(guard.failed("guess", "198.51.100.7").address_ms, 0);
}

}  // namespace
}  // namespace mds::core
