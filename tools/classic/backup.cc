// The classic names of mdsctl backup.
#include "backup.hh"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <iostream>

#include "base/error.hh"

namespace mds::classic {
namespace {

/// Becomes mdsctl.
int become(std::vector<std::string> words) {
    words.insert(words.begin(), "mdsctl");
    std::vector<char*> argv;
    for (std::string& w : words) argv.push_back(w.data());
    argv.push_back(nullptr);
    std::fflush(stdout);
    execv("/usr/bin/mdsctl", argv.data());
    throw Error(Code::internal, "/usr/bin/mdsctl cannot be run");
}

int usage(const char* text) {
    std::fprintf(stderr, "Usage: %s\n", text);
    return 2;
}

}  // namespace

int mds_backup(const std::vector<std::string>& arguments) {
    constexpr char k_usage[] = "mds_backup [-b] [-d DIRECTORY] [-l] [-s] [-v]";
    bool ask = true;
    std::vector<std::string> words{"backup", "create"};
    std::string folder = std::filesystem::current_path();
    for (size_t i = 0; i < arguments.size(); ++i) {
        const std::string& word = arguments[i];
        if (word == "-b") {
            ask = false;
        } else if (word == "-d" && i + 1 < arguments.size()) {
            folder = arguments[++i];
        } else if (word == "-l") {
            words.emplace_back("--no-logs");
        } else if (word == "-v") {
            words.emplace_back("--plan");
            ask = false;
        } else if (word != "-s") {
            // -s (services stopped meanwhile) is accepted: a backup is one moment without it.
            return usage(k_usage);
        }
    }
    if (ask) {
        if (!isatty(STDIN_FILENO)) {
            throw Error(Code::unconfirmed, "nothing was done: mds_backup asks first, and there is no terminal; "
                                           "use -b");
        }
        std::fprintf(stderr, "All Multi-Domain Servers are backed up; publishing is held for a moment. Go on? [y/N] ");
        std::string line;
        if (!std::getline(std::cin, line) || (line != "y" && line != "Y" && line != "yes")) {
            std::fputs("Nothing was done.\n", stderr);
            return 9;
        }
    }
    words.emplace_back("--directory");
    words.push_back(folder);
    return become(std::move(words));
}

int mds_restore(const std::vector<std::string>& arguments) {
    if (arguments.empty() || arguments.front().front() == '-') return usage("mds_restore FILE [--alone] [-y]");
    std::vector<std::string> words{"backup", "restore", arguments.front()};
    for (size_t i = 1; i < arguments.size(); ++i) {
        if (arguments[i] == "-y") {
            words.insert(words.begin(), "-y");
        } else if (arguments[i] == "--alone") {
            words.push_back(arguments[i]);
        } else {
            return usage("mds_restore FILE [--alone] [-y]");
        }
    }
    return become(std::move(words));
}

}  // namespace mds::classic
