#include "trusted_clients.hh"

#include <gtest/gtest.h>

#include "base/error.hh"
#include "model/type.hh"

using mds::core::is_trusted;
using mds::json::object;

namespace {

const object k_network{
    {"type", "ipv4 netmask"}, {"ipv4-address", "10.1.0.0"}, {"mask-length4", 24}},
    k_host{{"type", "ipv6 address"}, {"ipv6-address", "2001:db8::7"}},
    k_link{{"type", "ipv6 netmask"}, {"ipv6-address", "fe80::"}, {"mask-length6", 10}};

}  // namespace

TEST(TrustedClients, OnlyListedAddressesAndThisHostMayConnect) {
    EXPECT_TRUE(is_trusted({}, "10.9.0.1")) << "no list: everybody";
    for (const char* good :
         {"10.1.0.9", "::ffff:10.1.0.9", "2001:db8::7", "127.0.0.1", "127.9.9.9", "::1", ""}) {
        EXPECT_TRUE(is_trusted({k_network, k_host}, good)) << good;
    }
    for (const char* wrong :
         {"10.1.1.9", "::ffff:10.1.1.9", "2001:db8::8", "fe80::1", "::ffff:7"}) {
        EXPECT_FALSE(is_trusted({k_network, k_host}, wrong)) << wrong;
    }
    object other = k_host;
    other["multi-domain-server-trusted-client"] = false;
    EXPECT_TRUE(is_trusted({other}, "10.9.0.1")) << "a list for others";
}

TEST(TrustedClients, AnAddressOfALinkIsComparedWithoutItsInterface) {
    EXPECT_FALSE(is_trusted({k_network, k_host}, "fe80::1%eth0"));
    EXPECT_TRUE(is_trusted({k_link}, "fe80::1%eth0"));
    for (const char* none : {"somewhere", "10.1.0.9.evil", "127.evil"}) {
        EXPECT_FALSE(is_trusted({k_network}, none)) << none;
    }
}

TEST(TrustedClients, ANetworkWithoutALengthIsOneAddress) {
    object bare{{"type", "ipv4 netmask"}, {"ipv4-address", "10.1.0.1"}};
    EXPECT_FALSE(is_trusted({bare}, "192.0.2.1"));
    EXPECT_TRUE(is_trusted({bare}, "10.1.0.1"));
    const mds::model::Type& type = mds::model::system_catalog().require("trusted-client");
    ASSERT_TRUE(type.check);
    EXPECT_THROW(type.check(bare), mds::Error);
    EXPECT_NO_THROW(type.check(k_network));
    EXPECT_NO_THROW(type.check(k_host));
    bare["mask-length6"] = 64;
    EXPECT_THROW(type.check(bare), mds::Error) << "of the other family";
}
