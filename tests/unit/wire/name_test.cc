#include "wire/name.hh"

#include <gtest/gtest.h>

#include <vector>

namespace mds::wire {
namespace {

constexpr char k_uid[] = "0e5f1c1a-1111-4222-8333-123456789abc";

TEST(ServerUri, IsTakenApart) {
    auto uri =
        parse_server_uri(std::string("mds://london-1.servers.7f3a.mds.internal/server/") + k_uid);
    ASSERT_TRUE(uri);
    EXPECT_EQ(uri->name, "london-1");
    EXPECT_EQ(uri->deployment, "7f3a");
    EXPECT_EQ(uri->uid.text(), k_uid);
}

TEST(ServerUri, AnythingElseIsNone) {
    std::string uid = k_uid;
    const std::vector<std::string> texts = {
        "",
        "mds://",
        "https://a.servers.7f3a.mds.internal/server/" + uid,
        "mds://*.servers.7f3a.mds.internal/server/" + uid,
        "mds://.servers.7f3a.mds.internal/server/" + uid,
        "mds://a.b.servers.7f3a.mds.internal/server/" + uid,
        "mds://a.servers.7f3a.evil.mds.internal/server/" + uid,
        "mds://a.servers..mds.internal/server/" + uid,
        "mds://a.domain.7f3a.mds.internal/server/" + uid,
        "mds://a.servers.7f3a.mds.internal/gateway/" + uid,
        "mds://a.servers.7f3a.mds.internal/server/" + uid + "/",
        "mds://a.servers.7f3a.mds.internal/server/",
        "mds://a.servers.7f3a.mds.internal.evil/server/" + uid,
        "mds://user@a.servers.7f3a.mds.internal/server/" + uid,
        "mds://a.servers.7f3a.mds.internal:1/server/" + uid,
        std::string("mds://a\0.servers.7f3a.mds.internal/server/", 42) + uid,
    };
    for (const std::string& text : texts) {
        EXPECT_FALSE(parse_server_uri(text)) << text;
    }
}

}  // namespace
}  // namespace mds::wire
