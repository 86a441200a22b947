#include "addresses.hh"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "base/error.hh"
#include "base/text.hh"

using namespace mds::helper;

namespace {

struct Host : testing::Test {
    Host() {
        char name[] = "/tmp/mds-helper-XXXXXX";
        folder = mkdtemp(name);
    }
    ~Host() override { (void)!system(("rm -r " + folder).c_str()); }
    Addresses make() {
        return {folder + "/helper-addresses",
                [this](const std::vector<std::string>& arguments) {
                    runs.push_back(mds::join(arguments, " "));
                    if (fail) throw mds::Error(mds::Code::internal, "no");
                },
                [this] { return present; }};
    }
    std::string folder;
    std::vector<std::string> runs;
    bool fail = false;
    std::vector<HostAddress> present = {{"127.0.0.1", "lo", 8},
                                        {"10.1.0.11", "ens18", 24},
                                        {"2001:db8::11", "ens18", 64}};
};

}  // namespace

TEST(Arguments, RefusesWhatIsNoServerAddress) {
    for (const char* bad : {"", "10.1.0", "10.1.0.300", "127.0.0.1", "0.0.0.0", "224.0.0.1",
                            "255.255.255.255", "::1", "::", "ff02::1", "fe80::1", "::ffff:10.0.0.1",
                            "10.1.0.1/24", "10.1.0.1 dev lo", "-4", "ens18"}) {
        EXPECT_THROW(checked_address(bad), mds::Error) << bad;
    }
    EXPECT_EQ(checked_address("2001:DB8:0:0::9"), "2001:db8::9");
    EXPECT_EQ(checked_address("10.1.0.12"), "10.1.0.12");
}

TEST(Arguments, RefusesWhatIsNoInterface) {
    for (const char* bad : {"", "-a", "a b", "../x", "a/b", "interface-name-too-long", "a;b"}) {
        EXPECT_THROW(check_interface(bad), mds::Error) << bad;
    }
    check_interface("ens18.100");
}

TEST(Arguments, RefusesWhatIsNoHostName) {
    for (const char* bad : {"", "-a", "a-", "a..b", "a b", "a_b", ".", "\n"}) {
        EXPECT_THROW(check_host_name(bad), mds::Error) << bad;
    }
    EXPECT_THROW(check_host_name(std::string(65, 'a')), mds::Error);
    check_host_name("london-mds-01.acme.example");
}

TEST_F(Host, UsesTheNetworkOfTheAddressBesideIt) {
    make().add("10.1.0.12", "", "10.1.0.11");
    make().add("2001:db8::12", "", "2001:db8::11");
    EXPECT_EQ(runs, (std::vector<std::string>{
                        "/usr/sbin/ip address add 10.1.0.12/24 dev ens18 label ens18:mds",
                        "/usr/sbin/ip address add 2001:db8::12/64 dev ens18"}));
}

TEST_F(Host, UsesAHostAddressInAnotherNetwork) {
    make().add("10.9.0.12", "", "10.1.0.11");
    make().add("10.9.0.13", "dummy0", "");
    EXPECT_EQ(runs, (std::vector<std::string>{
                        "/usr/sbin/ip address add 10.9.0.12/32 dev ens18 label ens18:mds",
                        "/usr/sbin/ip address add 10.9.0.13/32 dev dummy0 label dummy0:mds"}));
}

TEST_F(Host, AddsNothingThatIsThere) {
    make().add("10.1.0.11", "", "10.1.0.11");
    EXPECT_TRUE(runs.empty());
    make().remove("10.1.0.11");
    EXPECT_TRUE(runs.empty()) << "an address that was not added here is never removed";
}

TEST_F(Host, NeedsAnInterface) {
    EXPECT_THROW(make().add("10.1.0.12", "", ""), mds::Error);
    EXPECT_THROW(make().add("10.1.0.12", "", "10.1.0.99"), mds::Error);
    EXPECT_TRUE(runs.empty());
}

TEST_F(Host, RemovesOnlyWhatItAddedAlsoAfterARestart) {
    make().add("10.1.0.12", "", "10.1.0.11");
    present.push_back({"10.1.0.12", "ens18", 24});
    runs.clear();
    make().remove("10.1.0.12");
    EXPECT_EQ(runs, std::vector<std::string>{"/usr/sbin/ip address del 10.1.0.12/24 dev ens18"});
    runs.clear();
    make().remove("10.1.0.12");
    EXPECT_TRUE(runs.empty());
}

TEST_F(Host, AFailedRemovalIsTriedAgain) {
    make().add("10.1.0.12", "", "10.1.0.11");
    present.push_back({"10.1.0.12", "ens18", 24});
    fail = true;
    EXPECT_THROW(make().remove("10.1.0.12"), mds::Error);
    fail = false;
    runs.clear();
    make().remove("10.1.0.12");
    EXPECT_EQ(runs.size(), 1u);
}

TEST(Networks, ComparesTheBitsOfThePrefix) {
    EXPECT_TRUE(same_network("10.1.0.1", "10.1.0.254", 24));
    EXPECT_FALSE(same_network("10.1.0.1", "10.1.1.1", 24));
    EXPECT_TRUE(same_network("10.1.0.1", "10.1.1.1", 23));
    EXPECT_FALSE(same_network("10.1.0.1", "2001:db8::1", 0));
    EXPECT_TRUE(same_network("2001:db8::1", "2001:db8::2", 64));
}
