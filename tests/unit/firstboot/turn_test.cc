#include "turn.hh"

#include <gtest/gtest.h>
#include <poll.h>

#include <filesystem>
#include <optional>
#include <thread>

#include "base/text.hh"

using mds::firstboot::Turn;

namespace {

class Folder {
  public:
    Folder() {
        char name[] = "/tmp/mds-turn-XXXXXX";
        path_ = mkdtemp(name);
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace

TEST(Turn, OneHasItAndTheOthersHearWho) {
    Folder folder;
    Turn first(folder.path(), "tty1"), second(folder.path(), "ttyS0");
    EXPECT_EQ(second.other(), "");
    EXPECT_TRUE(first.take());
    EXPECT_EQ(second.other(), "tty1");
    EXPECT_FALSE(second.take());
    second.heard();
    first.give_back();
    pollfd news{second.news(), POLLIN, 0};
    EXPECT_EQ(poll(&news, 1, 0), 1);
    EXPECT_EQ(second.other(), "");
    EXPECT_TRUE(second.take());
    EXPECT_EQ(first.other(), "ttyS0") << "his name, not what the one before left";
}

TEST(Turn, F_2_WhoeverWaitsHearsOfEveryEnd) {
    Folder folder;
    for (int round = 0; round < 50; ++round) {
        std::optional<Turn> holder(std::in_place, folder.path(), "tty1");
        Turn waiting(folder.path(), "ttyS0");
        ASSERT_TRUE(holder->take());
        bool heard = false;
        std::thread thread([&] {
            pollfd news{waiting.news(), POLLIN, 0};
            while (!(heard = waiting.other().empty()) && poll(&news, 1, 2000) > 0) waiting.heard();
        });
        holder.reset();
        EXPECT_EQ(mds::read_file(folder.path() + "/setup.turn"), "\n") << "given back, not only closed";
        thread.join();
        ASSERT_TRUE(heard) << "in round " << round;
    }
}
