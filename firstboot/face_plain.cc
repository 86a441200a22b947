#include "face_plain.hh"

#include <termios.h>
#include <unistd.h>

#include "base/roles.hh"
#include "base/text.hh"

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

std::string without_controls(std::string text) {
    std::erase_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
    return text;
}

bool is_here(const HostFacts& host, const std::string& address) {
    for (const HostFacts::Address& one : host.addresses) {
        if (one.address == address) return true;
    }
    return false;
}

}  // namespace

PlainFace::PlainFace(FILE* in, FILE* out, bool login_word)
    : in_(in), out_(out), login_word_(login_word) {}

void PlainFace::say(const std::string& text) {
    std::fprintf(out_, "%s\n", text.c_str());
    std::fflush(out_);
}

bool PlainFace::line(const std::string& prompt, std::string& text, bool shown) {
    std::fprintf(out_, "%s", prompt.c_str());
    std::fflush(out_);
    text.clear();
    int c = 0;
    {
        Quiet quiet(shown ? -1 : fileno(in_));
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

PlainFace::Move PlainFace::ask_role(const Question& question, Answers& answers) {
    const char* roles[] = {"primary", "secondary", "log-server"};
    say(question.text);
    say("  1  Primary Multi-Domain Server, the first server of a deployment");
    say("  2  Secondary Multi-Domain Server, joins an existing deployment");
    say("  3  Multi-Domain Log Server, joins an existing deployment");
    for (std::string text;;) {
        if (!line("Number, or ? for help, < for back: ", text)) return Move::leave;
        text = trim(text);
        Move move = special(text, &question);
        if (move != Move::next) return move;
        if (asked_again_) continue;
        if (text.size() == 1 && text[0] >= '1' && text[0] <= '3') {
            answers.answer("role", roles[text[0] - '1']);
            say("Role: " + role_title(answers.get("role")) + ".");
            return Move::next;
        }
        say("Type 1, 2 or 3.");
    }
}

PlainFace::Move PlainFace::ask_secret(const Question& question, Answers& answers) {
    std::string what = std::string(question.id) == "password" ? "Password" : "Activation key";
    for (std::string first, second;;) {
        if (!line(std::string(question.text) + ": ", first, false)) return Move::leave;
        Move move = special(first, &question);
        if (move != Move::next) return move;
        if (asked_again_) continue;
        std::string wrong = check_value(question.id, first, answers);
        if (!wrong.empty()) {
            say("Not accepted: " + wrong + ".");
            continue;
        }
        if (!line(what + " again: ", second, false)) return Move::leave;
        if (first != second) {
            say("The two differ. Nothing was stored. Please type both again.");
            continue;
        }
        answers.answer(question.id, first);
        return Move::next;
    }
}

PlainFace::Move PlainFace::ask_text(const Question& question, Answers& answers,
                                    const HostFacts& host) {
    std::string standard = answers.get(question.id);
    if (standard.empty()) standard = default_value(question, host, answers);
    if (std::string(question.id) == "address") {
        for (const HostFacts::Address& one : host.addresses) {
            say("  " + one.address + " on " + one.interface);
        }
    }
    std::string prompt = question.text + (standard.empty() ? "" : " [" + standard + "]") + ": ";
    for (std::string text;;) {
        if (!line(prompt, text)) return Move::leave;
        text = trim(without_controls(text));
        Move move = special(text, &question);
        if (move != Move::next) return move;
        if (asked_again_) continue;
        if (text.empty()) text = standard;
        std::string wrong = text.empty() ? "an answer is needed"
                                         : check_value(question.id, text, answers);
        if (wrong.empty() && std::string(question.id) == "address" && !is_here(host, text)) {
            wrong = text + " is not an address of this host";
        }
        if (wrong.empty()) {
            answers.answer(question.id, text);
            return Move::next;
        }
        say("Not accepted: " + wrong + ".");
    }
}

PlainFace::Move PlainFace::ask(const Question& question, Answers& answers, const HostFacts& host,
                               size_t step, size_t steps) {
    say("");
    say("First-time setup. Step " + std::to_string(step) +
        (steps ? " of " + std::to_string(steps) : "") + ": " + question.title + ".");
    if (std::string(question.id) == "role") return ask_role(question, answers);
    return question.secret ? ask_secret(question, answers) : ask_text(question, answers, host);
}

PlainFace::Move PlainFace::summary(const Answers& answers) {
    say("");
    say("Summary");
    for (const Question& question : questions()) {
        if (!*question.title || !(question.roles & answers.role_bit())) continue;
        std::string value = question.secret ? "***" : answers.get(question.id);
        if (std::string(question.id) == "role") value = role_title(value);
        std::string title = question.title;
        title.resize(20, ' ');
        say("  " + title + value);
    }
    for (std::string text;;) {
        if (!line("Type yes to set up this server, < to go back, q to leave: ", text)) {
            return Move::leave;
        }
        text = trim(text);
        if (fold(text) == "yes" || fold(text) == "y") return Move::next;
        Move move = special(text, nullptr);
        if (move != Move::next) return move;
    }
}

PlainFace::End PlainFace::run(Answers& answers, const HostFacts& host) {
    say("First-time setup of OpenMDS. At every question: ? for help, < for back, q to leave.");
    // What files and options have answered is not asked, unless people go back to it.
    auto is_open = [&](const Question& question) {
        if (!*question.title) return false;
        unsigned role = answers.role_bit();
        if (role && !(question.roles & role)) return false;
        if (!role && question.roles != k_all) return false;
        return true;
    };
    std::map<std::string, bool> given;
    for (const Question& question : questions()) given[question.id] = answers.has(question.id);
    if (answers.has("password_hash") || answers.has("password_file")) given["password"] = true;
    if (answers.has("activation_key_file")) given["activation_key"] = true;
    size_t at = 0;
    for (;;) {
        std::vector<const Question*> steps;
        for (const Question& question : questions()) {
            if (is_open(question) && !given[question.id]) steps.push_back(&question);
        }
        if (at < steps.size()) {
            size_t count = answers.role_bit() ? steps.size() + 1 : 0;
            switch (ask(*steps[at], answers, host, at + 1, count)) {
                case Move::next: ++at; break;
                case Move::back: at = at ? at - 1 : 0; break;
                case Move::leave: return End::leave;
            }
            continue;
        }
        switch (summary(answers)) {
            case Move::next: return End::apply;
            case Move::back:
                if (at) --at;
                break;
            case Move::leave: return End::leave;
        }
    }
}

}  // namespace mds::firstboot
