// Commands on servers of the deployment (multi-domain-ha.md SM, DS; management-api.md 9).
#include <arpa/inet.h>
#include <fmt/core.h>
#include <netdb.h>

#include "base/shell.hh"
#include "base/text.hh"
#include "blocking_bus.hh"
#include "enrol/key.hh"
#include "log/log.hh"
#include "service.hh"
#include "store/refs.hh"

namespace mds::core {
namespace {

/// The first IPv4 address of a name by this host's resolver; empty when it has none (SM-5, SM-6).
std::string resolve(const std::string& name) {
    addrinfo hints{}, *found = nullptr;
    hints.ai_family = AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    if (getaddrinfo(name.c_str(), nullptr, &hints, &found) != 0 || !found) return {};
    char text[INET_ADDRSTRLEN] = {};
    inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr, text, sizeof text);
    freeaddrinfo(found);
    return text;
}

std::string role_of(const std::string& server_type) {
    return server_type == "multi-domain log server" ? "log-server" : "secondary";
}

json::object global_server(const std::string& mds_uid, const std::string& address) {
    return {{"name", "Global"},
            {"type", "management server"},
            {"ipv4-address", address},
            {"multi-domain-server", store::make_reference(*Uid::parse(mds_uid))},
            {"active", false},
            {"skip-start-domain-server", false},
            {"uid", Uid::make().text()},
            {"primary", false}};
}

}  // namespace

json::object Service::render_mds(mgmt::Call& call, const mgmt::View& view) {
    json::object out = call.render(view);
    json::array domains, global;
    for (const DomainRow& row : all_domains()) {
        for (const json::value& s : row.servers) {
            if (json::get_string(s.as_object(), "mds") != view.uid.text()) continue;
            auto domain = call.get(row.uid);
            if (!domain) continue;
            (row.type == "global domain" ? global : domains).push_back(call.render_obj(*domain));
        }
    }
    out["domains"] = std::move(domains);
    out["global-domains"] = std::move(global);
    return out;
}

void Service::refuse_second_primary(const std::string& server_type) {
    if (fold(server_type).find("primary") == std::string::npos) return;
    std::string primary = "this one";
    for (const MdsRow& row : all_mdss()) {
        if (row.role == "primary") primary = row.name;
    }
    throw Error(Code::validation_failed, "Invalid parameter for [server-type]. A deployment has one Primary, " +
                                             primary + "; every other server is a Secondary or a log server")
        .refusal("RF-01", "server-type multi-domain server; when " + primary + " is lost: mdsctl promote --plan");
}

