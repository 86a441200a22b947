// mdsconfig: the classic menu. Its entries are what mdsctl and systemctl do.
#include "mdsconfig.hh"

#include <spawn.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <iostream>

#include "base/error.hh"
#include "base/text.hh"
#include "json/json.hh"

namespace mds::classic {
namespace {

constexpr char k_identity[] = "/var/lib/mds/system/identity.json";

/// Runs a program with a text on its standard input; its exit code.
int run(std::vector<std::string> words, const std::string& input = "") {
    int ends[2];
    if (pipe(ends) != 0) throw Error(Code::internal, "no pipe");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[0], STDIN_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[1]);
    pid_t child = 0;
    int failed = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[0]);
    // Short enough for the pipe; who does not read it has said why.
    if (!failed && write(ends[1], input.data(), input.size()) < 0) failed = errno;
    close(ends[1]);
    if (child == 0) throw Error(Code::internal, words[0] + " cannot be started");
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/// One line, without echo on a terminal; nothing at the end of the input.
bool read_line(const char* prompt, std::string& line, bool secret = false) {
    std::printf("%s", prompt);
    std::fflush(stdout);
    termios before{};
    bool terminal = secret && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        termios quiet = before;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    }
    bool got = static_cast<bool>(std::getline(std::cin, line));
    if (terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
        std::printf("\n");
    }
    line = trim(line);
    return got;
}

/// RS-2, RS-3: whether trust was reset.
bool reset_trust() {
    std::string answer;
    std::printf("Trust state: ");
    std::fflush(stdout);
    run({"mdsctl", "trust", "state"});
    std::puts("This server is cut off until the Primary connects it with the new key. Its data is kept.");
    if (!read_line("Re-establish trust? (y/n) ", answer) || answer != "y") {
        std::puts("Nothing was changed.");
        return false;
    }
    for (;;) {
        std::string key, again;
        if (!read_line("Enter the new activation key: ", key, true)) return false;
        if (!read_line("Enter it again: ", again, true)) return false;
        if (key != again) {
            std::puts("The two keys differ.  [RF-32]");
            continue;
        }
        // What breaks a rule is refused with it, and asked again.
        int code = run({"mdsctl", "--yes", "trust", "reset"}, key + "\n");
        if (code == 0) return true;
        if (!key.empty() && code != exit_code(Code::invalid_parameter)) return false;
    }
}

}  // namespace

int mdsconfig(const std::vector<std::string>& arguments, bool& restart) {
    // A menu stays open for long; typed keys would stay in the buffer of the input.
    std::setvbuf(stdin, nullptr, _IONBF, 0);
    json::object me;
    if (access(k_identity, R_OK) == 0) me = json::parse_object(read_file(k_identity));
    if (me.empty()) {
        std::fprintf(stderr, "Error: this server is not set up\nNext:  mds-setup\n");
        return 1;
    }
    const bool primary = json::get_string(me, "role") == "primary";
    if (arguments.size() == 1 && arguments[0] == "--reset-trust") {
        // The direct way answers as the menu would, on the Primary by refusing (RF-31).
        if (primary) return run({"mdsctl", "--yes", "trust", "reset"});
        restart = reset_trust();
        return restart ? 0 : 9;
    }
    if (!arguments.empty()) {
        std::fprintf(stderr, "Usage: mdsconfig [--reset-trust]\n");
        return 2;
    }
    struct Entry {
        const char* text;
        std::function<void()> act;
    };
    std::vector<Entry> entries{
        {"Leading interface", [&] {
             std::printf("%s on %s\n", json::get_string(me, "address").c_str(),
                         json::get_string(me, "interface", "-").c_str());
         }},
        {"Certificate's fingerprint", [] {
             run({"busctl", "get-property", "org.openmds.Api1", "/org/openmds/Api1", "org.openmds.Api1",
                  "Fingerprint"});
         }},
        {"Automatic start", [] {
             int enabled = run({"systemctl", "is-enabled", "mds.target"});
             std::string answer;
             if (!read_line(enabled == 0 ? "Do not start at boot any more? (y/n) "
                                         : "Start at boot? (y/n) ", answer) || answer != "y") {
                 return;
             }
             run({"systemctl", enabled == 0 ? "disable" : "enable", "mds.target"});
         }}};
    if (!primary) {
        entries.push_back({"Secure Internal Communication", [&] { restart = reset_trust() || restart; }});
    }
    const char* kind = primary                                            ? "Primary Multi-Domain Server"
                       : json::get_string(me, "role") == "secondary"      ? "Secondary Multi-Domain Server"
                                                                          : "Multi-Domain Log Server";
    for (;;) {
        std::printf("\nConfiguration of %s (%s)\n\n", json::get_string(me, "name").c_str(), kind);
        for (size_t i = 0; i < entries.size(); ++i) std::printf("  (%zu) %s\n", i + 1, entries[i].text);
        const size_t exit_number = entries.size() + 1;
        std::printf("  (%zu) Exit\n\n", exit_number);
        std::string answer;
        if (!read_line(("Enter your choice (1-" + std::to_string(exit_number) + "): ").c_str(), answer)) {
            return 0;
        }
        if (answer == std::to_string(exit_number)) return 0;
        bool known = false;
        for (size_t i = 0; i < entries.size(); ++i) {
            if (answer != std::to_string(i + 1)) continue;
            known = true;
            entries[i].act();
        }
        if (!known) std::puts("No such choice.");
    }
}

}  // namespace mds::classic
