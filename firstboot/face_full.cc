#include "face_full.hh"

#include <langinfo.h>
#include <newt.h>
#include <slang.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/text.hh"
#include "wrap.hh"

namespace mds::firstboot {
namespace {

constexpr int k_columns = 80, k_rows = 24;
/// Inside of the frame of every screen.
constexpr int k_width = 78, k_height = 20, k_margin = 2, k_text_width = k_width - 2 * k_margin;
constexpr int k_message_row = 16, k_button_row = 18;
constexpr int k_key_leave = 3;  // Ctrl+C
/// Keys that end newtFormRun wherever the focus is.
constexpr int k_hot_keys[] = {NEWT_KEY_ESCAPE, NEWT_KEY_F1, k_key_leave, NEWT_KEY_ENTER};

bool utf8() {
    return std::string(nl_langinfo(CODESET)) == "UTF-8";
}

/// The terminal, from the first screen to the last.
class Terminal {
  public:
    Terminal() {
        newtInit();
        // Slang would draw frames by the terminal's other character set, which serial consoles and
        // recordings often do not have.
        if (!utf8()) {
            SLtt_Has_Alt_Charset = 0;
            SLsmg_reinit_smg();
        }
        if (std::getenv("NO_COLOR")) SLtt_Use_Ansi_Colors = 0;
        newtCls();
        newtPushHelpLine(utf8() ? " Tab moves · Space selects · F1 help · Esc back · "
                                  "Ctrl+C leaves, answers kept"
                                : " Tab moves | Space selects | F1 help | Esc back | "
                                  "Ctrl+C leaves, answers kept");
    }
    ~Terminal() { newtFinished(); }
    Terminal(const Terminal&) = delete;
    Terminal& operator=(const Terminal&) = delete;
};

std::string capital(std::string text) {
    if (!text.empty()) text[0] = static_cast<char>(toupper(text[0]));
    return text;
}

enum class Key { back, next, help, leave, file, elsewhere };

/// A window with text and fields, a line for messages and buttons.
class Window {
  public:
    Window(const std::string& name, const std::string& progress, const std::string& invitation, Turn* turn)
        : turn_(turn) {
        int columns = 0, rows = 0;
        newtGetScreenSize(&columns, &rows);
        std::string blank(static_cast<size_t>(columns), ' ');
        newtDrawRootText(0, 0, blank.c_str());
        newtDrawRootText(1, 0, Dialog::k_welcome);
        newtDrawRootText(-static_cast<int>(progress.size()) - 1, 0, progress.c_str());
        int left = static_cast<int>(strlen(Dialog::k_welcome)) + 1;
        int room = columns - left - static_cast<int>(progress.size()) - 1, length = static_cast<int>(invitation.size());
        // Where an address is too long, F1 tells it.
        if (length + 2 <= room) newtDrawRootText(left + (room - length) / 2, 0, invitation.c_str());
        newtOpenWindow((columns - k_width) / 2, (rows - k_height) / 2, k_width, k_height,
                       name.c_str());
        newtRedrawHelpLine();  // on 24 rows the shadow of the window lies over it
        form_ = newtForm(nullptr, nullptr, NEWT_FLAG_NOF12);
        for (int key : k_hot_keys) newtFormAddHotKey(form_, key);
        if (turn_) newtFormWatchFd(form_, turn_->news(), NEWT_FD_READ);
    }
    ~Window() {
        newtFormDestroy(form_);
        newtPopWindow();
    }
    Window(const Window&) = delete;
    Window& operator=(const Window&) = delete;

