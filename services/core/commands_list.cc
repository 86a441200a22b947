// Lists over the Domains of this server (management-api.md 6, domains-to-process): asked one after
// the other, with the rights that the administrator has in each.
#include <algorithm>

#include "base/text.hh"
#include "log/log.hh"
#include "permissions.hh"
#include "service.hh"

namespace mds::core {
namespace {

constexpr char k_parameter[] = "domains-to-process";

[[noreturn]] void refuse(const std::string& parameter, const std::string& why) {
    throw Error(Code::invalid_parameter, "Invalid parameter for [" + parameter + "]. " + why);
}

/// Whether the system data itself, and whether the Domains, are asked for.
struct Asked {
    bool current = false, all = false;
};

Asked asked_for(const mgmt::Call& call) {
    const json::value& given = *json::find(call.params(), k_parameter);
    json::array words = given.is_array() ? given.as_array() : json::array{given};
    Asked out;
    for (const json::value& v : words) {
        std::string word = v.is_string() ? std::string(std::string_view(v.as_string())) : "?";
        if (word == "CURRENT_DOMAIN") {
            out.current = true;
        } else if (word == "ALL_DOMAINS_ON_THIS_SERVER") {
            out.all = true;
        } else {
            refuse(k_parameter,
                   "'" + word + "' is none of: CURRENT_DOMAIN, ALL_DOMAINS_ON_THIS_SERVER.");
        }
    }
    if (words.empty()) refuse(k_parameter, "The list is empty.");
    if (call.level(model::Level::standard) == model::Level::full) {
        refuse("details-level",
               "full cannot be used with domains-to-process; use standard, or log "
               "in to the Domain.");
    }
    if (!call.flag("ignore-warnings")) {
        refuse("ignore-warnings",
               "It must be true with domains-to-process: a Domain that does not answer is left out "
               "with a warning.");
    }
    return out;
}

}  // namespace

/// One list that is put together: by Domain, and by name within each.
struct Service::Gathering {
    std::string command, container;
    json::object params;
    std::string user, user_uid, address;
    bool root = false;
    uint64_t offset = 0, limit = 0, seen = 0;
    json::array objects, warnings;
    std::vector<DomainRow> left;
    Then then;

