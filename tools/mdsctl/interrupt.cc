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
std::atomic<bool> g_hidden{false};
termios g_before{};

void leave(int) {
    if (g_hidden) tcsetattr(STDIN_FILENO, TCSANOW, &g_before);
    if (const char* line = g_line) {
        // Nothing can be done when it cannot be written.
        [[maybe_unused]] ssize_t written = write(STDERR_FILENO, line, std::strlen(line));
    }
    _exit(130);
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

void hide_typing() {
    if (tcgetattr(STDIN_FILENO, &g_before) != 0) return;
    g_hidden = true;
    termios quiet = g_before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
}

void show_typing() {
    if (g_hidden) tcsetattr(STDIN_FILENO, TCSANOW, &g_before);
    g_hidden = false;
}

}  // namespace mds::ctl