void Service::add_mds(mgmt::Call& call, Then then) {
    require_no_backup();
    require_primary("Adding a Multi-Domain Server");
    std::string name = call.text("name");
    std::string type = call.text_or("server-type", "multi-domain server");
    std::string key = call.text_or("one-time-password", "");
    std::string address = call.text_or("ip-address", call.text_or("ipv4-address", ""));
    refuse_second_primary(type);
    if (type != "multi-domain server" && type != "multi-domain log server") {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [server-type]. The value must be multi-domain server or "
                    "multi-domain log server");
    }
    if (std::string problem = name_problem(name); !problem.empty()) {
        throw Error(Code::invalid_parameter, "Invalid parameter for [name]. " + problem);
    }
    for (const MdsRow& row : all_mdss()) {
        if (fold(row.name) == fold(name)) {
            throw Error(Code::not_unique, "a server named " + row.name + " exists already")
                .refusal("RF-08", "mdsctl server list");
        }
    }
    if (key.empty()) {
        throw Error(Code::missing_parameters, "Missing parameter: [one-time-password]. Give the "
                                              "activation key that was set on " + name);
    }
    enrol::check_key(key);
    if (address.empty()) {
        address = resolve(name);
        if (address.empty()) {
            throw Error(Code::missing_parameters,
                        name + " is not found in DNS and no address is given; give ip-address")
                .refusal("RF-09", "mdsctl server add " + shell_word(name) + " --ip ADDRESS");
        }
    }
    in_addr checked{};
    if (inet_pton(AF_INET, address.c_str(), &checked) != 1) {
        throw Error(Code::invalid_parameter,
                    "Invalid parameter for [ip-address]. " + address + " is not an IPv4 address");
    }
    for (const MdsRow& row : all_mdss()) {
        if (row.address == address) {
            throw Error(Code::not_unique, address + " is the address of " + row.name)
                .refusal("RF-10", "mdsctl server list");
        }
    }
    for (const DomainRow& row : all_domains()) {
        for (const json::value& s : row.servers) {
            if (json::get_string(s.as_object(), "ipv4-address") == address) {
                throw Error(Code::not_unique,
                            address + " is the address of Domain Server " +
                                json::get_string(s.as_object(), "name"))
                    .refusal("RF-10", "mdsctl domain list");
            }
        }
    }
    json::array members;
    for (const MdsRow& row : all_mdss()) {
        members.push_back(json::object{{"uid", row.uid.text()},
                                       {"name", row.name},
                                       {"address", row.address},
                                       {"role", row.role}});
    }
    Uid uid = Uid::make();
    json::object request{{"name", name},
                         {"uid", uid.text()},
                         {"address", address},
                         {"port", daemon_.config().get_int("Sic.Port")},
                         {"role", role_of(type)},
                         {"key", key},
                         {"deployment", json::object{{"id", identity_->deployment_id},
                                                     {"name", identity_->deployment_name}}},
                         {"members", std::move(members)}};
    json::object given = call.params();
    given.erase("one-time-password");
    for (const char* what : {"os", "version"}) {
        if (std::string value = json::get_string(given, what); !value.empty()) request[what] = value;
    }
    Uid task = system_->workspace().create_task("Add server", name, call.user());
    // The caller's Call lives until `then`; its session is only asked again on the loop.
    daemon_.work([this, &call, request, given, uid, name, address, type, task, then]() mutable {
        std::optional<Error> error;
        json::object enrolled;
        try {
            BlockingBus bus;
            auto [text] = bus.call_secret<std::string>("org.openmds.Sync1", "Enrol", json::text(request));
            enrolled = json::parse_object(text);
        } catch (const Error& e) {
            error = e;
        }
        daemon_.post([this, &call, given, uid, name, address, type, task, then, error,
                      enrolled]() mutable {
            mgmt::Workspace& w = system_->workspace();
            if (error) {
                w.finish_task(task, "failed", {}, error->message());
                return then(mgmt::error_reply(*error));
            }
            // The machine's own uid is the one in its certificates.
            if (auto own = Uid::parse(json::get_string(enrolled, "uid"))) uid = *own;
            if (auto known = find_mds(uid.text())) {
                Error twice(Code::not_unique, name + " has the uid of " + known->name);
                w.finish_task(task, "failed", {}, twice.message());
                return then(mgmt::error_reply(twice));
            }
            // The machine is enrolled: it does not wait for who has the Global Domain locked.
            mgmt::Reply reply = mgmt::guarded([&] {
                w.transact({call.user(), "add-mds", "Add server " + name, "", true}, [&](mgmt::Call& c) {
                    json::object document{
                        {"name", name},
                        {"comments", json::get_string(given, "comments")},
                        {"color", json::get_string(given, "color", "black")},
                        {"tags", json::array{}},
                        {"ipv4-address", address},
                        {"version", json::get_string(enrolled, "version", mds::version())},
                        {"os", json::get_string(given, "os",
                                                json::get_string(enrolled, "platform", "Debian"))},
                        {"hardware", json::get_string(given, "hardware", "Open server")},
                        {"server-type", type},
                        {"sic-name", "mds://" + name + ".servers." + identity_->deployment_id +
                                         ".mds.internal/server/" + uid.text()},
                        {"sic-state", "trust established"},
                        {"role", "secondary"}};
                    c.put("mds", uid, document);
                    if (type != "multi-domain server") return;
                    // Every Multi-Domain Server carries a Standby of the Global Domain.
                    auto global = c.get(*Uid::parse(k_global_uid));
                    if (!global) return;
                    json::object g = global->document;
                    json::array servers = json::get_array(g, "servers");
                    servers.push_back(global_server(uid.text(), address));
                    g["servers"] = std::move(servers);
                    c.put("domain", global->uid, std::move(g));
                });
                w.update_task(task, 100, name + " joined; first synchronization runs");
                w.finish_task(task, "succeeded");
                log::notice("server " + name + " was added", {{"MDS_SERVER", name}});
                json::object shown;
                w.inspect([&](mgmt::Call& c) {
                    if (auto view = c.get(uid)) shown = render_mds(c, *view);
                });
                return shown;
            });
            if (reply.status != 200) {
                w.finish_task(task, "failed", {},
                              json::get_string(json::parse_object(reply.body), "message"));
            }
            then(std::move(reply));
        });
    });
}

