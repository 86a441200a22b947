#include "app/config.hh"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/error.hh"
#include "base/text.hh"

using mds::app::Config;

namespace {

struct Etc : testing::Test {
    Etc() {
        char name[] = "/tmp/mds-etc-XXXXXX";
        folder = mkdtemp(name);
        mkdir((folder + "/mds.conf.d").c_str(), 0755);
        setenv("MDS_ETC", folder.c_str(), 1);
    }
    ~Etc() override {
        unsetenv("MDS_ETC");
        (void)!system(("rm -r " + folder).c_str());
    }
    void write(const std::string& name, const std::string& text) {
        mds::replace_file(folder + "/" + name, text);
    }
    std::string folder;
};

}  // namespace

TEST(Defaults, TheInstalledFileIsWhatTheProgramPrints) {
    EXPECT_EQ(mds::read_file(MDS_SOURCE_DIR "/etc/mds.conf"), Config::print_defaults());
}

TEST_F(Etc, TheInstalledFileChangesNothing) {
    write("mds.conf", mds::read_file(MDS_SOURCE_DIR "/etc/mds.conf"));
    Config config = Config::load();
    EXPECT_TRUE(config.warnings().empty());
    EXPECT_EQ(config.get_int("Api.Port"), 443);
}

TEST_F(Etc, LaterFilesWin) {
    write("mds.conf", "[Api]\nPort=1000\n[Sync]\nPort=2000\n");
    write("mds.conf.d/20.conf", "[Api]\nPort=1002\n");
    write("mds.conf.d/10.conf", "[Api]\nPort=1001\n");
    Config config = Config::load();
    EXPECT_EQ(config.get_int("Api.Port"), 1002);
    EXPECT_EQ(config.get_int("Sync.Port"), 2000);
}

TEST_F(Etc, AnUnknownKeyIsAWarningWithTheNearestOne) {
    write("mds.conf", "[Api]\nProt=1000\n");
    Config config = Config::load();
    ASSERT_EQ(config.warnings().size(), 1u);
    EXPECT_NE(config.warnings()[0].find("did you mean Api.Port?"), std::string::npos);
}

TEST_F(Etc, AWrongValueNamesFileAndKey) {
    for (const char* value : {"70000", "0", "abc", "44x"}) {
        write("mds.conf", std::string("[Api]\nPort=") + value + "\n");
        try {
            Config::load();
            ADD_FAILURE() << value;
        } catch (const mds::Error& e) {
            EXPECT_NE(e.message().find(folder + "/mds.conf: Api.Port="), std::string::npos);
        }
    }
}
