#pragma once
#include <cstdio>
#include <functional>
#include <string>

#include "dialog.hh"
#include "turn.hh"

namespace mds::firstboot {

/// Asks what is not answered yet, one line after another: for serial consoles, screen readers and
/// scripts. Writes no control characters; secrets are typed twice and not shown.
class PlainFace {
  public:
    using End = Dialog::End;
    /// Writes the answers to a file; returns what to tell.
    using Keep = std::function<std::string(const std::string& file)>;

    /// `login_word`: at the console of a starting machine, "login" leaves to the login prompt.
    /// `turn`: whoever answers first takes it; null: nobody else can.
    PlainFace(FILE* in, FILE* out, bool login_word, Keep keep = {}, Turn* turn = nullptr);
    /// Asks, shows the summary, lets people go back; `leave` when they do not want to go on.
    End run(Dialog& dialog);
    /// One question alone; false when they leave.
    bool run(Dialog& dialog, const Question& question);
    /// Says who has the turn, and waits until that changes: `elsewhere` then, `leave` when somebody here wants
    /// to have the login prompt.
    End wait(const std::string& holder);

  private:
    enum class Move { next, back, leave, elsewhere };
    Move ask(const Question& question, Dialog& dialog, const std::string& progress);
    Move ask_choice(const Question& question, Dialog& dialog);
    Move ask_secret(const Question& question, Dialog& dialog);
    Move ask_text(const Question& question, Dialog& dialog);
    Move summary(const Dialog& dialog);
    /// One line; false at the end of input, and when the turn goes elsewhere.
    bool line(const std::string& prompt, std::string& text, bool shown = true);
    /// Until there is input; false when the turn went elsewhere.
    bool input();
    /// Keeps the answer; false, with the reason said, when it is not accepted.
    bool store(Dialog& dialog, const Question& question, const std::string& text);
    Move end_of_input() const { return elsewhere_ ? Move::elsewhere : Move::leave; }
    Move special(const std::string& text, const Question* question);
    void say(const std::string& text);

    FILE* in_;
    FILE* out_;
    bool login_word_;
    Keep keep_;
    Turn* turn_;
    bool asked_again_ = false, elsewhere_ = false;
};

}  // namespace mds::firstboot
