// mds-gateway: trust of a gateway with its management servers, and the policy it fetches from any of them (LS-7).
#include <fmt/core.h>
#include <signal.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>
#include <optional>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/text.hh"
#include "crypto/secret.hh"
#include "enrol/credentials.hh"
#include "gateway.hh"
#include "pki/certificate.hh"

namespace mds::gateway {

std::string State::name() const {
    return std::filesystem::exists(file("name")) ? trim(read_file(file("name"))) : "";
}

std::vector<std::string> State::managers() const {
    std::vector<std::string> out;
    if (!std::filesystem::exists(file("managers.json"))) return out;
    json::value list = json::parse(read_file(file("managers.json")));
    for (const json::value& v : list.as_array()) out.emplace_back(v.as_string());
    return out;
}

void State::keep_managers(const std::vector<std::string>& addresses) const {
    json::array list;
    for (const std::string& address : addresses) list.emplace_back(address);
    replace_file(file("managers.json"), json::text(list) + "\n", 0600);
}

json::object State::policy() const {
    return std::filesystem::exists(file("policy.json")) ? json::parse_object(read_file(file("policy.json")))
                                                        : json::object{};
}

namespace {

constexpr char k_usage[] =
    "Usage: mds-gateway trust NAME [--key-file FILE] [--wait MINUTES] [--port N]\n"
    "       mds-gateway fetch [--from ADDRESS] [--port N] [--older]\n"
    "       mds-gateway status [--json]\n\n"
    "  trust   waits until a management server of the Domain comes with the same\n"
    "          one-time password (add-simple-gateway, set-simple-gateway); asks for\n"
    "          it, or reads the first line of FILE (- is the standard input)\n"
    "  fetch   gets the policy that was installed last, from the first management\n"
    "          server that answers, Active or Standby\n"
    "  status  trust, certificate, policy and management servers\n\n"
    "Every command takes --state FOLDER (/var/lib/mds-gateway).\n";

struct Arguments {
    std::string command, name, key_file, from;
    State state;
    int64_t wait_minutes = 60;
    int port = 0;
    bool json = false, older = false;
};

struct Usage {
    std::string what;
};

int64_t number(const std::string& option, const std::string& text, int64_t most) {
    int64_t value = 0;
    size_t used = 0;
    try {
        value = std::stoll(text, &used);
    } catch (const std::exception&) {
    }
    if (used != text.size() || value < 1 || value > most) {
        throw Usage{option + " takes a number from 1 to " + std::to_string(most)};
    }
    return value;
}

Arguments parse(const std::vector<std::string>& words) {
    Arguments a;
    std::vector<std::string> plain;
    for (size_t i = 0; i < words.size(); ++i) {
        const std::string& word = words[i];
        auto value = [&]() -> const std::string& {
            if (i + 1 >= words.size()) throw Usage{word + " needs a value"};
            return words[++i];
        };
        if (word == "--state") a.state.folder = value();
        else if (word == "--key-file") a.key_file = value();
        else if (word == "--wait") a.wait_minutes = number(word, value(), 20160);
        else if (word == "--port") a.port = static_cast<int>(number(word, value(), 65535));
        else if (word == "--from") a.from = value();
        else if (word == "--json") a.json = true;
        else if (word == "--older") a.older = true;
        else if (word.rfind("--", 0) == 0) throw Usage{"unknown option " + word};
        else plain.push_back(word);
    }
    if (plain.empty()) throw Usage{"a command is missing"};
    a.command = plain[0];
    bool trust = a.command == "trust";
    if (plain.size() > 1 && trust) a.name = plain[1];
    if (trust && a.name.empty()) throw Usage{"trust needs the name of this gateway's object"};
    if (plain.size() > (trust ? 2u : 1u)) throw Usage{"unexpected " + plain.back()};
    return a;
}

std::string read_key(const std::string& file) {
    std::string line;
    if (!file.empty() && file != "-") {
        std::string text = read_file(file);
        line = text.substr(0, text.find('\n'));
        crypto::wipe(text);
        return line;
    }
    bool person = isatty(STDIN_FILENO) && file.empty();
    termios before{};
    if (person) {
        fmt::print(stderr, "One-time password: ");
        tcgetattr(STDIN_FILENO, &before);
        termios quiet = before;
        quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
        tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    }
    std::getline(std::cin, line);
    if (person) {
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
        fmt::print(stderr, "\n");
    }
    return line;
}

int trust(const Arguments& a) {
    std::string key = read_key(a.key_file);
    crypto::WipeAtEnd wipe(key);
    try {
        wait_for_trust(a.state, a.name, key, static_cast<uint16_t>(a.port ? a.port : 18211), a.wait_minutes * 60'000);
    } catch (const Error& e) {
        if (e.code() != Code::invalid_parameter) throw;
        throw Error(e.code(), e.message()).refusal("", "choose another one-time password, on both ends");
    }
    auto certificate = pki::Certificate::from_pem(read_file(a.state.trust() + "/identity.pem"));
    fmt::print("Trust is established; the certificate is valid until {}.\n"
               "Publish the gateway and install a policy, then: mds-gateway fetch\n",
               rfc3339(certificate.not_after()));
    return 0;
}

std::string described(const json::object& policy) {
    return fmt::format("policy {}, revision {},\n  installed {} by {}", json::get_string(policy, "package"),
                       json::get_int(policy, "revision"), rfc3339(json::get_int(policy, "installed-ms")),
                       json::get_string(policy, "installed-by"));
}

/// Keeps what a server answered; returns whether it had a policy.
bool keep(const Arguments& a, const Answer& answer, const json::object& before) {
    std::vector<std::string> managers;
    for (const json::value& v : json::get_array(answer.body, "management-servers")) {
        managers.push_back(json::get_string(v.as_object(), "ip-address"));
    }
    if (!managers.empty()) a.state.keep_managers(managers);
    std::string from = fmt::format("{} ({}) on {}", json::get_string(answer.body, "server"),
                                   json::get_string(answer.body, "role"), answer.server_name);
    if (json::get_string(answer.body, "policy-id").empty()) {
        fmt::print("{} answers: no policy was installed on {} yet.\n", from, json::get_string(answer.body, "gateway"));
        return false;
    }
    if (!json::find(answer.body, "policy")) {
        fmt::print("{} answers: nothing newer than\n  {}.\n", from, described(before));
        return true;
    }
    std::string text = json::get_string(answer.body, "policy");
    json::object policy = json::parse_object(text);
    if (!a.older && json::get_int(policy, "installed-ms") < json::get_int(before, "installed-ms")) {
        fmt::print("{} has an older one:\n  {};\n  kept: {}.\n", from, described(policy), described(before));
        return true;
    }
    replace_file(a.state.file("policy.json"), text + "\n", 0600);
    fmt::print("Fetched {}\n  from {}.\n", described(policy), from);
    return true;
}

int fetch(const Arguments& a) {
    std::vector<std::string> servers = a.from.empty() ? a.state.managers() : std::vector{a.from};
    if (servers.empty()) {
        throw Error(Code::not_set_up, "no management server is known").refusal("", "mds-gateway trust, or --from");
    }
    auto port = static_cast<uint16_t>(a.port ? a.port : 18221);
    json::object before = a.state.policy();
    if (enrol::Credentials(a.state.trust()).present() && renewal_is_due(a.state)) {
        try {
            renew(a.state, servers, port);
            fmt::print("The certificate was renewed.\n");
        } catch (const Error& e) {
            // There is a quarter of a year for it: fetching goes on with the one that is here.
            fmt::print(stderr, "The certificate is not renewed yet: {}\n", e.message());
        }
    }
    for (const std::string& server : servers) {
        try {
            auto question = [&](const json::object& has) {
                return json::object{{"protocol", 1}, {"request", "fetch-policy"}, {"has", json::get_string(has, "id")}};
            };
            Answer answer = ask(a.state, server, port, question(before));
            if (!keep(a, answer, before)) return 1;
            // Said once more with what is here now: the server shows what this gateway has by its own word.
            if (json::find(answer.body, "policy")) ask(a.state, server, port, question(a.state.policy()));
            return 0;
        } catch (const Error& e) {
            fmt::print(stderr, "{}\n", e.message());
        }
    }
    fmt::print(stderr, "No management server gave a policy{}.\n",
               before.empty() ? "" : "; the one that is here stays in force");
    return 1;
}

int status(const Arguments& a) {
    enrol::Credentials credentials(a.state.trust());
    json::object policy = a.state.policy(), deployment = credentials.deployment();
    json::array managers;
    for (const std::string& m : a.state.managers()) managers.emplace_back(m);
    json::object out{{"name", a.state.name()}, {"trust", credentials.present()}, {"management-servers", managers}};
    if (credentials.present()) {
        auto certificate = pki::Certificate::from_pem(read_file(a.state.trust() + "/identity.pem"));
        out["deployment"] = json::get_string(deployment, "name");
        out["domain"] = json::get_string(deployment, "scope");
        out["certificate-serial"] = certificate.serial();
        out["certificate-valid-to"] = rfc3339(certificate.not_after());
    }
    if (!policy.empty()) {
        out["policy"] = json::object{{"package", policy["package"]},
                                     {"id", policy["id"]},
                                     {"revision", policy["revision"]},
                                     {"installed", rfc3339(json::get_int(policy, "installed-ms"))},
                                     {"installed-by", policy["installed-by"]}};
    }
    if (a.json) {
        fmt::print("{}\n", json::pretty(out));
        return 0;
    }
    fmt::print("Gateway      {}\n", out["name"].as_string().empty() ? "not named yet" : a.state.name());
    fmt::print("Trust        {}\n", credentials.present()
                                        ? "established with deployment " + json::get_string(out, "deployment")
                                        : "none; mds-gateway trust NAME");
    if (credentials.present()) fmt::print("Certificate  valid until {}\n", json::get_string(out, "certificate-valid-to"));
    fmt::print("Policy       {}\n", policy.empty() ? "none; mds-gateway fetch" : json::get_string(policy, "package") + ", revision " +
                                             std::to_string(json::get_int(policy, "revision")) + ", installed " +
                                             rfc3339(json::get_int(policy, "installed-ms")));
    fmt::print("Managers     {}\n", managers.empty() ? "none" : join(a.state.managers(), ", "));
    return 0;
}

int run(int argc, char** argv) {
    std::vector<std::string> words(argv + 1, argv + argc);
    if (words.empty() || words[0] == "--help" || words[0] == "help") {
        fmt::print("{}", k_usage);
        return words.empty() ? 2 : 0;
    }
    // The peers close connections as they like.
    signal(SIGPIPE, SIG_IGN);
    umask(077);
    Arguments a = parse(words);
    std::filesystem::create_directories(a.state.folder);
    if (a.command == "trust") return trust(a);
    if (a.command == "fetch") return fetch(a);
    if (a.command == "status") return status(a);
    throw Usage{"unknown command " + a.command};
}

}  // namespace
}  // namespace mds::gateway

int main(int argc, char** argv) {
    try {
        return mds::gateway::run(argc, argv);
    } catch (const mds::gateway::Usage& usage) {
        fmt::print(stderr, "{}\n{}", usage.what, mds::gateway::k_usage);
        return 2;
    } catch (const mds::Error& e) {
        fmt::print(stderr, "{}\n", e.message());
        if (!e.next().empty()) fmt::print(stderr, "Next: {}\n", e.next());
        return 1;
    } catch (const std::exception& e) {
        fmt::print(stderr, "{}\n", e.what());
        return 1;
    }
}
