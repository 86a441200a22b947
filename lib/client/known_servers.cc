#include "client/known_servers.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "base/error.hh"
#include "base/text.hh"
#include "json/json.hh"

namespace mds::client {
namespace {

std::string fingerprint_file() {
    const char* home = std::getenv("HOME");
    return std::string(home ? home : "/root") + "/.config/openmds/fingerprints.json";
}

void remember(json::object known, const std::string& host, const std::string& print) {
    std::string file = fingerprint_file(), folder = file.substr(0, file.rfind('/'));
    known[host] = print;
    mkdir(folder.substr(0, folder.rfind('/')).c_str(), 0700);
    mkdir(folder.c_str(), 0700);
    try {
        replace_file(file, json::pretty(known) + "\n", 0600);
    } catch (const Error&) {
        // Nowhere to keep it: asked again next time.
    }
}

}  // namespace

std::string plain_fingerprint(const std::string& text) {
    std::string out;
    for (char c : text) {
        if (c != ':' && c != ' ') out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    return out;
}

bool accept_server(const std::string& host, const std::string& print, bool take, const std::string& how) {
    if (host == "127.0.0.1" || host == "localhost" || host == "::1") return true;
    json::object known;
    try {
        known = json::parse_object(read_file(fingerprint_file()));
    } catch (const Error&) {
        // None was accepted yet.
    }
    std::string before = json::get_string(known, host);
    if (before == print) return true;
    if (!before.empty()) {
        std::fprintf(stderr, "The certificate of %s is another one than before.\n", host.c_str());
    }
    if (!take) {
        if (!isatty(STDIN_FILENO)) {
            throw Error(Code::unreachable, "the fingerprint of " + host + " is " + print + "; accept it with " + how);
        }
        std::fprintf(stderr, "Fingerprint of %s (SHA-1): %s\nAccept it? [y/N] ", host.c_str(), print.c_str());
        std::string line;
        if (!std::getline(std::cin, line) || (line != "y" && line != "Y")) return false;
    }
    remember(std::move(known), host, print);
    return true;
}

}  // namespace mds::client
