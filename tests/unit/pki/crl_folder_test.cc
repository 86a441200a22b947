#include "pki/crl_folder.hh"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/error.hh"
#include "deployment.hh"

namespace mds::pki {
namespace {
using namespace mds::test;

TEST(CrlName, NothingElseIsOne) {
    for (const char* good : {"root/0-1", "servers/0-1", "servers/12-345",
                             "0190a000-0000-7000-8000-00000000000a/0-1"}) {
        EXPECT_TRUE(is_crl_name(good)) << good;
    }
    for (const char* bad : {"", "/", "root", "root/", "root/1", "root/-1", "root/0-", "root/0-1/", "root/00-1",
                            "root/0-01", "root/0-1.crl", "root/0-12345678901", "../root/0-1", "root/../0-1",
                            "root//0-1", "Root/0-1", "0190A000-0000-7000-8000-00000000000A/0-1",
                            "0190a00000007000800000000000000a/0-1", "root/0-1 ", " root/0-1", "root/+0-1",
                            "root/0--1", "./0-1", "version"}) {
        EXPECT_FALSE(is_crl_name(bad)) << bad;
    }
    EXPECT_FALSE(is_crl_name(std::string_view("root/0-1\0", 9)));
}

class Folder : public ::testing::Test {
  protected:
    void SetUp() override {
        char name[] = "/tmp/openmds_crl_XXXXXX";
        path_ = mkdtemp(name);
    }
    void TearDown() override { std::filesystem::remove_all(path_); }

    std::string list(uint64_t number, const Issuer& issuer) {
        return Crl::make(issuer, number, {}, d_.now, "CRL 0-1").pem();
    }
    uint64_t number_here() {
        return Crl::from_der(*CrlFolder(path_).read("servers/0-1")).number();
    }

    Deployment d_;
    std::string path_;
};

TEST_F(Folder, KeepsWhatIsNewer) {
    CrlFolder folder(path_);
    EXPECT_EQ(folder.version(), 0u);
    EXPECT_FALSE(folder.read("servers/0-1"));
    std::string five = list(5, d_.servers);
    folder.keep({{"servers/0-1", five}}, 7);
    EXPECT_EQ(folder.version(), 7u);
    EXPECT_EQ(*folder.read("servers/0-1"), Crl::from_pem(five).der());
    folder.keep({{"servers/0-1", list(4, d_.servers)}}, 8);
    EXPECT_EQ(number_here(), 5u);
    EXPECT_EQ(folder.version(), 8u);
    folder.keep({{"servers/0-1", list(6, d_.servers)}}, 9);
    EXPECT_EQ(number_here(), 6u);
    // Another deployment's numbers say nothing.
    Deployment other;
    folder.keep({{"servers/0-1", list(1, d_.london)}}, 10);
    EXPECT_EQ(number_here(), 1u);
}

TEST_F(Folder, EverybodyMayReadIt) {
    mode_t before = umask(0077);
    CrlFolder(path_).keep({{"servers/0-1", list(1, d_.servers)}}, 1);
    umask(before);
    struct stat s {};
    ASSERT_EQ(stat((path_ + "/servers/0-1.crl").c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777, 0644u);
    ASSERT_EQ(stat((path_ + "/servers").c_str(), &s), 0);
    EXPECT_EQ(s.st_mode & 0777, 0755u);
}

TEST_F(Folder, NamesWhatIsThereAndNothingElse) {
    CrlFolder folder(path_);
    EXPECT_TRUE(CrlFolder(path_ + "/nowhere").names().empty());
    EXPECT_TRUE(folder.names().empty());
    folder.keep({{"servers/0-2", list(1, d_.servers)}, {"servers/0-1", list(1, d_.servers)}, {"root/0-1", list(1, d_.root)}}, 3);
    for (const char* other : {"/servers/0-1.crl.part", "/servers/readme", "/servers/x.crl", "/0-1.crl"}) {
        std::ofstream(path_ + other) << "x";
    }
    EXPECT_EQ(folder.names(), (std::vector<std::string>{"root/0-1", "servers/0-1", "servers/0-2"}));
}

TEST_F(Folder, AListKnowsHowManyItNames) {
    EXPECT_EQ(Crl::make(d_.servers, 1, {}, d_.now).entries(), 0u);
    EXPECT_EQ(Crl::make(d_.servers, 2, {{d_.server().serial(), d_.now, "superseded"}, {"0abc", d_.now, "superseded"}}, d_.now).entries(), 2u);
}

TEST_F(Folder, RefusesWhatIsNoList) {
    CrlFolder folder(path_);
    EXPECT_THROW(folder.keep({{"../x", list(1, d_.servers)}}, 1), Error);
    EXPECT_THROW(folder.keep({{"servers/0-1", "nonsense"}}, 1), Error);
    std::vector<Revoked> many(400);
    for (size_t i = 0; i < many.size(); ++i) {
        many[i] = {d_.server().serial(), d_.now, "key-compromise"};
    }
    EXPECT_THROW(folder.keep({{"servers/0-1", Crl::make(d_.servers, 1, many, d_.now).pem()}}, 1), Error);
    EXPECT_EQ(folder.version(), 0u);
}

TEST_F(Folder, WhatIsDamagedIsReplaced) {
    CrlFolder folder(path_);
    std::filesystem::create_directory(path_ + "/servers");
    std::filesystem::create_symlink("/etc/passwd", path_ + "/servers/0-1.crl");
    EXPECT_THROW(folder.read("servers/0-1"), Error);
    folder.keep({{"servers/0-1", list(1, d_.servers)}}, 1);
    EXPECT_EQ(number_here(), 1u);
}

}  // namespace
}  // namespace mds::pki
