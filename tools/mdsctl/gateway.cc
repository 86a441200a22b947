// mdsctl domain gateways, mdsctl gateway: from which management server each gateway has its policy (RD-8), and which.
#include <fmt/core.h>

#include <utility>

#include "base/text.hh"
#include "changes.hh"
#include "rows.hh"
#include "scope.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

std::string servers_of(const json::object& gateway) {
    std::string all;
    for (const json::value& m : json::get_array(gateway, "management-servers")) {
        all += (all.empty() ? "" : ", ") + json::get_string(m.as_object(), "name");
    }
    return all;
}

Cell manager_cell(const Options& options, const json::object& gateway) {
    const json::object& manager = json::get_object(gateway, "manager");
    return manager.empty() ? state_cell(options, "problem", "none") : Cell(json::get_string(manager, "name"));
}

}  // namespace

int domain_gateways(Client& client, const Options& options, const std::string& domain) {
    const json::object reply = client.run(domain, "show-gateway-managers", {});
    const json::array& gateways = json::get_array(reply, "gateways");
    int code = json::get_int(reply, "without-manager") > 0 ? 3 : 0;
    if (options.json) {
        print_json(options, reply);
        return code;
    }
    Rows table("gateways", {"GATEWAY", "ADDRESS", "MANAGER", "MANAGEMENT SERVERS"});
    for (const json::value& v : gateways) {
        const json::object& g = v.as_object();
        table.row(g, {json::get_string(g, "name"), json::get_string(g, "ipv4-address"), manager_cell(options, g),
                      servers_of(g)});
    }
    if (!table.print(options)) return code;
    for (const json::value& v : gateways) {
        const json::object& g = v.as_object();
        std::string problem = json::get_string(g, "problem");
        if (problem.empty()) continue;
        std::printf("\n%s\n    Next: %s\n",
                    wrapped(options, symbol(options, "problem") + " ",
                            safe(json::get_string(g, "name")) + ": " + safe(problem))
                        .c_str(),
                    safe(json::get_string(g, "next")).c_str());
    }
    return code;
}

int gateway_list(Client& client, const Options& options, const std::string& domain, bool stale_only) {
    Rows table("gateways", {"GATEWAY", "DOMAIN", "ADDRESS", "MANAGER", "MANAGEMENT SERVERS"});
    bool stale = false, unknown = false;
    for (const std::string& name : domains_or(client, domain)) {
        json::object reply;
        try {
            reply = client.run(name, "show-gateway-managers", {});
        } catch (const Error& e) {
            // A Domain without a server that answers here says nothing about its gateways.
            if (!domain.empty()) throw;
            unknown = true;
            std::fprintf(stderr, "%s\n", wrapped(options, "! ", safe(name + ": " + e.message())).c_str());
            continue;
        }
        for (const json::value& v : json::get_array(reply, "gateways")) {
            json::object g = v.as_object();
            bool none = json::get_object(g, "manager").empty();
            stale = stale || none;
            if (stale_only && !none) continue;
            g["domain"] = name;
            table.row(g, {json::get_string(g, "name"), name, json::get_string(g, "ipv4-address"),
                          manager_cell(options, g), servers_of(g)});
        }
    }
    table.print(options);
    return unknown ? 10 : stale && stale_only ? 3 : 0;
}

int gateway_show(Client& client, const Options& options, const std::string& domain, const std::string& name) {
    json::object gateway = client.run(domain, "show-simple-gateway", {{"name", name}});
    const json::object managers = client.run(domain, "show-gateway-managers", {});
    for (const json::value& v : json::get_array(managers, "gateways")) {
        const json::object& g = v.as_object();
        if (json::get_string(g, "uid") != json::get_string(gateway, "uid")) continue;
        for (const char* field : {"manager", "management-servers", "problem", "next"}) {
            if (const json::value* told = json::find(g, field)) gateway[field] = *told;
        }
    }
    if (!options.people()) {
        print_object(options, gateway);
        return 0;
    }
    auto line = [&](const char* what, const std::string& text) {
        if (!text.empty()) std::printf("%s\n", wrapped(options, fmt::format("{:<9} ", what), safe(text)).c_str());
    };
    line("Gateway", json::get_string(gateway, "name") + ", Domain " + domain);
    line("Address", json::get_string(gateway, "ipv4-address", json::get_string(gateway, "ipv6-address")));
    line("Trust", json::get_string(gateway, "sic-state"));
    line("Version", json::get_string(gateway, "version"));
    const json::object& policy = json::get_object(gateway, "policy");
    line("Policy", json::get_string(policy, "access-policy-name"));
    const json::object& manager = json::get_object(gateway, "manager");
    line("Manager", manager.empty() ? "none" : json::get_string(manager, "name"));
    std::string problem = json::get_string(gateway, "problem");
    if (problem.empty()) return 0;
    std::printf("\n%s\n    Next: %s\n", wrapped(options, symbol(options, "problem") + " ", safe(problem)).c_str(),
                safe(json::get_string(gateway, "next")).c_str());
    return 3;
}

