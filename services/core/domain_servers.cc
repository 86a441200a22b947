// What belongs to the servers of Domains beside their data: what still uses one that is to go (PR-5,
// RD-6), taking out one whose object was deleted in its Domain, records of licences (RD-9).
#include <fmt/core.h>

#include "base/clock.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "log/log.hh"
#include "service.hh"
#include "store/refs.hh"

namespace mds::core {
namespace {

constexpr char k_ha_licence[] = "ha", k_standard_licence[] = "standard", k_no_licence[] = "none";

/// The entry of a server in the document of its Domain.
json::object* entry_of(json::array& servers, const std::string& uid) {
    for (json::value& v : servers) {
        if (json::get_string(v.as_object(), "uid") == uid) return &v.as_object();
    }
    return nullptr;
}

}  // namespace

json::object Service::object_of_server(const Uid& domain, const std::string& server_uid) {
    Uid active = grid_->active_mds(domain);
    const json::object* cell = active.is_nil() ? nullptr : grid_->cell(active, domain);
    if (!cell) return {};
    return json::get_object(json::get_object(*cell, "server-objects"), server_uid);
}

std::vector<std::string> Service::uses_of(const DomainRow& domain, const json::object& server) {
    std::vector<std::string> out;
    const json::object object = object_of_server(domain.uid, json::get_string(server, "uid"));
    for (const json::value& v : json::get_array(object, "used-by")) {
        out.push_back(std::string(v.as_string()) + " in Domain " + domain.name);
    }
    size_t all = static_cast<size_t>(json::get_int(object, "uses"));
    if (all > out.size()) {
        out.push_back(fmt::format("{} more in Domain {}", all - out.size(), domain.name));
    }
    return out;
}

void Service::require_unused(const std::string& name, const std::vector<std::string>& uses) {
    if (uses.empty()) return;
    throw Error(Code::object_deletion,
                fmt::format("{} cannot be deleted: it is used by {}", name, join(uses, ", ")))
        .refusal("RF-25", "mdsctl server uses " + shell_word(name));
}

void Service::take_out_deleted_servers() {
    if (!system_ || !identity_ || identity_->role != "primary" || !system_->db().has_history()) return;
    for (const DomainRow& row : all_domains()) {
        if (row.type != "domain") continue;
        for (const json::value& v : row.servers) {
            const json::object& s = v.as_object();
            const std::string uid = json::get_string(s, "uid"), name = json::get_string(s, "name");
            if (!json::get_bool(object_of_server(row.uid, uid), "deleted")) continue;
            // It became Primary or Active meanwhile: its Domain makes the object anew.
            if (json::get_bool(s, "primary") ||
                grid_->active_mds(row.uid).text() == json::get_string(s, "mds")) {
                continue;
            }
            try {
                require_no_backup();
                system_->replica().require_writable();
                system_->workspace().transact(
                    {"System", "set-domain", "Servers of Domain " + row.name, "", true}, [&](mgmt::Call& c) {
                        auto view = c.get(row.uid);
                        if (!view) return;
                        json::array kept;
                        for (const json::value& other : json::get_array(view->document, "servers")) {
                            if (json::get_string(other.as_object(), "uid") != uid) kept.push_back(other);
                        }
                        view->document["servers"] = std::move(kept);
                        c.put("domain", row.uid, std::move(view->document));
                    });
                log::notice(fmt::format("{} was deleted in Domain {} and is taken out of it", name, row.name),
                            {{"MDS_DOMAIN", row.name}, {"MDS_SERVER", name}});
            } catch (const Error& e) {
                // Again in a few seconds.
                log::debug("taking out " + name + ": " + e.message());
            }
        }
    }
}

bool Service::licence_is_checked() const { return daemon_.config().get_int("Licence.Check") != 0; }

void Service::set_licence(mgmt::Call& call) {
    call.only({"domain", "server", "licence-type"});
    require_primary("Changing a licence record");
    std::string domain = call.text("domain"), word = call.text("server");
    std::string type = fold(call.text("licence-type"));
    if (type != k_ha_licence && type != k_standard_licence && type != k_no_licence) {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [licence-type]. The value must be standard, ha or none");
    }
    auto row = find_domain(domain);
    if (!row) throw Error(Code::object_not_found, "Requested object [" + domain + "] not found");
    const json::object* server = nullptr;
    for (const json::value& v : row->servers) {
        const json::object& s = v.as_object();
        if (fold(json::get_string(s, "name")) == fold(word) ||
            fold(json::get_string(s, "mds-name")) == fold(word)) {
            server = &s;
        }
    }
    if (!server) {
        throw Error(Code::object_not_found, "Domain " + row->name + " has no server " + word)
            .refusal("", "mdsctl domain show " + shell_word(row->name));
    }
    const std::string uid = json::get_string(*server, "uid"), address = json::get_string(*server, "ipv4-address");
    system_->workspace().transact(
        {call.user(), "set-licence", "Licence of " + json::get_string(*server, "name"), "", true},
        [&](mgmt::Call& c) {
            json::object document = c.get(row->uid)->document;
            json::array servers = json::get_array(document, "servers");
            json::object* entry = entry_of(servers, uid);
            if (!entry) throw Error(Code::object_not_found, "Requested object [" + word + "] not found");
            if (type == k_no_licence) {
                entry->erase("licence");
            } else {
                (*entry)["licence"] = json::object{
                    {"type", type}, {"ip-address", address}, {"attached", wall_ms()}, {"by", call.user()}};
            }
            document["servers"] = std::move(servers);
            c.put("domain", row->uid, std::move(document));
        });
}

json::object Service::show_licences(mgmt::Call& call) {
    call.only({});
    json::array out;
    for (const DomainRow& row : all_domains()) {
        for (const json::value& v : row.servers) {
            const json::object& s = v.as_object();
            const json::object licence = json::get_object(s, "licence");
            json::object line{{"domain", row.name},
                              {"server", row.type == "global domain" ? json::get_string(s, "mds-name")
                                                                     : json::get_string(s, "name")},
                              {"multi-domain-server", json::get_string(s, "mds-name")},
                              {"ip-address", json::get_string(s, "ipv4-address")},
                              {"primary", json::get_bool(s, "primary")},
                              {"licence-type", json::get_string(licence, "type", k_no_licence)},
                              {"problem", licence_problem(s)}};
            if (int64_t since = json::get_int(licence, "attached")) {
                line["attached"] = json::object{{"posix", since}, {"iso-8601", iso_minutes(since)}};
                line["by"] = json::get_string(licence, "by");
            }
            out.push_back(std::move(line));
        }
    }
    return {{"licences", std::move(out)}, {"checked", licence_is_checked()}};
}

std::string Service::licence_problem(const json::object& server) const {
    bool ha = json::get_string(json::get_object(server, "licence"), "type") == k_ha_licence;
    return ha && json::get_bool(server, "primary") && licence_is_checked() ? "HA licence on a Primary" : "";
}

void Service::register_licence_commands() {
    mgmt::Workspace& w = system_->workspace();
    mgmt::CommandFlags change;
    change.anywhere = true;
    change.system_only = true;
    change.permission = "mds-provisioning";
    change.description =
        "Records which licence a Domain Server has; nothing depends on it but a note in the status";
    w.add_command("set-licence", [this](mgmt::Call& call) {
        set_licence(call);
        return json::object{{"message", "OK"}};
    }, change);
    mgmt::CommandFlags read;
    read.system_only = true;
    read.description = "The licence records of all Domain Servers";
    w.add_command("show-licences", [this](mgmt::Call& call) { return show_licences(call); }, read);
}

}  // namespace mds::core
