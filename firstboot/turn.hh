#pragma once
#include <string>

namespace mds::firstboot {

/// Who answers. The questions may stand on several consoles at once; whoever answers the first one there
/// has the turn until the program ends, and the others see that (F-2). Also the one who applies has it:
/// two set-ups at a time would make half of each. Given back by the kernel when the process dies.
class Turn {
  public:
    /// `folder` is made when it is not there; `me` is how others are told who has the turn ("tty1").
    Turn(const std::string& folder, std::string me);
    ~Turn();
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

    /// True when it is ours now, or was before.
    bool take();
    void give_back();
    /// Who else has it; empty: nobody.
    std::string other() const;
    /// Becomes readable when the turn has changed hands; heard() takes the news.
    int news() const { return news_; }
    void heard();

  private:
    std::string file_, me_;
    int fd_ = -1, news_ = -1;
    bool mine_ = false;
};

}  // namespace mds::firstboot
