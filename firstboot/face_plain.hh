#pragma once
#include <cstdio>
#include <string>

#include "answers.hh"

namespace mds::firstboot {

/// Asks what is not answered yet, one line after another: for serial consoles, screen readers and
/// scripts. Writes no control characters; secrets are typed twice and not shown.
class PlainFace {
  public:
    enum class End { apply, leave };

    /// `login_word`: at the console of a starting machine, "login" leaves to the login prompt.
    PlainFace(FILE* in, FILE* out, bool login_word);
    /// Asks, shows the summary, lets people go back; `leave` when they do not want to go on.
    End run(Answers& answers, const HostFacts& host);

  private:
    enum class Move { next, back, leave };
    Move ask(const Question& question, Answers& answers, const HostFacts& host, size_t step,
             size_t steps);
    Move ask_role(const Question& question, Answers& answers);
    Move ask_secret(const Question& question, Answers& answers);
    Move ask_text(const Question& question, Answers& answers, const HostFacts& host);
    Move summary(const Answers& answers);
    /// One line; false at the end of input.
    bool line(const std::string& prompt, std::string& text, bool shown = true);
    Move special(const std::string& text, const Question* question);
    void say(const std::string& text);

    FILE* in_;
    FILE* out_;
    bool login_word_;
    bool asked_again_ = false;
};

}  // namespace mds::firstboot
