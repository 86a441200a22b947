#include "claim_code.hh"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "base/error.hh"
#include "base/text.hh"

using namespace mds;
using namespace mds::firstboot;
using Answer = ClaimCode::Answer;

namespace {

class Claim : public testing::Test {
  protected:
    Claim() {
        std::filesystem::create_directories(folder_);
        std::filesystem::remove_all(folder_ + "/claim");
    }
    ~Claim() override { std::filesystem::remove_all(folder_); }
    std::string folder_ = testing::TempDir() + "claim-code-test";
    ClaimCode code_{folder_ + "/claim"};
};

}  // namespace

TEST_F(Claim, T_24_WithoutACodeNoneIsRight) {
    EXPECT_EQ(code_.code(), "");
    EXPECT_EQ(code_.tries_left(), 0);
    EXPECT_EQ(code_.attempt(""), Answer::closed);
    EXPECT_EQ(code_.attempt("0000-0000-0000"), Answer::closed);
}

TEST_F(Claim, T_24_IsForItsOwnerAlone) {
    code_.renew();
    struct stat folder {}, file {};
    ASSERT_EQ(stat((folder_ + "/claim").c_str(), &folder), 0);
    ASSERT_EQ(stat((folder_ + "/claim/code").c_str(), &file), 0);
    EXPECT_EQ(folder.st_mode & 07777, 0700u);
    EXPECT_EQ(file.st_mode & 07777, 0600u);
}

TEST_F(Claim, T_24_TheSixthCodeIsRefusedTheRightOneToo) {
    std::string right = code_.renew();
    EXPECT_EQ(code_.attempt(fold(right)), Answer::right);
    for (const char* wrong : {"0000-0000-0000", "", "nonsense", "K7QP-3XRM-9TWA"}) EXPECT_EQ(code_.attempt(wrong), Answer::wrong);
    EXPECT_EQ(code_.attempt(right), Answer::right);  // costs no try
    EXPECT_EQ(code_.tries_left(), 1);
    EXPECT_EQ(code_.attempt("ZZZZ-ZZZZ-ZZZZ"), Answer::closed);
    EXPECT_EQ(code_.attempt(right), Answer::closed);
    EXPECT_EQ(code_.tries_left(), 0);
    // Another program, or this one again, has not forgotten it.
    EXPECT_EQ(ClaimCode(folder_ + "/claim").attempt(right), Answer::closed);
    std::string next = code_.renew();
    EXPECT_NE(next, right);
    EXPECT_EQ(code_.attempt(right), Answer::wrong);
    EXPECT_EQ(code_.attempt(next), Answer::right);
}

TEST_F(Claim, T_24_ATryThatCannotBeCountedIsNone) {
    std::string right = code_.renew();
    // The place where it is counted has gone.
    std::filesystem::remove(folder_ + "/claim/code");
    EXPECT_EQ(code_.attempt(right), Answer::closed);
    for (const char* damaged : {"", "half of it", "no code", "K7QP-3XRM-9TWA"}) {
        std::ofstream(folder_ + "/claim/code") << damaged;
        EXPECT_EQ(code_.attempt(right), Answer::closed) << damaged;
    }
}

TEST_F(Claim, T_24_TriesAtOnceAreCountedOneByOne) {
    std::string right = code_.renew();
    std::atomic<int> wrong = 0, closed = 0;
    std::vector<std::thread> all;
    for (int i = 0; i < 20; ++i) {
        all.emplace_back([&] {
            Answer answer = ClaimCode(folder_ + "/claim").attempt("0000-0000-0001");
            (answer == Answer::wrong ? wrong : closed)++;
        });
    }
    for (std::thread& one : all) one.join();
    EXPECT_EQ(wrong, 4);  // the fifth is told at once that it was the last one
    EXPECT_EQ(closed, 16);
    EXPECT_EQ(code_.attempt(right), Answer::closed);
}
