// mdsctl server uses, domain gateways, licence: what is left to do when a server is lost for good.
#include <fmt/core.h>

#include "base/text.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

struct Use {
    std::string domain, server, what;
};

std::string label(const json::object& object) {
    return json::get_string(object, "type") + " '" + json::get_string(object, "name") + "'";
}

/// What where-used of one Domain says.
void read_uses(const json::object& used, const std::string& domain, const std::string& server,
               std::vector<Use>& out) {
    for (const json::value& v : json::get_array(used, "objects")) {
        out.push_back({domain, server, label(v.as_object())});
    }
    for (const char* list : {"access-control-rules", "nat-rules"}) {
        for (const json::value& v : json::get_array(used, list)) {
            const json::object& use = v.as_object();
            const json::object& rule = json::get_object(use, "rule");
            const json::object& layer = json::get_object(use, "layer");
            std::string name = json::get_string(rule, "name"), columns;
            for (const json::value& column : json::get_array(use, "rule-columns")) {
                columns += (columns.empty() ? "" : ", ") + std::string(column.as_string());
            }
            std::string where = json::get_string(layer, "name");
            if (where.empty()) where = json::get_string(json::get_object(use, "package"), "name");
            out.push_back({domain, server,
                           fmt::format("{} {}{}{}{}", list[0] == 'n' ? "NAT rule" : "rule",
                                       json::get_string(use, "position"),
                                       name.empty() ? "" : " '" + name + "'",
                                       where.empty() ? "" : " of '" + where + "'",
                                       columns.empty() ? "" : ": " + columns)});
        }
    }
}

std::string shown_server(const json::object& domain, const json::object& cell) {
    return json::get_string(domain, "domain-type") == "global domain" ? json::get_string(cell, "mds-name")
                                                                      : json::get_string(cell, "server");
}

}  // namespace

int server_uses(Client& client, const Options& options, const std::string& name) {
    const json::object grid = client.grid();
    std::vector<Use> uses;
    std::vector<std::string> unknown;
    bool known = false;
    for (const json::value& v : json::get_array(grid, "servers")) {
        known = known || fold(json::get_string(v.as_object(), "name")) == fold(name);
    }
    for (const json::value& v : json::get_array(grid, "domains")) {
        const json::object& d = v.as_object();
        std::string domain = json::get_string(d, "name");
        for (const json::value& c : json::get_array(d, "cells")) {
            const json::object& cell = c.as_object();
            std::string server = shown_server(d, cell);
            if (fold(server) != fold(name) && fold(json::get_string(cell, "mds-name")) != fold(name)) continue;
            known = true;
            try {
                json::object reply = client.run(domain, "where-used",
                                                {{"uid", json::get_string(cell, "server-uid")}});
                read_uses(json::get_object(reply, "used-directly"), domain, server, uses);
            } catch (const Error& e) {
                // Its object was deleted, which is no use; another server that does not answer is unknown.
                if (e.code() != Code::object_not_found) unknown.push_back(domain + ": " + e.message());
            }
        }
    }
    if (!known) {
        throw Error(Code::object_not_found, "Requested object [" + name + "] not found")
            .refusal("", "mdsctl server list");
    }
    if (options.json) {
        json::array rows, problems;
        for (const Use& u : uses) {
            rows.push_back(json::object{{"domain", u.domain}, {"server", u.server}, {"used-by", u.what}});
        }
        for (const std::string& text : unknown) problems.push_back(json::value(text));
        print_json(options, json::object{{"uses", std::move(rows)}, {"unknown", std::move(problems)}});
        return unknown.empty() ? 0 : 10;
    }
    Rows table("uses", {"DOMAIN", "SERVER", "USED BY"});
    for (const Use& u : uses) table.row({}, {u.domain, u.server, u.what});
    if (!uses.empty() || !options.people()) table.print(options);
    if (uses.empty() && unknown.empty() && options.people() && !options.quiet) {
        std::printf("%s\n", (symbol(options, "done") + " nothing refers to " + safe(name)).c_str());
    }
    for (const std::string& text : unknown) {
        std::fprintf(options.people() ? stdout : stderr, "%s\n",
                     wrapped(options, symbol(options, "problem") + " ", safe(text)).c_str());
    }
    return unknown.empty() ? 0 : 10;
}

int licence_list(Client& client, const Options& options) {
    const json::object reply = client.run("", "show-licences", {});
    const json::array& licences = json::get_array(reply, "licences");
    Rows table("Domain Servers", {"DOMAIN", "SERVER", "ON", "ADDRESS", "PRIMARY", "LICENCE", "NOTE"});
    for (const json::value& v : licences) {
        const json::object& l = v.as_object();
        std::string type = json::get_string(l, "licence-type");
        table.row(l, {json::get_string(l, "domain"), json::get_string(l, "server"),
                      json::get_string(l, "multi-domain-server"), json::get_string(l, "ip-address"),
                      yes_cell(json::get_bool(l, "primary")), type == "none" ? "-" : type,
                      json::get_string(l, "problem")});
    }
    table.print(options);
    return 0;
}

int licence_attach(Client& client, const Options& options, const std::string& domain,
                   const std::string& server, const std::string& type) {
    client.run("", "set-licence", {{"domain", domain}, {"server", server}, {"licence-type", type}});
    print_done(options, (type == "none" ? "no licence is recorded for the server of "
                                        : type + " licence recorded for the server of ") + domain + " on " + server,
               {{"domain", domain}, {"server", server}, {"licence-type", type}});
    return 0;
}

}  // namespace mds::ctl
