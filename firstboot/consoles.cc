#include "consoles.hh"

#include <unistd.h>
#include <utmpx.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "answers.hh"
#include "base/text.hh"
#include "guarded_file.hh"

namespace mds::firstboot {
namespace {

std::string content(const std::string& path) {
    std::string text, reason;
    bool guarded = false;
    load(system_root() + path, text, reason, guarded);
    return text;
}

}  // namespace

std::vector<std::string> consoles() {
    std::vector<std::string> found;
    auto add = [&found](std::string name) {
        if (name.starts_with("/dev/")) name = name.substr(5);
        if (!name.empty() && std::find(found.begin(), found.end(), name) == found.end()) found.push_back(name);
    };
    if (access((system_root() + "/run/systemd/container").c_str(), F_OK) == 0) {
        add("console");
        // Set by the container's manager for PID 1, and passed on by our unit.
        const char* more = std::getenv("container_ttys");
        for (const std::string& one : split(more ? more : "", ' ')) add(one);
        return found;
    }
    if (access((system_root() + "/sys/class/tty/tty0").c_str(), F_OK) == 0) add("tty1");
    // As systemd-getty-generator: what the kernel has as console, but for the virtual terminals.
    for (const std::string& one : split(trim(content("/sys/class/tty/console/active")), ' ')) {
        if (!is_virtual_terminal(one)) add(one);
    }
    return found;
}

std::string login_unit(const std::string& console) {
    if (console == "console") return "console-getty.service";
    if (console.starts_with("pts/")) return "container-getty@" + console.substr(4) + ".service";
    return (is_virtual_terminal(console) ? "getty@" : "serial-getty@") + escaped(console) + ".service";
}

bool in_use(const std::string& console) {
    bool found = false;
    setutxent();
    for (const utmpx* one = nullptr; !found && (one = getutxent());) {
        std::string line(one->ut_line, strnlen(one->ut_line, sizeof(one->ut_line)));
        // The console of a container is its first pseudo terminal.
        found = one->ut_type == USER_PROCESS && (line == console || (console == "console" && line == "pts/0"));
    }
    endutxent();
    return found;
}

bool is_virtual_terminal(const std::string& console) {
    return console.size() > 3 && console.starts_with("tty") &&
           std::all_of(console.begin() + 3, console.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string escaped(const std::string& name) {
    std::string out;
    for (char c : name) {
        if (c == '/') {
            out += '-';
        } else if (c == '-') {
            out += "\\x2d";
        } else {
            out += c;
        }
    }
    return out;
}

}  // namespace mds::firstboot
