#include "enrol/credentials.hh"

#include "base/text.hh"
#include "bench.hh"
#include "pki/crl.hh"

using namespace mds;
using namespace mds::enrol;
using mds::test::Bench;

namespace {
Hello tokyo() { return Hello{"secondary", "tokyo-mds-01", test::k_uuid, "1", "x", 0, "", ""}; }
}  // namespace

TEST(Credentials, ChangeTogetherAndKeepNothingOfTheOldSet) {
    Bench b;
    std::string folder = b.folder.path + "/own";
    Credentials credentials(folder);
    EXPECT_FALSE(credentials.present());
    EXPECT_TRUE(credentials.deployment().empty());
    std::string before;
    for (int round = 0; round < 2; ++round) {
        Requests requests = credentials.prepare("tokyo-mds-01", test::k_uuid);
        EXPECT_EQ(credentials.fingerprint(), before) << "prepare changes nothing in use";
        credentials.install(b.issue(requests, tokyo()));
        EXPECT_NE(credentials.fingerprint(), before);
        before = credentials.fingerprint();
    }
    int sets = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        sets += entry.path().filename().string().starts_with("set-");
    }
    EXPECT_EQ(sets, 1) << "the old private keys are gone";
    EXPECT_THROW(credentials.install({}), std::exception) << "nothing was prepared";
    EXPECT_EQ(credentials.fingerprint(), before);
}

TEST(Credentials, AnUnfinishedPreparationIsReplaced) {
    Bench b;
    Credentials credentials(b.folder.path + "/own");
    Requests first = credentials.prepare("tokyo-mds-01", test::k_uuid);
    Requests second = credentials.prepare("tokyo-mds-01", test::k_uuid);
    EXPECT_THROW(credentials.install(b.issue(first, tokyo())), Error);
    EXPECT_NO_THROW(credentials.install(b.issue(second, tokyo())));
}

TEST(Credentials, ListsOfDomainsComeWithTheirAuthority) {
    Bench b;
    Credentials credentials(b.folder.path + "/own");
    credentials.install(b.issue(credentials.prepare("tokyo-mds-01", test::k_uuid), tokyo()));
    const pki::Issuer &root = b.authority.root, &servers = b.authority.servers;
    const int64_t now = wall_ms();
    const pki::Issuer london = root.make_authority(pki::Kind::domain_ca, Uid::make().text(), "London", now);
    const pki::Issuer elsewhere = test::Authority().root.make_authority(pki::Kind::domain_ca, Uid::make().text(), "London", now);
    auto members = [&](uint64_t number) {
        return pki::Crl::make(servers, number, {}, now).pem() + pki::Crl::make(root, number, {}, now).pem();
    };
    auto of = [&](const pki::Issuer& domain, uint64_t number) {
        return pki::Crl::make(domain, number, {{"0abc", now, "key-compromise"}}, now).pem();
    };
    auto refused = [&](const std::string& lists, const char* why) {
        try {
            credentials.install_revocations(lists);
            ADD_FAILURE() << why;
        } catch (const Error& e) {
            EXPECT_EQ(e.code(), Code::forbidden);
            EXPECT_NE(e.message().find(why), std::string::npos) << e.message();
        }
    };
    EXPECT_TRUE(credentials.install_revocations(members(1)));
    refused(members(2) + of(london, 5), "stranger");
    refused(members(2) + elsewhere.certificate().pem() + of(elsewhere, 5), "stranger");
    EXPECT_TRUE(credentials.install_revocations(members(2) + london.certificate().pem() + of(london, 5)));
    refused(members(3) + london.certificate().pem() + of(london, 4), "older");
    EXPECT_TRUE(credentials.install_revocations(members(3) + london.certificate().pem() + of(london, 6)));
    // Nothing of it is left that has not ended.
    EXPECT_TRUE(credentials.install_revocations(members(4)));
}