int gateway_trust(Client& client, const Options& options, const std::string& domain, const std::string& name,
                  const std::string& key_file) {
    client.require_change();
    std::string key = read_secret(key_file, "Activation key");
    client.run(domain, "set-simple-gateway", {{"name", name}, {"one-time-password", key}});
    print_done(options, name + " of Domain " + domain + ": trust established", {{"domain", domain}, {"name", name}});
    if (options.people() && !options.quiet) {
        std::printf("Next:  mdsctl gateway install-policy %s %s\n", shell_word(safe(name)).c_str(),
                    domain_option(safe(domain)).c_str());
    }
    return 0;
}

namespace {

/// The package that is asked for, else the only one of the Domain.
std::string package_of(Client& client, const InstallOrder& order) {
    if (!order.package.empty()) return order.package;
    const json::object reply = client.run(order.domain, "show-packages", {{"limit", 500}});
    std::vector<std::string> names;
    for (const json::value& v : json::get_array(reply, "packages")) {
        names.push_back(json::get_string(v.as_object(), "name"));
    }
    if (names.size() == 1) return names.front();
    throw Error(Code::missing_parameters,
                fmt::format("Domain {} has {} policy packages{}; say which: --package", order.domain, names.size(),
                            names.empty() ? "" : ": " + join(names, ", ")))
        .refusal("", "mgmt_cli show packages -d " + shell_word(order.domain));
}

/// "Network 3: allow dns" of a rule, the name of anything else.
std::string title_of(const json::object& change) {
    std::string number = json::get_string(change, "rule-number"), name = json::get_string(change, "name");
    if (number.empty()) return name;
    std::string layer = json::get_string(change, "layer");
    return (layer.empty() ? "" : layer + " ") + number + (name.empty() ? "" : ": " + name);
}

/// What a gateway has now: "Standard of revision 12, installed 5 h ago by anna".
std::string installed_text(const json::object& gateway) {
    const json::object& installed = json::get_object(gateway, "installed");
    if (installed.empty()) return "nothing is installed yet";
    return fmt::format("{} of revision {}, installed {} ago by {}", json::get_string(installed, "policy-package"),
                       json::get_int(installed, "revision"),
                       since_text(json::get_int(json::get_object(installed, "time"), "posix")),
                       json::get_string(installed, "by", "?"));
}

int preview(Client& client, const Options& options, const std::string& domain, const json::object& order) {
    const json::object reply = client.run(domain, "show-policy-changes", order);
    const json::array& gateways = json::get_array(reply, "gateways");
    bool fails = false;
    for (const json::value& v : gateways) fails = fails || !json::get_string(v.as_object(), "problem").empty();
    if (!options.people()) {
        Rows table("gateways", {"GATEWAY", "INSTALLED", "REVISION", "CHANGES", "PROBLEM"});
        for (const json::value& v : gateways) {
            const json::object& g = v.as_object();
            table.row(g, {json::get_string(g, "name"),
                          json::get_string(json::get_object(g, "installed"), "policy-package", "-"),
                          json::get_int(json::get_object(g, "installed"), "revision"),
                          json::get_int(g, "number-of-changes"), json::get_string(g, "problem")});
        }
        table.print(options);
        return fails ? 3 : 0;
    }
    bool first = true;
    for (const json::value& v : gateways) {
        const json::object& g = v.as_object();
        int64_t count = json::get_int(g, "number-of-changes");
        std::printf("%s%s\n", std::exchange(first, false) ? "" : "\n",
                    wrapped(options, "",
                            safe(fmt::format("{}: {}; {} of revision {} would {}", json::get_string(g, "name"),
                                             installed_text(g), json::get_string(reply, "policy-package"),
                                             json::get_int(reply, "revision"),
                                             count == 0   ? std::string("change nothing")
                                             : count == 1 ? std::string("make 1 change")
                                                          : fmt::format("make {} changes", count))))
                        .c_str());
        if (std::string problem = json::get_string(g, "problem"); !problem.empty()) {
            std::printf("%s\n", wrapped(options, symbol(options, "problem") + " ", safe("it would fail: " + problem)).c_str());
            std::string next = json::get_string(g, "next");
            if (!next.empty()) std::printf("  Next: %s\n", safe(next).c_str());
        }
        const json::array& changes = json::get_array(g, "changes");
        for (const json::value& c : changes) print_change(options, c.as_object(), title_of(c.as_object()));
        if (auto more = count - static_cast<int64_t>(changes.size()); more > 0) std::printf("\n  and %ld more\n", static_cast<long>(more));
    }
    return fails ? 3 : 0;
}

}  // namespace

int gateway_install(Client& client, const Options& options, const InstallOrder& order) {
    const std::string package = package_of(client, order);
    json::array targets;
    for (const std::string& gateway : order.gateways) targets.push_back(json::value(gateway));
    const json::object body{{"policy-package", package}, {"targets", std::move(targets)}};
    if (order.preview || options.dry_run) return preview(client, options, order.domain, body);
    const json::object reply = client.run(order.domain, "install-policy", body);
    std::string id = json::get_string(reply, "task-id");
    follow(client, options, order.domain, id);
    if (options.wait) {
        print_done(options, package + " is installed on " + join(order.gateways, ", "),
                   {{"domain", order.domain}, {"task-id", id}});
    }
    return 0;
}

}  // namespace mds::ctl
