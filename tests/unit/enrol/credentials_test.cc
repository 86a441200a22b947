#include "enrol/credentials.hh"

#include "base/text.hh"
#include "bench.hh"

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
