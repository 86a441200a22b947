#pragma once
#include <string>

namespace mds::firstboot {

/// The claim code of this boot: who can read it on a console, or is root, may set this server up in a browser
/// (P10). It lies in a folder of root's own below /run, with the number of wrong tries, so that a program that is
/// started again has not forgotten them, and counts for all programs at once. After five wrong ones no code is
/// right any more until there is a new one. It has no end but that.
class ClaimCode {
  public:
    static constexpr int k_tries = 5;
    enum class Answer { right, wrong, closed };

    explicit ClaimCode(std::string folder);

    /// A new code, and no tries used.
    std::string renew();
    /// As it is shown, "K7QP-3XRM-9TWA"; empty when there is none.
    std::string code() const;
    /// Wrong tries that are left; 0: none, not even the right one.
    int tries_left() const;
    /// A try, in any case, with or without dashes. It is counted before it is looked at: who ends the program in
    /// between has used it up.
    Answer attempt(const std::string& typed);

  private:
    struct State {
        std::string code;
        int wrong = 0;
    };
    class Lock;
    State read() const;
    void write(const State& state);

    std::string folder_, file_;
};

}  // namespace mds::firstboot
