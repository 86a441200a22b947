#include "face_plain.hh"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

#include "base/text.hh"
#include "wrap.hh"

namespace mds::firstboot {
namespace {

/// Switches the echo of a terminal off for its lifetime.
class Quiet {
  public:
    explicit Quiet(int fd) : fd_(fd), changed_(tcgetattr(fd, &before_) == 0) {
        if (!changed_) return;
        termios now = before_;
        now.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        tcsetattr(fd_, TCSAFLUSH, &now);
    }
    ~Quiet() {
        if (changed_) tcsetattr(fd_, TCSAFLUSH, &before_);
    }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

  private:
    int fd_;
    termios before_{};
    bool changed_;
};

constexpr size_t k_columns = 79;
/// One who was killed is known to have left only when one looks.
constexpr int k_look_ms = 1000;

std::string without_controls(std::string text) {
    std::erase_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    return text;
}

}  // namespace

PlainFace::PlainFace(FILE* in, FILE* out, bool login_word, Keep keep, Turn* turn)
    : in_(in), out_(out), login_word_(login_word), keep_(std::move(keep)), turn_(turn) {
    // What was read ahead would be hidden from poll().
    if (turn_) std::setvbuf(in_, nullptr, _IONBF, 0);
}

bool PlainFace::input() {
    while (turn_) {
        if (!turn_->other().empty()) {
            elsewhere_ = true;
            return false;
        }
        pollfd both[2] = {{fileno(in_), POLLIN, 0}, {turn_->news(), POLLIN, 0}};
        if (poll(both, 2, -1) < 0 && errno != EINTR) return true;
        if (both[1].revents) {
            turn_->heard();
        } else if (both[0].revents) {
            return true;
        }
    }
    return true;
}

bool PlainFace::store(Dialog& dialog, const Question& question, const std::string& text) {
    if (turn_ && !turn_->take()) {
        elsewhere_ = true;
        return false;
    }
    Finding found = dialog.store(question, text);
    for (const std::string& one : {found.refusal, found.remark}) {
        if (!one.empty()) say(one);
    }
    return found.refusal.empty();
}

void PlainFace::say(const std::string& text) {
    for (const std::string& one : wrapped(text, k_columns)) std::fprintf(out_, "%s\n", one.c_str());
    std::fflush(out_);
}

bool PlainFace::line(const std::string& prompt, std::string& text, bool shown) {
    std::fprintf(out_, "%s", prompt.c_str());
    std::fflush(out_);
    text.clear();
    int c = 0;
    {
        Quiet quiet(shown ? -1 : fileno(in_));
        if (!input()) return false;
        while ((c = std::fgetc(in_)) != EOF && c != '\n') text += static_cast<char>(c);
    }
    if (!shown) say("");
    if (!text.empty() && text.back() == '\r') text.pop_back();
    return c != EOF || !text.empty();
}

/// "?" is answered here and means next (ask again); the caller looks for that.
PlainFace::Move PlainFace::special(const std::string& text, const Question* question) {
    asked_again_ = false;
    if (text == "?") {
        if (question) say(question->help);
        if (login_word_) say("Type login to get the login prompt; setup waits for the next start.");
        asked_again_ = true;
        return Move::next;
    }
    if (text == "<") return Move::back;
    if (text == "q" || text == "quit" || (login_word_ && text == "login")) return Move::leave;
    return Move::next;
}

PlainFace::Move PlainFace::ask_choice(const Question& question, Dialog& dialog) {
    std::vector<Dialog::Choice> choices = dialog.choices(question);
    std::string standard = dialog.suggestion(question), numbers;
    say(question.text);
    for (size_t i = 0; i < choices.size(); ++i) {
        std::string number = std::to_string(i + 1);
        say("  " + number + "  " + choices[i].name + ", " + choices[i].what);
        if (choices[i].value == standard) standard = number;
        numbers += (i == 0 ? "" : i + 1 == choices.size() ? " or " : ", ") + number;
    }
    std::string suggested = standard.empty() ? "" : " [" + standard + "]";
    for (std::string text;;) {
        if (!line("Number, or ? for help, < for back" + suggested + ": ", text)) return end_of_input();
        text = trim(text);
        Move move = special(text, &question);
        if (move != Move::next) return move;
        if (asked_again_) continue;
        if (text.empty()) text = standard;
        for (size_t i = 0; i < choices.size(); ++i) {
            if (text != std::to_string(i + 1)) continue;
            if (!store(dialog, question, choices[i].value)) {
                if (elsewhere_) return Move::elsewhere;
                break;
            }
            std::string name = title(question);
            name[0] = static_cast<char>(toupper(name[0]));
            say(name + ": " + choices[i].name + ".");
            return Move::next;
        }
        say("Type " + numbers + ".");
    }
}

PlainFace::Move PlainFace::ask_secret(const Question& question, Dialog& dialog) {
    for (std::string first, second;;) {
        if (!line(std::string(question.text) + ": ", first, false)) return end_of_input();
        Move move = special(first, &question);
        if (move != Move::next) return move;
        if (asked_again_) continue;
        std::string wrong = dialog.refuse(question, first);
        if (!wrong.empty()) {
            say(wrong);
            continue;
        }
        if (Dialog::is_typed_twice(question, first)) {
            if (!line(Dialog::secret_name(question) + " again: ", second, false)) return end_of_input();
            if (first != second) {
                say(Dialog::k_differ);
                continue;
            }
        }
        if (store(dialog, question, first)) return Move::next;
        if (elsewhere_) return Move::elsewhere;
    }
}

PlainFace::Move PlainFace::ask_text(const Question& question, Dialog& dialog) {
    std::string standard = dialog.suggestion(question);
    for (const Dialog::Choice& one : dialog.choices(question)) say("  " + one.name);
    std::vector<std::string> shown = dialog.shown(question);
    if (!shown.empty()) say(question.help);
    for (const std::string& one : shown) say("  " + one);
    std::string prompt = dialog.text(question) + (standard.empty() ? "" : " [" + standard + "]") + ": ";
    for (std::string text;;) {
        if (!line(prompt, text)) return end_of_input();
        text = trim(without_controls(text));
        Move move = special(text, &question);
        if (move != Move::next) return move;
        if (asked_again_) continue;
        if (text.empty()) text = standard;
        std::string wrong = dialog.refuse(question, text);
        if (!wrong.empty()) {
            say(wrong);
        } else if (store(dialog, question, text)) {
            return Move::next;
        } else if (elsewhere_) {
            return Move::elsewhere;
        }
    }
}

PlainFace::Move PlainFace::ask(const Question& question, Dialog& dialog,
                               const std::string& progress) {
    say("");
    say(std::string(Dialog::k_welcome) + ". S" + progress.substr(1) + ": " + title(question) + ".");
    if (!fixed_choices(question).empty()) return ask_choice(question, dialog);
    return question.secret ? ask_secret(question, dialog) : ask_text(question, dialog);
}

PlainFace::Move PlainFace::summary(const Dialog& dialog) {
    say("");
    say("Summary");
    for (const std::string& one : dialog.summary()) say(one.empty() ? "" : "  " + one);
    for (std::string text;;) {
        if (!line(
                "Type yes to set up this server, d to keep these answers in a file, < to go back,\n"
                "q to leave: ",
                text)) {
            return end_of_input();
        }
        text = trim(text);
        if (fold(text) == "yes" || fold(text) == "y") return Move::next;
        if (text == "d" && keep_) {
            say(keep_(dialog.file()));
            continue;
        }
        Move move = special(text, nullptr);
        if (move != Move::next) return move;
    }
}

PlainFace::End PlainFace::run(Dialog& dialog) {
    say("First-time setup of OpenMDS.\nAt every question: ? for help, < for back, q to leave.");
    if (!dialog.invitation().text.empty()) say(dialog.invitation().text);
    size_t at = 0;
    for (;;) {
        // One question after the other, also where a screen has several.
        std::vector<std::pair<const Question*, size_t>> steps;
        std::vector<Dialog::Screen> screens = dialog.screens();
        for (size_t i = 0; i < screens.size(); ++i) {
            for (const Question* question : screens[i]) steps.emplace_back(question, i);
        }
        bool last = at >= steps.size();
        switch (last ? summary(dialog)
                     : ask(*steps[at].first, dialog, dialog.progress(steps[at].second))) {
            case Move::next:
                if (last) {
                    say("");
                    return End::apply;
                }
                ++at;
                break;
            case Move::back:
                at = at ? at - 1 : 0;
                break;
            case Move::leave:
                return End::leave;
            case Move::elsewhere:
                return End::elsewhere;
        }
    }
}

bool PlainFace::run(Dialog& dialog, const Question& question) {
    return ask_text(question, dialog) == Move::next;
}

PlainFace::End PlainFace::wait(const std::string& holder) {
    elsewhere_ = false;
    say("");
    say("First-time setup is being answered on " + holder + ".");
    say(login_word_ ? "This console waits. Type login for the login prompt." : "Type q to leave; otherwise this waits.");
    while (!turn_->other().empty()) {
        pollfd both[2] = {{fileno(in_), POLLIN, 0}, {turn_->news(), POLLIN, 0}};
        if (poll(both, 2, k_look_ms) < 0 && errno != EINTR) return End::leave;
        if (both[1].revents) turn_->heard();
        if (!both[0].revents) continue;
        std::string text;
        int c = 0;
        while ((c = std::fgetc(in_)) != EOF && c != '\n') text += static_cast<char>(c);
        if (c == EOF || special(trim(text), nullptr) == Move::leave) return End::leave;
    }
    return End::elsewhere;
}

}  // namespace mds::firstboot