void Service::connect_mds(mgmt::Call& call, Then then) {
    require_no_backup();
    require_primary("Establishing trust");
    call.only({"uid", "name", "one-time-password"});
    mgmt::View view = call.object("mds");
    auto row = find_mds(view.uid.text());
    if (row->uid == identity_->uid) {
        throw Error(Code::ha_invalid, row->name + " is the Primary; there is no trust to establish with "
                                                  "itself")
            .refusal("RF-31", "mdsctl server list");
    }
    json::object request{{"name", row->name},
                         {"uid", row->uid.text()},
                         {"expected-uid", row->uid.text()},
                         {"address", row->address},
                         {"port", daemon_.config().get_int("Sic.Port")},
                         {"role", row->role},
                         {"key", call.text("one-time-password")},
                         {"deployment", json::object{{"id", identity_->deployment_id},
                                                     {"name", identity_->deployment_name}}},
                         {"members", json::array{}}};
    enrol::check_key(call.text("one-time-password"));
    Uid task = system_->workspace().create_task("Establish trust", row->name, call.user());
    daemon_.work([this, &call, request, row = *row, task, then] {
        std::optional<Error> error;
        try {
            BlockingBus bus;
            auto [text] = bus.call_secret<std::string>("org.openmds.Sync1", "Enrol", json::text(request));
            std::string serial = json::get_string(json::parse_object(text), "certificate-serial");
            // On the list first: what fails or is interrupted is done again (RS-4).
            daemon_.on_loop([&] { must_revoke(row.uid.text(), serial); });
            revoke_earlier(bus, row.uid.text(), serial);
            daemon_.post([this, uuid = row.uid.text()] { is_revoked(uuid); });
        } catch (const Error& e) {
            error = e;
        } catch (const std::exception& e) {
            error = Error(Code::internal, e.what());
        }
        daemon_.post([this, &call, row, task, then, error] {
            mgmt::Workspace& w = system_->workspace();
            if (error) {
                w.finish_task(task, "failed", {}, error->message());
                return then(mgmt::error_reply(*error));
            }
            then(mgmt::guarded([&] {
                w.finish_task(task, "succeeded");
                log::notice("trust with " + row.name + " is established anew",
                            {{"MDS_SERVER", row.name}});
                return render_mds(call, *call.get(row.uid));
            }));
        });
    });
}

void Service::revoke_earlier(BlockingBus& bus, const std::string& uuid, const std::string& serial) {
    auto [text] = bus.call<std::string>("org.openmds.Ca1", "ListCertificates", std::string("servers"));
    json::value listed = json::parse(text);
    int64_t begun = 0;
    for (const json::value& v : listed.as_array()) {
        const json::object& c = v.as_object();
        if (fold(json::get_string(c, "serial")) == fold(serial)) begun = json::get_int(c, "issued");
    }
    // The newest of each kind before it; Revoke takes the earlier ones with it.
    std::map<std::string, std::pair<int64_t, std::string>> newest;
    for (const json::value& v : listed.as_array()) {
        const json::object& c = v.as_object();
        int64_t issued = json::get_int(c, "issued");
        if (json::get_string(c, "uuid") != uuid || json::get_bool(c, "revoked") || issued >= begun) continue;
        auto& best = newest[json::get_string(c, "kind")];
        best = std::max(best, {issued, json::get_string(c, "serial")});
    }
    for (const auto& [kind, one] : newest) {
        bus.call<>("org.openmds.Ca1", "Revoke", one.second, std::string("superseded"));
    }
}

void Service::reset_trust(mgmt::Call& call, Then then) {
    call.only({"one-time-password", "plan"});
    if (identity_->role == "primary") {
        throw Error(Code::ha_invalid, "this server is the Primary: the others have their trust from it")
            .refusal("RF-31", "mdsctl server list");
    }
    if (call.flag("plan")) return then(mgmt::ok_reply({{"server", identity_->name}}));
    std::string key = call.text("one-time-password");
    answer_from_worker(std::move(then), [key] {
        BlockingBus bus;
        bus.call_secret<>("org.openmds.Sic1", "Reset", key, uint32_t{86400});
        bus.call<>("org.openmds.Sync1", "ReloadTrust");
        return json::object{{"message", "OK"}};
    });
}

