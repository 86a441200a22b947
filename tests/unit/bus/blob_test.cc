#include "bus/blob.hh"

#include <gtest/gtest.h>

namespace {

using namespace mds;

bool in_a_file(const bus::Blob& blob) {
    return blob.bytes.empty() && blob.fds.size() == 1;
}

TEST(Blob, SmallTravelsInTheMessageAndLargeInAFile) {
    for (size_t size : {size_t{0}, size_t{100}, bus::k_inline_limit, bus::k_inline_limit + 1,
                        size_t{3'000'000}}) {
        std::string content(size, 'x');
        bus::Blob blob = bus::pack(content);
        EXPECT_EQ(in_a_file(blob), size > bus::k_inline_limit) << size;
        EXPECT_EQ(bus::unpack(blob.bytes, blob.fds), content);
    }
}

TEST(Blob, T_16_ASecretIsNeverInTheMessage) {
    bus::Blob blob = bus::pack_secret("short");
    EXPECT_TRUE(in_a_file(blob));
    EXPECT_EQ(bus::unpack(blob.bytes, blob.fds), "short");
    EXPECT_TRUE(in_a_file(bus::pack_secret("")));
    for (const char* body :
         {R"({"name":"tokyo","one-time-password":"k"})", R"({"user":"a","password":"k"})",
          R"({"new-password" : "k"})", R"({"api-key":"k"})",
          R"({"administrator":{"password-hash":"k"}})",
          R"({"one\u002dtime\u002dpa\u0073sword":"k"})", R"({"activation-key":"k"})"}) {
        EXPECT_TRUE(in_a_file(bus::pack_body(body))) << body;
    }
    for (const char* body :
         {"", "{}", R"({"name":"h","ip-address":"192.0.2.1"})", R"({"comments":"gr\u00fcn"})"}) {
        blob = bus::pack_body(body);
        EXPECT_EQ(bus::unpack(blob.bytes, blob.fds), body);
    }
    EXPECT_FALSE(in_a_file(bus::pack_body(R"({"name":"h","ip-address":"192.0.2.1"})")));
}

}  // namespace