    void take(const json::object& reply) {
        for (const json::value& v : json::get_array(reply, container)) {
            if (objects.size() < limit) objects.push_back(v);
        }
        seen += json::find(reply, "total")->to_number<uint64_t>();
    }
    void finish() {
        json::object reply;
        uint64_t count = objects.size();
        reply[container] = std::move(objects);
        mgmt::put_range(reply, offset, count, seen);
        if (!warnings.empty()) reply["warnings"] = std::move(warnings);
        then(mgmt::ok_reply(reply));
    }
    void warn(const std::string& domain, const std::string& why) {
        warnings.push_back(
            json::object{{"message", domain + ": " + why}, {"current-session", false}});
    }
    /// What is still to be asked of the next Domain.
    json::object next_params() const {
        json::object out = params;
        out["offset"] = offset > seen ? offset - seen : 0;
        out["limit"] = limit - objects.size();
        return out;
    }
};

void Service::gather(std::shared_ptr<Gathering> g) {
    while (!g->left.empty()) {
        DomainRow row = std::move(g->left.front());
        g->left.erase(g->left.begin());
        std::string server;
        for (const json::value& s : row.servers) {
            if (json::get_string(s.as_object(), "mds") == identity_->uid.text()) {
                server = json::get_string(s.as_object(), "name");
            }
        }
        if (server.empty()) continue;
        json::object request{{"user", g->user},
                             {"user-uid", g->user_uid},
                             {"read-only", true},
                             {"application", "WEB_API"},
                             {"session-name", g->command + " over Domains"},
                             {"ip-address", g->address}};
        try {
            request["permissions"] =
                g->root ? root_rights() : rights_of(*mds::Uid::parse(g->user_uid), &row);
        } catch (const Error&) {
            continue;  // a Domain where the administrator has no rights is none of his
        }
        open_session_here(row, request, [this, g, row, server](mgmt::Reply opened) {
            json::object body = json::parse_object(opened.body);
            if (opened.status != 200) {
                g->warn(row.name, json::get_string(body, "message"));
                return gather(g);
            }
            std::string sid = json::get_string(body, "sid");
            execute_in_domain(server, sid, g->command, json::text(g->next_params()),
                              [this, g, row, server, sid](mgmt::Reply reply) {
                                  execute_in_domain(server, sid, "logout", "{}",
                                                    [](mgmt::Reply) {});
                                  // What is wrong with the question is wrong in every Domain.
                                  if (reply.status == 400) return g->then(std::move(reply));
                                  json::object answer = json::parse_object(reply.body);
                                  if (reply.status == 200) {
                                      g->take(answer);
                                  } else if (reply.status != 403) {
                                      g->warn(row.name, json::get_string(answer, "message"));
                                  }
                                  gather(g);
                              });
        });
        return;
    }
    g->finish();
}

void Service::list_over_domains(mgmt::Call& call, const std::string& container, bool here,
                                Then then) {
    const json::value* domains = json::find(call.params(), k_parameter);
    if (!domains || domains->is_null()) {
        if (here) {
            return then(
                mgmt::guarded([&] { return system().workspace().generic(call.command(), call); }));
        }
        throw Error(Code::wrong_domain_type, "The command '" + call.command() + "' needs a Domain.")
            .refusal("", "log in to the Domain (login with domain), or give domains-to-process");
    }
    Asked asked = asked_for(call);
    auto g = std::make_shared<Gathering>();
    g->command = call.command();
    g->container = container;
    g->params = call.params();
    g->params.erase(k_parameter);
    g->user = call.user();
    g->user_uid = call.user_uid().text();
    g->root = call.permitted(k_root_right);
    auto from = call.client().find("remote-address");
    if (from != call.client().end()) g->address = from->second;
    int64_t limit = call.integer("limit", 50), offset = call.integer("offset", 0);
    if (limit < 0 || limit > 500) refuse("limit", "The value must be between 1 and 500.");
    if (offset < 0) refuse("offset", "The value must not be negative.");
    g->limit = static_cast<uint64_t>(limit);
    g->offset = static_cast<uint64_t>(offset);
    g->then = std::move(then);
    if (asked.current && here) g->take(system().workspace().generic(call.command(), call));
    if (asked.all) {
        g->left = all_domains();
        std::stable_sort(g->left.begin(), g->left.end(),
                         [](const auto& a, const auto& b) { return fold(a.name) < fold(b.name); });
    }
    gather(std::move(g));
}

void Service::register_list_commands() {
    mgmt::Workspace& w = system_->workspace();
    auto add = [&](const std::string& name, const std::string& container,
                   std::vector<std::string> more, const std::string& what) {
        std::vector<std::string> known = w.command_names();
        bool here = std::find(known.begin(), known.end(), name) != known.end();
        mgmt::CommandFlags flags;
        flags.description = what;
        // The Domains tell them as their own.
        flags.internal = !here;
        more.insert(more.end(), {"limit", "offset", "order", k_parameter});
        w.add_async_command(
            name,
            [this, container, more, here](mgmt::Call& call, Then then) {
                call.only(more);
                list_over_domains(call, container, here, std::move(then));
            },
            flags);
    };
    for (const model::Type& type : model::domain_catalog().types()) {
        if (type.single || type.own || !type.within.empty()) continue;
        add("show-" + type.plural, type.container, {"filter"},
            "Lists objects of the type " + type.name);
    }
    add("show-objects", "objects", {"filter", "uids", "ip-only", "type", "in"},
        "Lists objects of all types, with search");
    add("show-unused-objects", "objects", {"type"}, "Lists objects that nothing refers to");
    add("show-gateways-and-servers", "objects", {"filter"},
        "Lists gateways and servers with their state");
}

}  // namespace mds::core
