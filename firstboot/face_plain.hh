#pragma once
#include <cstdio>
#include <functional>
#include <string>

#include "dialog.hh"

namespace mds::firstboot {

/// Asks what is not answered yet, one line after another: for serial consoles, screen readers and
/// scripts. Writes no control characters; secrets are typed twice and not shown.
class PlainFace {
  public:
    using End = Dialog::End;
    /// Writes the answers to a file; returns what to tell.
    using Keep = std::function<std::string(const std::string& file)>;

    /// `login_word`: at the console of a starting machine, "login" leaves to the login prompt.
    PlainFace(FILE* in, FILE* out, bool login_word, Keep keep = {});
    /// Asks, shows the summary, lets people go back; `leave` when they do not want to go on.
    End run(Dialog& dialog);

  private:
    enum class Move { next, back, leave };
    Move ask(const Question& question, Dialog& dialog, const std::string& progress);
    Move ask_choice(const Question& question, Dialog& dialog);
    Move ask_secret(const Question& question, Dialog& dialog);
    Move ask_text(const Question& question, Dialog& dialog);
    Move summary(const Dialog& dialog);
    /// One line; false at the end of input.
    bool line(const std::string& prompt, std::string& text, bool shown = true);
    Move special(const std::string& text, const Question* question);
    void say(const std::string& text);

    FILE* in_;
    FILE* out_;
    bool login_word_;
    Keep keep_;
    bool asked_again_ = false;
};

}  // namespace mds::firstboot
