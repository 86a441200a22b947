#include "interrupt.hh"

#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstring>

namespace mds::ctl {
namespace {

std::string g_text;
// What the handler may read at any moment.
std::atomic<const char*> g_line{nullptr};
std::atomic<bool> g_hidden{false}, g_screen{false};
termios g_before{};

// Another screen, which leaves what was there before; no cursor.
constexpr char k_enter[] = "\033[?1049h\033[?25l", k_leave[] = "\033[?25h\033[?1049l";

void put(int fd, const char* text) {
    // Nothing can be done when it cannot be written.
    [[maybe_unused]] ssize_t written = write(fd, text, std::strlen(text));
}

void leave(int signal) {
    if (g_screen) put(STDOUT_FILENO, k_leave);
    if (g_hidden) tcsetattr(STDIN_FILENO, TCSANOW, &g_before);
    if (const char* line = g_line) put(STDERR_FILENO, line);
    _exit(128 + signal);
}

}  // namespace

void leave_on_interrupt() {
    struct sigaction now {};
    sigaction(SIGINT, nullptr, &now);
    if (now.sa_handler == SIG_IGN) return;
    now.sa_handler = leave;
    sigaction(SIGINT, &now, nullptr);
}

void say_when_interrupted(const std::string& line) {
    g_line = nullptr;
    g_text = "\n" + line + "\n";
    if (!line.empty()) g_line = g_text.c_str();
}

void hide_typing(bool keys) {
    if (tcgetattr(STDIN_FILENO, &g_before) != 0) return;
    g_hidden = true;
    termios quiet = g_before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(keys ? ECHO | ICANON : ECHO);
    if (keys) quiet.c_cc[VSUSP] = _POSIX_VDISABLE;
    tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
}

void show_typing() {
    if (g_hidden) tcsetattr(STDIN_FILENO, TCSANOW, &g_before);
    g_hidden = false;
}

void enter_screen() {
    struct sigaction action {};
    action.sa_handler = leave;
    for (int s : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) sigaction(s, &action, nullptr);
    g_screen = true;
    put(STDOUT_FILENO, k_enter);
}

void leave_screen() {
    if (g_screen) put(STDOUT_FILENO, k_leave);
    g_screen = false;
}

}  // namespace mds::ctl
