// cp_conf sic: the trust of this server, without questions.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "base/error.hh"
#include "base/text.hh"
#include "client.hh"
#include "cpca_client.hh"
#include "draw.hh"
#include "interrupt.hh"

namespace mds::classic {
namespace {

constexpr uint32_t k_key_seconds = 86400;
constexpr char k_trusted[] = "trust established";

int usage() {
    std::fputs(
        "Usage: cp_conf sic state\n"
        "       cp_conf sic init KEY|- [norestart]\n",
        stderr);
    return 2;
}

/// "Trust State: Trust established".
int tell(ctl::Client& client) {
    std::string state = client.sic_property("State");
    if (!state.empty())
        state[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(state[0])));
    fmt::print("Trust State: {}\n", ctl::safe(state));
    return 0;
}

std::string read_key() {
    bool terminal = isatty(STDIN_FILENO);
    if (terminal) {
        std::fputs("Activation key (at least 8 characters, not shown): ", stderr);
        ctl::hide_typing();
    }
    std::string line;
    std::getline(std::cin, line);
    if (terminal) {
        ctl::show_typing();
        std::fputs("\n", stderr);
    }
    return trim(line);
}

int init(const std::string& given) {
    std::string key = given == "-" ? read_key() : given;
    if (given != "-") {
        std::fputs(
            "Warning: a key on the command line is seen by every user of this host and stays in "
            "the history of\n"
            "the shell; cp_conf sic init - reads it from standard input.\n",
            stderr);
    }
    ctl::Client client("cp_conf sic init");
    if (client.sic_property("State") == k_trusted) {
        client.run("", "reset-trust", {{"one-time-password", key}});
    } else {
        // It waits for the Primary already; from now on with this key.
        client.set_key(key, k_key_seconds);
    }
    return tell(client);
}

}  // namespace

int cp_conf(const std::vector<std::string>& arguments) {
    if (arguments.size() < 2 || arguments[0] != "sic") return usage();
    if (arguments[1] == "state" && arguments.size() == 2) {
        ctl::Client client;
        return tell(client);
    }
    // Nothing has to be restarted here; the word is accepted.
    bool good = arguments[1] == "init" &&
                (arguments.size() == 3 || (arguments.size() == 4 && arguments[3] == "norestart"));
    return good ? init(arguments[2]) : usage();
}

}  // namespace mds::classic
