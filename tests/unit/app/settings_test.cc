#include "app/settings.hh"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config.hh"
#include "base/error.hh"
#include "base/text.hh"

namespace mds::app {
namespace {

struct Settings : testing::Test {
    Settings() {
        char name[] = "/tmp/mds-etc-XXXXXX";
        folder = mkdtemp(name);
        mkdir((folder + "/mds.conf.d").c_str(), 0755);
        setenv("MDS_ETC", folder.c_str(), 1);
    }
    ~Settings() override {
        unsetenv("MDS_ETC");
        (void)!system(("rm -r " + folder).c_str());
    }
    void write(const std::string& name, const std::string& text) { replace_file(folder + "/" + name, text); }
    std::string folder;
};

TEST_F(Settings, WhatIsShownIsWhatTheServicesRead) {
    write("mds.conf", "[Api]\nPort = 1000\n[sync]\nlogmib=2000\n");
    write("mds.conf.d/20.conf", "[Api]\nPort=1002\n");
    Config config = Config::load();
    for (const Setting& s : settings()) EXPECT_EQ(s.value, config.get(s.name)) << s.name;
    EXPECT_EQ(setting("api.port").file, folder + "/mds.conf.d/20.conf");
    EXPECT_EQ(setting("Sync.LogMiB").value, "2000");
    EXPECT_EQ(setting("Sync.Port").file, "");
}

TEST_F(Settings, WhatIsSetIsReadAndKeepsTheOthers) {
    write("mds.conf", "[Sync]\nLogMiB=512\n");
    set_setting("Sync.LogMiB", "2048");
    set_setting("network.leadinginterface", "ens18");
    set_setting("Api.Port", "4434");
    Config config = Config::load();
    EXPECT_EQ(config.get_int("Sync.LogMiB"), 2048);
    EXPECT_EQ(config.get("Network.LeadingInterface"), "ens18");
    set_setting("Sync.LogMiB", std::nullopt);
    config = Config::load();
    EXPECT_EQ(config.get_int("Sync.LogMiB"), 512);
    EXPECT_EQ(config.get_int("Api.Port"), 4434);
}

TEST_F(Settings, NothingIsWrittenThatNoServiceWouldTake) {
    for (const char* value : {"0", "many", "", "12x", "99999999"}) {
        EXPECT_THROW(set_setting("Sync.LogMiB", value), Error) << value;
    }
    EXPECT_THROW(set_setting("Network.LeadingInterface", "a\n[Api]\nPort=1"), Error);
    EXPECT_THROW(set_setting("Sync.LogMB", "1"), Error);
    write("mds.conf.d/95.conf", "[Api]\nTls12=1\n");
    EXPECT_THROW(set_setting("Api.Tls12", "0"), Error) << "it would have no effect";
    EXPECT_FALSE(setting("Api.Tls12").file == settings_file());
    EXPECT_NE(access(settings_file().c_str(), F_OK), 0);
}

}  // namespace
}  // namespace mds::app