void Service::register_mds_commands() {
    mgmt::Workspace& w = system_->workspace();
    mgmt::CommandFlags change;
    change.anywhere = true;
    change.system_only = true;
    change.permission = "mds-provisioning";
    change.description = "Connects a machine that was set up as Secondary or log server";
    w.add_async_command("add-mds", [this](mgmt::Call& call, Then then) { add_mds(call, then); },
                        change);

    change.description = "Changes an object of the type mds; with one-time-password alone, connects a "
                         "server whose trust was reset";
    w.add_async_command("set-mds", [this](mgmt::Call& call, Then then) {
        refuse_second_primary(call.text_or("server-type", ""));
        if (json::find(call.params(), "one-time-password")) return connect_mds(call, then);
        system_->require_writable();
        if (call.read_only()) {
            throw Error(Code::no_permissions, "this session is read-only; nothing was changed");
        }
        then(mgmt::guarded([&] { return system_->workspace().generic("set-mds", call); }));
    }, change);

    mgmt::CommandFlags local = change;
    local.internal = true;
    local.description = "Forgets the trust of this server and sets a new activation key";
    w.add_async_command("reset-trust", [this](mgmt::Call& call, Then then) {
        if (!call.client().empty()) {
            throw Error(Code::command_not_found, "Unknown command [" + call.command() + "]");
        }
        reset_trust(call, then);
    }, local);

    mgmt::CommandFlags read;
    read.system_only = true;
    read.description = "One server of the deployment";
    w.add_command("show-mds", [this](mgmt::Call& call) {
        call.only({"uid", "name"});
        return render_mds(call, call.object("mds"));
    }, read);

    change.description = "Takes a server out of the deployment";
    w.add_command("delete-mds", [this](mgmt::Call& call) {
        const bool plan = call.only_or_plan({"uid", "name"});
        require_primary("Deleting a Multi-Domain Server");
        if (call.read_only()) {
            throw Error(Code::no_permissions, "this session is read-only; nothing was changed");
        }
        mgmt::View view = call.object("mds");
        check_removal(view.uid);
        if (plan) return json::object{{"name", view.name}};
        remove_mds(call, view);
        return json::object{{"message", "OK"}};
    }, change);

    change.description = "Servers and their processes";
    mgmt::CommandFlags processes;
    processes.system_only = true;
    w.add_command("show-servers-and-processes", [this](mgmt::Call& call) {
        call.only({});
        json::array servers;
        for (const MdsRow& row : all_mdss()) {
            bool up = row.uid == identity_->uid || !grid_->silent(row.uid);
            servers.push_back(json::object{
                {"name", row.name},
                {"type", row.log_server() ? "multi-domain-log-server" : "mds"},
                {"domain", json::object{{"uid", k_system_data_uid},
                                        {"name", "System Data"},
                                        {"domain-type", "mds"}}},
                {"ip-address", row.address},
                {"server-status", up ? "up" : "down"},
                {"processes", json::array{}}});
        }
        return json::object{{"servers", std::move(servers)}};
    }, processes);
}

void Service::check_removal(const Uid& server) {
    auto row = find_mds(server.text());
    if (!row) return;  // not published yet
    if (row->role == "primary") {
        throw Error(Code::object_deletion, row->name + " is the Primary; it cannot be deleted")
            .refusal("RF-26", "mdsctl server list");
    }
    std::vector<std::string> actives, primaries, uses;
    for (const DomainRow& d : all_domains()) {
        for (const json::value& s : d.servers) {
            const json::object& o = s.as_object();
            if (json::get_string(o, "mds") != server.text()) continue;
            // Stopped, as it must be, it is Active still as long as nobody else is.
            const json::object* last = grid_->cell(server, d.uid);
            Uid active = grid_->active_mds(d.uid);
            if (active == server || (active.is_nil() && last && row->replaced.empty() &&
                                       json::get_string(*last, "role") == "active")) {
                actives.push_back(d.name);
            }
            if (json::get_bool(o, "primary")) primaries.push_back(d.name);
            for (std::string& use : uses_of(d, o)) uses.push_back(std::move(use));
        }
    }
    if (!actives.empty()) {
        throw Error(Code::object_deletion, row->name + " holds the Active servers of " +
                                               join(actives, ", "))
            .refusal("RF-16", grid_->silent(server) ? "mdsctl ha force-active DOMAIN SERVER"
                                                      : "mdsctl ha set-active DOMAIN SERVER");
    }
    if (!primaries.empty()) {
        throw Error(Code::object_deletion,
                    row->name + " holds the Primary servers of " + join(primaries, ", ") +
                        "; promote another first")
            .refusal("RF-17", "mdsctl domain list");
    }
    require_unused(row->name, uses);
    if (!grid_->silent(server)) {
        throw Error(Code::ha_invalid, row->name + " still runs; run mdsstop there first")
            .refusal("RF-30", "mdsstop");
    }
}

void Service::remove_mds(mgmt::Call& call, const mgmt::View& view) {
    require_no_backup();
    // In the session of whoever asks: it is gone with the publish, and not with a discard (DS-5).
    for (const DomainRow& d : all_domains()) {
        auto domain = call.get(d.uid);
        if (!domain) continue;
        json::array kept;
        for (const json::value& s : json::get_array(domain->document, "servers")) {
            if (json::get_string(s.as_object(), "multi-domain-server") != store::make_reference(view.uid)) {
                kept.push_back(s);
            }
        }
        if (kept.size() == json::get_array(domain->document, "servers").size()) continue;
        json::object document = domain->document;
        document["servers"] = std::move(kept);
        call.put("domain", d.uid, std::move(document));
    }
    call.remove(*call.get(view.uid));
}

}  // namespace mds::core
