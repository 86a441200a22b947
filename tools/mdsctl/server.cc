// mdsctl server, mdsctl trust.
#include <fmt/core.h>
#include <unistd.h>

#include <iostream>

#include "base/clock.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "interrupt.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {

std::string read_secret(const std::string& file, const char* prompt) {
    if (!file.empty() && file != "-") return trim(read_file(file));
    bool terminal = isatty(STDIN_FILENO);
    if (terminal) {
        std::fprintf(stderr, "%s: ", prompt);
        hide_typing();
    }
    std::string line;
    std::getline(std::cin, line);
    if (terminal) {
        show_typing();
        std::fprintf(stderr, "\n");
    }
    return trim(line);
}

int server_list(Client& client, const Options& options) {
    json::object grid = client.grid();
    const json::array& servers = json::get_array(grid, "servers");
    Rows table("servers", {"SERVER", "ADDRESS", "ROLE", "STATE", "LAST CONTACT", "REASON", Column("VERSION", true),
                           Column("CERTIFICATE UNTIL", true), Column("UID", true)});
    for (const json::value& v : servers) {
        const json::object& s = v.as_object();
        std::string state = json::get_string(s, "state");
        Cell contact = since_cell(json::get_int(s, "last-contact"));
        if (json::get_bool(s, "self")) contact.shown = "this server";
        table.row(s, {json::get_string(s, "name"), json::get_string(s, "address"), json::get_string(s, "role"),
                      state_cell(options, state, state), contact, json::get_string(s, "reason"),
                      json::get_string(s, "version"), day_cell(json::get_int(s, "certificate-until")),
                      json::get_string(s, "uid")});
    }
    table.print(options);
    return 0;
}

int server_show(Client& client, const Options& options, const std::string& name) {
    print_object(options, client.run("", "show-mds", {{"name", name}}));
    return 0;
}

int trust_status(Client& client, const Options& options) {
    const json::object grid = client.grid();
    Rows table("servers", {"SERVER", "STATE", "CERTIFICATE UNTIL", "ENDS IN", "RENEWAL"});
    for (const json::value& v : json::get_array(grid, "servers")) {
        const json::object& s = v.as_object();
        std::string state = json::get_string(s, "state"), problem = json::get_string(s, "renewal-problem");
        int64_t until = json::get_int(s, "certificate-until"), left = until - wall_ms();
        table.row({{"server", json::get_string(s, "name")},
                   {"state", state},
                   {"certificate-until", until},
                   {"renewal-problem", problem}},
                  {json::get_string(s, "name"), state_cell(options, state, state), day_cell(until),
                   until == 0 ? "-" : left < 0 ? "ended" : age_text(left), problem.empty() ? "by itself" : problem});
    }
    table.print(options);
    return 0;
}

int server_add(Client& client, const Options& options, const std::string& name,
               const std::string& address, bool log_server, const std::string& key_file) {
    std::string key = read_secret(key_file, "Activation key");
    json::object body{{"name", name},
                      {"server-type",
                       log_server ? "multi-domain log server" : "multi-domain server"},
                      {"one-time-password", key}};
    if (!address.empty()) body["ip-address"] = address;
    json::object reply = client.run("", "add-mds", body);
    if (options.json) {
        print_json(options, reply);
        return 0;
    }
    if (!options.quiet) {
        std::printf("%s %s: %s\n", symbol(options, "done").c_str(), safe(name).c_str(),
                    json::get_string(reply, "sic-state").c_str());
        std::printf("Next:  mdsctl status\n");
    }
    return 0;
}

int server_delete(Client& client, const Options& options, const std::string& name) {
    json::object shown = client.run("", "show-mds", {{"name", name}});
    std::string question = "Delete " + safe(name) + " from the deployment";
    std::vector<std::string> servers;
    for (const char* list : {"domains", "global-domains"}) {
        for (const json::value& v : json::get_array(shown, list)) {
            servers.push_back(safe(json::get_string(v.as_object(), "name")));
        }
    }
    if (!servers.empty()) question += ", with its servers of " + join(servers, ", ");
    if (!confirm(options, question + "? Its certificates are revoked.")) {
        throw Error(Code::unconfirmed, "not confirmed, nothing was changed: " + question +
                                           "? Its certificates are revoked.")
            .refusal("", "mdsctl server delete " + shell_word(name) + " --yes");
    }
    client.run("", "delete-mds", {{"name", name}});
    if (!options.quiet) std::printf("%s %s is deleted\n", symbol(options, "done").c_str(), safe(name).c_str());
    return 0;
}

int server_readmit(Client& client, const Options& options, const std::string& name) {
    client.run("", "readmit-mds", {{"name", name}});
    if (!options.quiet) {
        std::printf("%s %s is a Secondary of the deployment\n", symbol(options, "done").c_str(),
                    safe(name).c_str());
    }
    return 0;
}

int trust_reset(Client& client, const Options& options, const std::string& key_file) {
    json::object plan = client.run("", "reset-trust", {{"plan", true}});
    std::string name = safe(json::get_string(plan, "server"));
    if (!confirm(options, "The trust of " + name +
                              " is reset: it is cut off until the Primary connects it anew. Its data is "
                              "kept. Go on?")) {
        throw Error(Code::unconfirmed, "not confirmed, nothing was changed")
            .refusal("", "mdsctl trust reset --yes");
    }
    std::string key = read_secret(key_file, "New activation key (at least 8 characters, not shown)");
    if (key_file.empty() && isatty(STDIN_FILENO) && read_secret("", "Again") != key) {
        throw Error(Code::invalid_parameter, "the two keys differ; nothing was changed")
            .refusal("RF-32", "mdsctl trust reset");
    }
    client.run("", "reset-trust", {{"one-time-password", key}});
    if (!options.quiet) {
        std::printf("%s %s: Initialized but trust not established\nNext:  on the Primary: mdsctl trust "
                    "connect %s\n",
                    symbol(options, "done").c_str(), name.c_str(), name.c_str());
    }
    return 0;
}

int trust_connect(Client& client, const Options& options, const std::string& name,
                  const std::string& key_file) {
    std::string key = read_secret(key_file, "Activation key");
    json::object reply = client.run("", "set-mds", {{"name", name}, {"one-time-password", key}});
    if (!options.quiet) {
        std::printf("%s %s: Trust established\n", symbol(options, "done").c_str(),
                    safe(json::get_string(reply, "name")).c_str());
    }
    return 0;
}

int trust_state(Client& client) {
    std::printf("%s\n", client.sic_property("State").c_str());
    return 0;
}

int trust_set_key(Client& client, const Options& options, bool generate) {
    std::string key;
    if (generate) {
        // Crockford base 32 without I, L, O, U: 4 groups of 4 are 80 bits (K-1).
        constexpr char k_digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        for (unsigned char c : random_bytes(16)) {
            if (!key.empty() && key.size() % 5 == 4) key += '-';
            key += k_digits[c & 31];
        }
    } else {
        key = read_secret("", "Activation key (at least 8 characters, not shown)");
        if (options.terminal && isatty(STDIN_FILENO) && read_secret("", "Again") != key) {
            throw Error(Code::invalid_parameter, "the two keys differ; nothing was stored")
                .refusal("RF-32", "mdsctl trust set-key");
        }
    }
    client.set_key(key, 86400);
    if (generate) std::printf("%s\n", key.c_str());
    if (!options.quiet) std::fprintf(stderr, "The key is valid for 24 hours, for one use.\n");
    return 0;
}

}  // namespace mds::ctl
