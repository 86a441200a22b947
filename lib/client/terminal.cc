#include "client/terminal.hh"

#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <iostream>
#include <iterator>

#include "base/error.hh"

namespace mds::client {
namespace {

constexpr int k_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

// What the handler may read at any moment while nothing is shown.
termios g_before{};
struct sigaction g_actions[std::size(k_signals)];

/// Shows again what is typed; then the signal does what it would have done without us.
void show_again(int signal) {
    tcsetattr(STDIN_FILENO, TCSANOW, &g_before);
    for (size_t i = 0; i < std::size(k_signals); ++i) {
        if (k_signals[i] == signal) sigaction(signal, &g_actions[i], nullptr);
    }
    raise(signal);
}

/// As long as it lives the terminal does not show what is typed; no signal ends the program so.
class Hidden {
  public:
    Hidden() {
        tcgetattr(STDIN_FILENO, &g_before);
        for (size_t i = 0; i < std::size(k_signals); ++i) {
            struct sigaction now {};
            now.sa_handler = show_again;
            sigaction(k_signals[i], nullptr, &g_actions[i]);
            if (g_actions[i].sa_handler != SIG_IGN) sigaction(k_signals[i], &now, nullptr);
        }
        termios quiet = g_before;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    }
    ~Hidden() {
        tcsetattr(STDIN_FILENO, TCSANOW, &g_before);
        for (size_t i = 0; i < std::size(k_signals); ++i)
            sigaction(k_signals[i], &g_actions[i], nullptr);
    }
    Hidden(const Hidden&) = delete;
    Hidden& operator=(const Hidden&) = delete;
};

}  // namespace

std::string ask_hidden(const char* prompt, const std::string& otherwise) {
    if (!isatty(STDIN_FILENO)) throw Error(Code::missing_parameters, otherwise);
    std::fprintf(stderr, "%s: ", prompt);
    std::string line;
    {
        Hidden hidden;
        std::getline(std::cin, line);
    }
    std::fprintf(stderr, "\n");
    return line;
}

}  // namespace mds::client
