#include "pager.hh"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace mds::ctl {
namespace {

std::string content(int fd) {
    std::string out(static_cast<size_t>(lseek(fd, 0, SEEK_END)), '\0');
    size_t have = 0;
    while (have < out.size()) {
        ssize_t got = pread(fd, out.data() + have, out.size() - have, static_cast<off_t>(have));
        if (got <= 0) break;
        have += static_cast<size_t>(got);
    }
    out.resize(have);
    return out;
}

int screen_rows() {
    winsize size{};
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

/// False when it could not be started. The default one ends by itself when all fits, and keeps colours.
bool page(const std::string& text) {
    const char* chosen = std::getenv("PAGER");
    // A handler, which the pager does not inherit: Ctrl+C is its business, and a pager that was left is no error.
    std::signal(SIGINT, [](int) {});
    std::signal(SIGPIPE, [](int) {});
    FILE* pipe = popen(chosen && *chosen ? chosen : "less -FRX", "w");
    if (!pipe) return false;
    std::fwrite(text.data(), 1, text.size(), pipe);
    int status = pclose(pipe);
    // The shell found no such program.
    return status < 0 || !WIFEXITED(status) || (WEXITSTATUS(status) != 127 && WEXITSTATUS(status) != 126);
}

}  // namespace

Pager::Pager(const Options& options, bool paged) {
    if (!paged || !options.pager || !options.terminal || !options.moves || !isatty(STDIN_FILENO)) return;
    kept_ = memfd_create("mdsctl", MFD_CLOEXEC);
    if (kept_ < 0) return;
    std::fflush(stdout);
    screen_ = dup(STDOUT_FILENO);
    dup2(kept_, STDOUT_FILENO);
}

Pager::~Pager() {
    if (kept_ < 0) return;
    std::fflush(stdout);
    std::string text = content(kept_);
    dup2(screen_, STDOUT_FILENO);
    close(screen_);
    close(kept_);
    // The prompt of the shell needs a line too.
    bool long_one = std::count(text.begin(), text.end(), '\n') >= screen_rows();
    if (long_one && page(text)) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
}

}  // namespace mds::ctl
