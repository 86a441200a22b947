// mdsctl domain gateways, mdsctl gateway: from which management server each gateway has its policy (RD-8).
#include <fmt/core.h>

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

}  // namespace mds::ctl
