// mdsctl server.
#include <fmt/core.h>
#include <unistd.h>

#include <iostream>

#include "base/join_string.hh"
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

int server_add(Client& client, const Options& options, std::string name, std::string address,
               bool log_server, bool join_string, const std::string& key_file) {
    client.require_change();
    std::string key = read_secret(key_file, join_string ? "Join string" : "Activation key");
    if (join_string || JoinString::looks_like(key)) {
        JoinString join = JoinString::parse(key);
        if (!name.empty() && fold(name) != fold(join.name)) {
            throw Error(Code::invalid_parameter, "the join string is for " + safe(join.name) + ", not for " + safe(name))
                .refusal("", "mdsctl server add --join-string");
        }
        name = join.name;
        key = join.key;
        if (address.empty()) address = join.address;
    }
    if (name.empty()) {
        throw Error(Code::missing_parameters, "which server? Its name, or --join-string")
            .refusal("", "mdsctl server add SERVER");
    }
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
                    safe(json::get_string(reply, "sic-state")).c_str());
        std::printf("Next:  mdsctl status\n");
    }
    return 0;
}

int server_delete(Client& client, const Options& options, const std::string& name) {
    json::object shown = client.run("", "show-mds", {{"name", name}});
    std::string question = "Delete " + safe(name) + " from the deployment";
    std::vector<std::string> servers;
    json::array names;
    for (const char* list : {"domains", "global-domains"}) {
        for (const json::value& v : json::get_array(shown, list)) {
            names.push_back(json::value(json::get_string(v.as_object(), "name")));
            servers.push_back(safe(json::get_string(v.as_object(), "name")));
        }
    }
    if (!servers.empty()) question += ", with its servers of " + join(servers, ", ");
    std::string words = "server delete " + shell_word(name);
    if (options.dry_run) {
        json::object plan = client.run("", "delete-mds", {{"name", name}, {"plan", true}});
        if (options.json) {
            plan["servers"] = std::move(names);
            print_json(options, std::move(plan));
            return 0;
        }
        std::printf("%s would be deleted%s. Its certificates are revoked.\nNothing was changed.\n",
                    safe(json::get_string(plan, "name")).c_str(),
                    servers.empty() ? "" : (", with its servers of " + join(servers, ", ")).c_str());
        return 0;
    }
    if (!confirm_loss(options, question + "? Its certificates are revoked.", words)) {
        throw Error(Code::unconfirmed, "not confirmed, nothing was changed: " + question +
                                           "? Its certificates are revoked.")
            .refusal("", "mdsctl " + words + " --yes --reason TEXT");
    }
    client.run("", "delete-mds", {{"name", name}});
    print_done(options, name + " is deleted");
    return 0;
}

int server_readmit(Client& client, const Options& options, const std::string& name) {
    client.run("", "readmit-mds", {{"name", name}});
    print_done(options, name + " is a Secondary of the deployment");
    return 0;
}

}  // namespace mds::ctl