    int row() const { return row_; }
    void skip(int rows) { row_ += rows; }
    void add(newtComponent component) { newtFormAddComponent(form_, component); }
    void text(const std::string& content, int column = k_margin) {
        for (const std::string& line :
             wrapped(content, static_cast<size_t>(k_width - 1 - column))) {
            add(newtLabel(column, row_++, line.c_str()));
        }
    }
    newtComponent entry(const std::string& content, bool secret) {
        int flags = NEWT_FLAG_SCROLL | (secret ? NEWT_FLAG_PASSWORD : 0);
        newtComponent made =
            newtEntry(k_margin, row_++, content.c_str(), k_text_width, nullptr, flags);
        add(made);
        return made;
    }
    /// The row of messages and that of buttons; call it after the fields.
    void buttons(const std::vector<std::pair<std::string, Key>>& wanted) {
        for (int i = 0; i < 2; ++i) {
            add(message_[i] = newtLabel(k_margin, k_message_row - 1 + i, ""));
        }
        int column = 19 - static_cast<int>(wanted.size() > 3) * 8;
        for (const auto& [name, key] : wanted) {
            newtComponent made = newtCompactButton(column, k_button_row, name.c_str());
            buttons_.emplace_back(made, key);
            add(made);
            column += static_cast<int>(name.size()) + 10;
        }
    }
    void message(const std::string& content) {
        std::vector<std::string> lines = wrapped(content, static_cast<size_t>(k_text_width));
        for (size_t i = 0; i < 2; ++i) {
            newtLabelSetText(message_[i], i < lines.size() ? lines[i].c_str() : "");
        }
    }
    void focus(newtComponent component) { newtFormSetCurrent(form_, component); }
    newtComponent focused() { return newtFormGetCurrent(form_); }
    void focus_button(Key key) {
        for (const auto& [button, its] : buttons_) {
            if (its == key) focus(button);
        }
    }
    Key run() {
        newtExitStruct end{};
        do {
            if (turn_ && !turn_->other().empty()) return Key::elsewhere;
            newtFormRun(form_, &end);
            if (end.reason == newtExitStruct::NEWT_EXIT_FDREADY) turn_->heard();
        } while (end.reason == newtExitStruct::NEWT_EXIT_FDREADY);
        if (end.reason == newtExitStruct::NEWT_EXIT_ERROR) return Key::leave;
        if (end.reason == newtExitStruct::NEWT_EXIT_HOTKEY) {
            if (end.u.key == NEWT_KEY_ESCAPE) return Key::back;
            if (end.u.key == NEWT_KEY_F1) return Key::help;
            if (end.u.key == k_key_leave) return Key::leave;
        }
        for (const auto& [button, key] : buttons_) {
            if (button == focused()) return key;
        }
        return Key::next;
    }

