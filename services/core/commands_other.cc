// Status, tasks and what mdsctl asks for.
#include "base/clock.hh"
#include "base/text.hh"
#include "permissions.hh"
#include "server/ha_commands.hh"
#include "service.hh"

namespace mds::core {

void Service::require_ha_right(mgmt::Call& call) {
    // Over the bus polkit has decided.
    if (call.client().empty()) return;
    call.require("high-availability-operations");
    if (call.read_only() && !call.flag("plan")) {
        throw Error(Code::no_permissions, "this session is read-only; nothing was changed");
    }
    if (call.permitted(k_root_right)) return;
    // As if he had logged in to that Domain.
    auto who = call.get(call.user_uid());
    auto row = find_domain(call.text_or("domain", ""));
    if (!row) return;
    auto there = who ? permissions_in(call, *who, row->uid, row->type == "global domain") : std::nullopt;
    if (there && json::get_bool(there->rights, "high-availability-operations")) return;
    throw Error(Code::no_permissions, "no permission: High Availability operations in Domain " + row->name)
        .refusal("RF-39", "Ask an administrator whose profile has this permission.");
}

void Service::register_commands() {
    register_mds_commands();
    register_authority_commands();
    register_promotion_commands();
    register_domain_commands();
    register_licence_commands();
    register_process_commands();
    register_other_commands();
    register_list_commands();
    register_assignment_commands();
    register_backup_commands();
    register_domain_backup_commands();
    register_audit_commands();
    register_metrics_commands();
    register_administrator_commands();
}

void Service::register_other_commands() {
    mgmt::Workspace& w = system_->workspace();
    mgmt::CommandFlags read;
    read.system_only = true;
    read.description = "A session in a Domain for the administrator of this session";
    w.add_async_command("login-to-domain",
                        [this](mgmt::Call& c, Then t) { login_to_domain(c, t); }, read);

    read.description = "High Availability state of all Domains";
    w.add_command("show-ha-state", [this](mgmt::Call& call) {
        call.only({});
        json::array domains;
        for (const DomainRow& row : all_domains()) {
            json::array servers;
            for (const json::value& v : row.servers) {
                const json::object& s = v.as_object();
                if (json::get_string(s, "type") == "log server") continue;
                auto mds = Uid::parse(json::get_string(s, "mds"));
                bool heard = *mds == identity_->uid || !grid_->silent(*mds);
                const json::object* status = grid_->cell(*mds, row.uid);
                json::object out;
                if (row.type != "global domain") out["name"] = json::get_string(s, "name");
                out["ip-address"] = json::get_string(s, "ipv4-address");
                out["ha-state"] = heard && status ? json::get_string(*status, "role")
                                                : std::string("unknown");
                out["multi-domain-server"] = json::get_string(s, "mds-name");
                servers.push_back(std::move(out));
            }
            domains.push_back(json::object{{"uid", row.uid.text()},
                                           {"name", row.name},
                                           {"domain-type", row.type},
                                           {"servers", std::move(servers)}});
        }
        return json::object{{"domains", std::move(domains)}};
    }, read);

    read.description = "Synchronization of this server with the others";
    w.add_command("show-ha-status", [this](mgmt::Call& call) {
        call.only({});
        return server::show_ha_status(*system_);
    }, read);

    mgmt::CommandFlags wrong;
    wrong.anywhere = true;
    wrong.description = "Only in a Domain";
    for (const char* name : {"set-ha-state", "make-server-active"}) {
        w.add_command(name, [name](mgmt::Call& call) -> json::object {
            call.only(name[0] == 's' ? std::vector<std::string>{"new-state", "ignore-errors"}
                                     : std::vector<std::string>{"force"});
            throw Error(Code::wrong_domain_type,
                        "This command works in a Domain. Log in to the Domain whose server is to "
                        "change");
        }, wrong);
    }

    mgmt::CommandFlags sync;
    sync.anywhere = true;
    sync.system_only = true;
    sync.permission = "high-availability-operations";
    sync.description = "Replaces the system data of another server with a full copy";
    w.add_command("ha-full-sync", [this](mgmt::Call& call) {
        call.only({"name", "uid", "ignore-errors"});
        return system_->ha_action({{"action", "full-sync"},
                                   {"target", call.text_or("name", call.text_or("uid", ""))},
                                   {"confirmed", call.flag("ignore-errors")},
                                   {"user", call.user()}});
    }, sync);

    mgmt::CommandFlags local;
    local.anywhere = true;
    local.system_only = true;
    local.internal = true;
    w.add_async_command("domain-ha-action", [this](mgmt::Call& call, Then then) {
        require_ha_right(call);
        json::object body = call.params();
        body["user"] = call.user();
        ha_action(body, then);
    }, local);

    // What mdsctl on another machine shows.
    w.add_command("show-deployment", [this](mgmt::Call& call) {
        call.only({});
        return grid_->json();
    }, local);

    mgmt::CommandFlags tasks;
    tasks.description = "Tasks by id";
    w.add_async_command("show-task", [this, &w](mgmt::Call& call, Then then) {
        call.only({"task-id"});
        const json::value* id = json::find(call.params(), "task-id");
        if (id && id->is_string() && knows_task(std::string(std::string_view(id->as_string())))) {
            return task_elsewhere(std::string(std::string_view(id->as_string())), then);
        }
        then(mgmt::guarded([&] { return w.generic("show-task", call); }));
    }, tasks);
}

}  // namespace mds::core
