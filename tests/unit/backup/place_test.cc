#include "place.hh"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/error.hh"
#include "folder.hh"

namespace mds::backup {
namespace {

namespace fs = std::filesystem;

class PlaceTest : public ::testing::Test {
  protected:
    PlaceTest() {
        fs::create_directories(store + "/2026");
        std::ofstream(store + "/there") << "x";
    }
    std::string refused(const std::string& path, bool fresh = true) {
        try {
            fresh ? place_for_new(path, store) : place_of_existing(path, store);
        } catch (const Error& e) {
            EXPECT_EQ(e.code(), Code::invalid_parameter);
            EXPECT_EQ(e.message().rfind("Invalid parameter for [file-path]. ", 0), 0u) << e.message();
            return e.message();
        }
        return "";
    }
    static bool says(const std::string& text, const char* words) { return text.find(words) != std::string::npos; }

    test::Folder folder;
    std::string store = folder.path + "/store";
};

TEST_F(PlaceTest, AFileInTheStoreOrBelowIsTaken) {
    EXPECT_EQ(place_for_new(store + "/new", store), store + "/new");
    EXPECT_EQ(place_for_new(store + "/./2026/../2026/new", store), store + "/2026/new");
    EXPECT_EQ(place_of_existing(store + "/there", store), store + "/there");
}

TEST_F(PlaceTest, APathIsAbsoluteAndInsideOfTheStore) {
    EXPECT_TRUE(says(refused("new"), "not an absolute path"));
    EXPECT_TRUE(says(refused(""), "not an absolute path"));
    for (const std::string& out : {std::string("/etc/passwd"), store + "/../new", store + "more/new", folder.path + "/new",
                                   store}) {
        EXPECT_TRUE(says(refused(out), "is outside of")) << out;
        EXPECT_TRUE(says(refused(out, false), "is outside of")) << out;
    }
    EXPECT_TRUE(says(refused(store + "/2026/"), "does not name a file"));
    EXPECT_TRUE(says(refused(store + "/.hidden"), "does not name a file"));
}

TEST_F(PlaceTest, ItsFolderIsThereAndLeadsNowhereElse) {
    EXPECT_TRUE(says(refused(store + "/2027/new"), "there is no folder"));
    fs::create_directories(folder.path + "/elsewhere");
    fs::create_directory_symlink(folder.path + "/elsewhere", store + "/link");
    EXPECT_TRUE(says(refused(store + "/link/new"), "leads to"));
    EXPECT_TRUE(says(refused(store + "/link/new", false), "leads to"));
}

TEST_F(PlaceTest, NothingIsOverwrittenAndOnlyAFileIsRead) {
    EXPECT_TRUE(says(refused(store + "/there"), "is there already"));
    fs::create_symlink("/nowhere", store + "/dangling");
    EXPECT_TRUE(says(refused(store + "/dangling"), "is there already"));
    EXPECT_TRUE(says(refused(store + "/missing", false), "there is no file"));
    EXPECT_TRUE(says(refused(store + "/2026", false), "is not a file"));
    EXPECT_TRUE(says(refused(store + "/dangling", false), "is not a file"));
}

}  // namespace
}  // namespace mds::backup