  private:
    newtComponent form_;
    Turn* turn_;
    int row_ = 1;
    newtComponent message_[2] = {};
    std::vector<std::pair<newtComponent, Key>> buttons_;
};

void show_help(const std::string& content) {
    std::vector<std::string> lines = wrapped(content, 60);
    int height = static_cast<int>(lines.size());
    newtCenteredWindow(64, static_cast<unsigned>(height + 4), "Help");
    newtComponent form = newtForm(nullptr, nullptr, NEWT_FLAG_NOF12);
    for (int i = 0; i < height; ++i) {
        newtFormAddComponent(form, newtLabel(2, i + 1, lines[static_cast<size_t>(i)].c_str()));
    }
    newtFormAddComponent(form, newtCompactButton(28, height + 2, "Close"));
    for (int key : k_hot_keys) newtFormAddHotKey(form, key);
    newtExitStruct end{};
    newtFormRun(form, &end);
    newtFormDestroy(form);
    newtPopWindow();
}

/// One question on a screen.
struct Field {
    const Question* question;
    std::vector<Dialog::Choice> choices;
    std::vector<newtComponent> radios;
    newtComponent list = nullptr, entry = nullptr, again = nullptr;
};

Field make_field(Window& window, const Dialog& dialog, const Question& question) {
    Field field{&question, dialog.choices(question), {}, nullptr, nullptr, nullptr};
    std::string standard = dialog.suggestion(question);
    std::vector<std::string> shown = dialog.shown(question);
    if (!shown.empty()) {
        window.text(question.help);
        window.skip(1);
        for (const std::string& line : shown) window.text(line, 5);
        window.skip(1);
    }
    window.text(dialog.text(question));
    if (!fixed_choices(question).empty()) {
        newtComponent before = nullptr;
        for (const Dialog::Choice& one : field.choices) {
            window.skip(1);
            before =
                newtRadiobutton(5, window.row(), one.name.c_str(), one.value == standard, before);
            window.add(before);
            field.radios.push_back(before);
            window.skip(1);
            window.text(capital(one.what) + ". " + one.more, 9);
        }
    } else if (!field.choices.empty()) {
        window.skip(1);
        // What comes below it on the same screen, and the line of messages, keep their places.
        int count = static_cast<int>(field.choices.size());
        int height = std::min({count, 10, k_message_row - 3 - window.row()});
        field.list = newtListbox(5, window.row(), height, count > height ? NEWT_FLAG_SCROLL : 0);
        for (size_t i = 0; i < field.choices.size(); ++i) {
            newtListboxAppendEntry(field.list, field.choices[i].name.c_str(),
                                   reinterpret_cast<void*>(i));
            if (field.choices[i].value == standard) {
                newtListboxSetCurrent(field.list, static_cast<int>(i));
            }
        }
        window.add(field.list);
        window.skip(height);
    } else {
        field.entry = window.entry(standard, question.secret);
        if (question.secret) {
            window.text(Dialog::secret_name(question) + " again");
            field.again = window.entry("", true);
        }
    }
    window.skip(1);
    return field;
}

bool is_checked(newtComponent radio) {
    return newtCheckboxGetValue(radio) != ' ';
}

/// The answer in a field; with the focus on one of several radio buttons, Enter takes that one.
std::string value_of(Window& window, const Field& field) {
    if (field.list) {
        return field.choices[reinterpret_cast<size_t>(newtListboxGetCurrent(field.list))].value;
    }
    if (field.entry) {
        std::string text = newtEntryGetValue(field.entry);
        return field.question->secret ? text : trim(text);
    }
    for (size_t i = 0; i < field.radios.size(); ++i) {
        if (field.radios[i] == window.focused()) return field.choices[i].value;
    }
    for (size_t i = 0; i < field.radios.size(); ++i) {
        if (is_checked(field.radios[i])) return field.choices[i].value;
    }
    return "";
}

enum class Taken { yes, no, elsewhere };
/// Stores the answers of a screen; no: with a message and the focus on what is wrong.
Taken take(Window& window, Dialog& dialog, const std::vector<Field>& fields, Turn* turn, std::string& remark) {
    for (const Field& field : fields) {
        std::string text = value_of(window, field);
        std::string wrong = dialog.refuse(*field.question, text);
        if (wrong.empty() && field.again && Dialog::is_typed_twice(*field.question, text) &&
            text != newtEntryGetValue(field.again)) {
            wrong = Dialog::k_differ;
        }
        if (wrong.empty()) {
            if (turn && !turn->take()) return Taken::elsewhere;
            Finding found = dialog.store(*field.question, text);
            wrong = found.refusal;
            if (!found.remark.empty()) remark += (remark.empty() ? "" : " ") + found.remark;
        }
        if (!wrong.empty()) {
            window.message(wrong);
            if (field.again) {
                newtEntrySet(field.entry, "", 1);
                newtEntrySet(field.again, "", 1);
            }
            window.focus(field.entry ? field.entry : field.list ? field.list : field.radios[0]);
            return Taken::no;
        }
    }
    return Taken::yes;
}

/// Enter in an entry goes to the one below it, as in every form.
bool moved_down(Window& window, const std::vector<Field>& fields) {
    std::vector<newtComponent> stops;
    for (const Field& field : fields) {
        for (newtComponent one : {field.entry, field.again, field.list}) {
            if (one) stops.push_back(one);
        }
    }
    auto at = std::find(stops.begin(), stops.end(), window.focused());
    if (at == stops.end() || at + 1 == stops.end()) return false;
    window.focus(*(at + 1));
    return true;
}

/// `remark`: what the screen before has found out; afterwards, what this one has.
Key ask(Dialog& dialog, const Dialog::Screen& screen, size_t index, Turn* turn, std::string& remark) {
    Window window(capital(title(*screen[0])), dialog.progress(index), dialog.invitation().line, turn);
    std::vector<Field> fields;
    std::string help;
    for (const Question* question : screen) {
        fields.push_back(make_field(window, dialog, *question));
        help += (help.empty() ? "" : "\n") + std::string(question->help);
    }
    if (screen.size() == 1 && !screen[0]->asked_only) window.text(help);
    window.buttons({{"Back", Key::back}, {"Next", Key::next}, {"Help", Key::help}});
    // A role that was chosen has the focus, not the first of the three.
    for (newtComponent radio : fields[0].radios) {
        if (is_checked(radio)) window.focus(radio);
    }
    window.message(std::exchange(remark, ""));
    for (;;) {
        Key key = window.run();
        if (key == Key::help) {
            const std::string& text = dialog.invitation().text;
            show_help(help + (text.empty() ? "" : "\n\n" + text));
        } else if (key == Key::back && index == 0) {
            window.message("This is the first step.");
        } else if (key != Key::next) {
            return key;
        } else if (!moved_down(window, fields)) {
            Taken taken = take(window, dialog, fields, turn, remark);
            if (taken == Taken::elsewhere) return Key::elsewhere;
            if (taken == Taken::yes) return key;
        }
    }
}

Key summary(const Dialog& dialog, size_t index, const FullFace::Keep& keep, Turn* turn) {
    Window window("Summary", dialog.progress(index), dialog.invitation().line, turn);
    std::string content;
    for (const std::string& one : dialog.summary()) {
        for (const std::string& line : wrapped(one, k_text_width - 2)) content += line + "\n";
    }
    newtComponent box = newtTextbox(k_margin, 1, k_text_width, k_message_row - 2, NEWT_FLAG_SCROLL);
    newtTextboxSetText(box, content.c_str());
    window.add(box);
    std::vector<std::pair<std::string, Key>> buttons = {
        {"Back", Key::back}, {"Set up", Key::next}, {"Help", Key::help}};
    if (keep) buttons.emplace_back("Write file", Key::file);
    window.buttons(buttons);
    window.focus_button(Key::next);
    for (;;) {
        Key key = window.run();
        if (key == Key::help) {
            show_help(
                "Nothing has been changed yet. \"Set up\" does what the summary says; it takes "
                "some seconds. \"Write file\" keeps these answers in a file, for another "
                "server or another time.");
        } else if (key == Key::file) {
            window.message(keep(dialog.file()));
        } else {
            return key;
        }
    }
}

/// A serial line: ttyS0, ttyAMA0, ttyUSB0 and the consoles of hypervisors.
bool is_serial(int fd) {
    const char* name = ttyname(fd);
    if (!name) return false;
    const char* base = std::strrchr(name, '/');
    base = base ? base + 1 : name;
    return std::strncmp(base, "hvc", 3) == 0 ||
           (std::strncmp(base, "tty", 3) == 0 && base[3] >= 'A' && base[3] <= 'Z');
}

}  // namespace

bool full_screen_possible() {
    winsize size{};
    const char* term = std::getenv("TERM");
    std::string kind = term ? term : "";
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || is_serial(STDIN_FILENO)) return false;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < k_columns ||
        size.ws_row < k_rows) {
        return false;
    }
    // newtInit ends the program on a terminal without cursor control.
    return !kind.empty() && kind != "dumb" && SLtt_initialize(kind.data()) == 0;
}

FullFace::FullFace(Keep keep, Turn* turn) : keep_(std::move(keep)), turn_(turn) {}

Dialog::End FullFace::run(Dialog& dialog) {
    Terminal terminal;
    size_t at = 0;
    std::string remark;
    for (;;) {
        std::vector<Dialog::Screen> screens = dialog.screens();
        bool last = at >= screens.size();
        switch (last ? summary(dialog, at, keep_, turn_) : ask(dialog, screens[at], at, turn_, remark)) {
            case Key::next:
                if (last) return End::apply;
                ++at;
                break;
            case Key::leave:
                return End::leave;
            case Key::elsewhere:
                return End::elsewhere;
            default:
                at = at ? at - 1 : 0;
                break;
        }
    }
}

}  // namespace mds::firstboot
