#include "wire/tls.hh"

#include <gtest/gtest.h>

#include "base/error.hh"

namespace mds::wire {
namespace {

// Handshakes and refusals of certificates: tests/integration/sync/.
TEST(Tls, TellsWhichPartOfTheCredentialsIsOfNoUse) {
    try {
        Tls tls(Credentials{});
        FAIL() << "empty credentials were accepted";
    } catch (const Error& e) {
        EXPECT_EQ(e.code(), Code::not_set_up);
        EXPECT_NE(e.message().find("ertificate"), std::string::npos) << e.message();
    }
}

}  // namespace
}  // namespace mds::wire
