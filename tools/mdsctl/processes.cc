// mdsctl ds start, stop, restart; mdsctl server start, stop, restart: processes by hand.
#include <fmt/core.h>
#include <unistd.h>

#include "base/text.hh"
#include "control/host.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

/// What is asked before an Active server is stopped.
std::string active_question(const json::object& plan) {
    return fmt::format(
        "{} on {} is the Active server of {}: nobody can change the Domain until it is started "
        "again or "
        "another one is set Active.",
        safe(json::get_string(plan, "server")), safe(json::get_string(plan, "multi-domain-server")),
        safe(json::get_string(plan, "domain")));
}

void show_plan(const Options& options, const std::string& verb, const json::object& plan) {
    const char* will = verb == "stop" ? "stopped" : verb == "start" ? "started" : "restarted";
    const bool runs = json::get_bool(plan, "running");
    std::printf("%s on %s of Domain %s would be %s; it %s now.\n",
                safe(json::get_string(plan, "server")).c_str(),
                safe(json::get_string(plan, "multi-domain-server")).c_str(),
                safe(json::get_string(plan, "domain")).c_str(), will,
                runs ? "runs" : "does not run");
    if (verb == "stop" && json::get_bool(plan, "active")) {
        std::printf("%s\n",
                    wrapped(options, "  " + symbol(options, "warning") + " ", active_question(plan))
                        .c_str());
        std::string instead = json::get_string(plan, "instead");
        if (!instead.empty()) std::printf("    Next:  %s\n", safe(instead).c_str());
    }
    std::printf("Nothing was changed.\n");
}

/// Whether a name is this host's, by its name or address.
bool is_here(const json::object& self, const std::string& name) {
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    return fold(name) == fold(json::get_string(self, "name")) ||
           name == json::get_string(self, "address") || name == json::get_string(self, "uid") ||
           fold(name) == fold(host);
}

}  // namespace

int ds_process(Client& client, const Options& options, const std::string& verb,
               const std::string& domain, const std::string& server) {
    const std::string command = verb + "-domain-server";
    json::object order;
    // One word names the Domain Server itself.
    if (!server.empty()) order["domain"] = domain;
    order["server"] = server.empty() ? domain : server;
    json::object asked = order;
    asked["plan"] = true;
    const json::object plan = client.run("", command, asked);
    if (options.dry_run) {
        if (options.json) {
            print_json(options, plan);
        } else if (!options.quiet) {
            show_plan(options, verb, plan);
        }
        return 0;
    }
    if (verb == "stop" && json::get_bool(plan, "active") && json::get_bool(plan, "running")) {
        if (!confirm(options, active_question(plan) + " Stop it?")) {
            std::string instead = json::get_string(plan, "instead");
            std::string words = "mdsctl ds stop " + shell_word(domain) +
                                (server.empty() ? "" : " " + shell_word(server)) + " --yes";
            throw Error(Code::unconfirmed,
                        "not confirmed, nothing was changed: " + active_question(plan) +
                            (instead.empty() ? "" : " --yes stops it all the same."))
                .refusal("", instead.empty() ? words : instead);
        }
        order["confirmed"] = true;
    }
    const json::object done = client.run("", command, order);
    std::string text = json::get_string(done, "text"), state = json::get_string(done, "state"),
                name = json::get_string(done, "domain"),
                on = json::get_string(done, "multi-domain-server");
    print_done(options, text,
               {{"domain", name},
                {"server", json::get_string(done, "server")},
                {"multi-domain-server", on},
                {"state", state},
                {"changed", json::get_bool(done, "changed")}});
    if (state == "stopped" && options.people() && !options.quiet) {
        std::printf("Next:  mdsctl ds start %s %s\n", shell_word(safe(name)).c_str(),
                    shell_word(safe(on)).c_str());
    }
    return 0;
}

int server_process(Client& client, const Options& options, const std::string& verb,
                   const std::string& name) {
    const std::string words = "server " + verb;
    client.require_here(words);
    // Others may not even read who this server is.
    if (geteuid() != 0) {
        throw Error(Code::no_permissions, "only root starts and stops the services of this host")
            .refusal("", "sudo mdsctl " + words);
    }
    const json::object self = control::identity();
    if (self.empty()) {
        throw Error(Code::not_set_up, "this server is not set up").refusal("", "mds-setup");
    }
    const std::string here = json::get_string(self, "name");
    if (!name.empty() && !is_here(self, name)) {
        throw Error(
            Code::invalid_parameter,
            fmt::format("the services of {} are started and stopped on {} itself; this is {}", name,
                        name, here))
            .refusal("", "on " + name + ": mdsctl " + words);
    }
    client.require_change();
    if (verb != "start") control::stop_host();
    if (verb != "stop") control::start_host(false);
    const char* state = verb == "stop" ? "stopped" : verb == "start" ? "started" : "restarted";
    print_done(options, fmt::format("OpenMDS is {} on {}", state, here),
               {{"server", here}, {"state", verb == "stop" ? "stopped" : "running"}});
    return 0;
}

}  // namespace mds::ctl
