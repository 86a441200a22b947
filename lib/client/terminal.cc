#include "client/terminal.hh"

#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "base/error.hh"

namespace mds::client {

std::string ask_hidden(const char* prompt, const std::string& otherwise) {
    if (!isatty(STDIN_FILENO)) throw Error(Code::missing_parameters, otherwise);
    std::fprintf(stderr, "%s: ", prompt);
    termios before{};
    tcgetattr(STDIN_FILENO, &before);
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    std::string line;
    std::getline(std::cin, line);
    tcsetattr(STDIN_FILENO, TCSANOW, &before);
    std::fprintf(stderr, "\n");
    return line;
}

}  // namespace mds::client
