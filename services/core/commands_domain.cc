// Domains and their servers (multi-domain-ha.md SD, LS, EX; management-api.md 9): outside the
// session, effective at once, as tasks.
#include <arpa/inet.h>
#include <fmt/core.h>

#include "base/clock.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "blocking_bus.hh"
#include "log/log.hh"
#include "service.hh"
#include "store/refs.hh"

namespace mds::core {
namespace {

/// Problems of one request, all found before anything is changed (P7).
class Problems {
  public:
    void add(Error error) {
        if (!first_) first_ = error;
        lines_.push_back(error.message() +
                         (error.refusal_id().empty() ? "" : " [" + error.refusal_id() + "]"));
    }
    void raise() const {
        if (!first_) return;
        if (lines_.size() == 1) throw *first_;
        Error all(first_->code(), fmt::format("{} problems; nothing was changed. {}", lines_.size(),
                                              first_->message()));
        for (const std::string& line : lines_) all.add_error(line);
        throw std::move(all).refusal(first_->refusal_id(), first_->next());
    }

  private:
    std::optional<Error> first_;
    std::vector<std::string> lines_;
};

json::array as_list(const json::value& v) {
    if (v.is_array()) return v.as_array();
    return {v};
}

json::object task_reply(const Uid& task) {
    return {{"tasks", json::array{json::object{{"task-id", task.text()}}}}};
}

bool good_unit_name(const std::string& name) {
    if (name.empty() || name.size() > 64 || !std::isalnum(static_cast<unsigned char>(name[0]))) {
        return false;
    }
    for (char c : name) {
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.' && c != '-') {
            return false;
        }
    }
    return true;
}

}  // namespace

std::string Service::name_problem(const std::string& name) {
    // Names become unit and folder names on every host.
    if (good_unit_name(name)) return {};
    return "A server name has 1 to 64 letters, digits, '.', '_' or '-' and begins with a letter or "
           "digit";
}

json::array Service::check_servers(const json::array& given, const std::string& domain,
                                   const json::array& present) {
    Problems problems;
    json::array out;
    std::set<std::string> names, addresses, cells;
    auto domains = all_domains();
    auto mdss = all_mdss();
    std::string active_name;
    for (const json::value& s : present) cells.insert(json::get_string(s.as_object(), "mds"));
    for (const json::value& v : given) {
        if (!v.is_object()) {
            throw Error(Code::invalid_parameter, "Invalid parameter for [servers]. Each server is an "
                                                 "object with name, ip-address and "
                                                 "multi-domain-server");
        }
        const json::object& s = v.as_object();
        for (const auto& member : s) {
            static const std::set<std::string> k_known = {
                "name", "ip-address", "ipv4-address", "ipv6-address", "multi-domain-server",
                "active", "skip-start-domain-server", "type"};
            if (!k_known.count(std::string(member.key()))) {
                problems.add(Error(Code::invalid_parameter_name,
                                   "Unrecognized parameter [servers." + std::string(member.key()) + "]"));
            }
        }
        std::string name = json::get_string(s, "name");
        std::string address = json::get_string(s, "ip-address", json::get_string(s, "ipv4-address"));
        std::string where = json::get_string(s, "multi-domain-server");
        std::string type = json::get_string(s, "type", "management server");
        bool log = type == "log server";
        for (auto [key, value] : {std::pair("name", name), {"ip-address", address},
                                  {"multi-domain-server", where}}) {
            if (value.empty()) {
                problems.add(Error(Code::missing_parameters,
                                   fmt::format("Missing parameter: [servers.{}]", key)));
            }
        }
        if (!name.empty() && !good_unit_name(name)) {
            problems.add(Error(Code::invalid_parameter,
                               "Invalid parameter for [servers.name]. " + name_problem(name)));
        }
        if (type != "management server" && type != "log server") {
            problems.add(Error(Code::invalid_parameter,
                               "Invalid parameter for [servers.type]. The value must be management "
                               "server or log server"));
        }
        in_addr checked{};
        if (!address.empty() && inet_pton(AF_INET, address.c_str(), &checked) != 1) {
            problems.add(Error(Code::invalid_parameter, "Invalid parameter for [servers.ip-address]. " +
                                                            address + " is not an IPv4 address"));
        }
        bool name_taken = !names.insert(fold(name)).second || fold(name) == "global";
        std::string address_owner = addresses.insert(address).second ? "" : "another server here";
        for (const DomainRow& d : domains) {
            for (const json::value& other : d.servers) {
                const json::object& o = other.as_object();
                if (fold(json::get_string(o, "name")) == fold(name)) name_taken = true;
                if (json::get_string(o, "ipv4-address") == address) {
                    address_owner = json::get_string(o, "name");
                }
            }
        }
        for (const MdsRow& m : mdss) {
            if (m.address == address) address_owner = m.name;
        }
        if (!name.empty() && name_taken) {
            problems.add(Error(Code::not_unique, "a server named " + name + " exists already")
                             .refusal("RF-08", "mdsctl domain list"));
        }
        if (!address.empty() && !address_owner.empty()) {
            problems.add(Error(Code::not_unique, address + " is the address of " + address_owner)
                             .refusal("RF-10", "mdsctl domain list"));
        }
        const MdsRow* mds = nullptr;
        for (const MdsRow& m : mdss) {
            if (fold(m.name) == fold(where) || m.uid.text() == where) mds = &m;
        }
        if (!mds && !where.empty()) {
            problems.add(Error(Code::object_not_found, "Requested object [" + where + "] not found"));
        }
        if (mds && !cells.insert(mds->uid.text()).second) {
            std::string existing = "a server given twice";
            for (const json::value& other : present) {
                if (json::get_string(other.as_object(), "mds") == mds->uid.text()) {
                    existing = json::get_string(other.as_object(), "name");
                }
            }
            problems.add(Error(Code::not_unique,
                               fmt::format("Domain {} has a server on {} already: {}", domain,
                                           mds->name, existing))
                             .refusal("RF-14", "mdsctl domain show " + shell_word(domain)));
        }
        if (mds && mds->log_server() != log) {
            problems.add(Error(Code::ha_invalid,
                               fmt::format("{} is a {}; it cannot carry a {}", mds->name,
                                           mds->log_server() ? "multi-domain log server"
                                                             : "multi-domain server",
                                           type))
                             .refusal("RF-07", "mdsctl server list"));
        }
        bool first = present.empty() && out.empty();
        const json::value* active = json::find(s, "active");
        bool wants_active = active && ((active->is_bool() && active->as_bool()) ||
                                       (active->is_string() && active->as_string() == "true"));
        if (first && log) {
            problems.add(Error(Code::ha_invalid,
                               "the first server of a Domain is a management server, not a log server"));
        }
        if (first) active_name = name;
        if (!first && wants_active) {
            std::string current = active_name;
            for (const json::value& other : present) {
                if (json::get_bool(other.as_object(), "active")) {
                    current = json::get_string(other.as_object(), "name");
                }
            }
            problems.add(Error(Code::ha_invalid,
                               fmt::format("Domain {} has one Active server, {}; {} must be a Standby",
                                           domain, current, name))
                             .refusal("RF-18", "mdsctl ha set-active " + shell_word(domain) + " SERVER"));
        }
        out.push_back(json::object{
            {"name", name},
            {"type", type},
            {"ipv4-address", address},
            {"multi-domain-server", store::make_reference(mds ? mds->uid : Uid{})},
            {"active", first},
            {"skip-start-domain-server", json::get_bool(s, "skip-start-domain-server")},
            {"uid", Uid::make().text()},
            {"primary", first}});
    }
    problems.raise();
    return out;
}

void Service::add_domain(mgmt::Call& call, Then then) {
    require_no_backup();
    bool plan = call.only_or_plan({"name", "servers", "color", "comments", "tags"});
    require_primary("Creating a Domain");
    std::string name = call.text("name");
    check_domain_name(name, "name");
    const json::value* servers = json::find(call.params(), "servers");
    if (!servers) {
        throw Error(Code::missing_parameters,
                    "Missing parameter: [servers]. A Domain is created with its first server");
    }
    NewDomain domain;
    domain.uid = Uid::make();
    domain.name = name;
    domain.servers = check_servers(as_list(*servers), name, {});
    if (plan) return then(mgmt::ok_reply({{"domain", name}, {"servers", std::move(domain.servers)}}));
    domain.comments = call.text_or("comments", "");
    domain.color = call.text_or("color", "black");
    domain.user = call.user();
    domain.command = "add-domain";
    domain.task = system_->workspace().create_task("Create Domain " + name, name, call.user());
    daemon_.work([this, domain] {
        try {
            create_domain(domain);
        } catch (const Error& e) {
            std::string why = e.message();
            daemon_.on_loop([&] { system_->workspace().finish_task(domain.task, "failed", {}, why); });
        }
    });
    then(mgmt::ok_reply(task_reply(domain.task)));
}

void Service::check_domain_name(const std::string& name, const std::string& parameter) {
    if (std::string problem = name_problem(name); !problem.empty()) {
        throw Error(Code::invalid_parameter, "Invalid parameter for [" + parameter + "]. " + problem);
    }
    for (const DomainRow& row : all_domains()) {
        if (fold(row.name) == fold(name)) {
            throw Error(Code::not_unique, "a Domain named " + row.name + " exists already")
                .refusal("RF-08", "mdsctl domain show " + shell_word(row.name));
        }
    }
    if (fold(name) == "system data") {
        throw Error(Code::not_unique, "System Data is the name of the built-in domain")
            .refusal("RF-08", "mdsctl domain list");
    }
}

void Service::create_domain(const NewDomain& d) {
    BlockingBus bus;
    bus.call<std::string>("org.openmds.Ca1", "CreateDomainAuthority", d.uid.text(), d.name);
    daemon_.on_loop([&] {
        mgmt::Workspace& w = system_->workspace();
        w.update_task(d.task, 20, "Certificate authority of " + d.name);
        json::object document{{"name", d.name},
                              {"comments", d.comments},
                              {"color", d.color},
                              {"tags", json::array{}},
                              {"domain-type", "domain"},
                              {"servers", d.servers},
                              {"global-domain-assignments", json::array{}}};
        w.transact({d.user, d.command, "Create Domain " + d.name, ""},
                   [&](mgmt::Call& c) { c.put("domain", d.uid, std::move(document)); });
        watch_domain_task(d.task, d.uid.text(), mono_ms() + 90'000, d.details);
    });
}

void Service::watch_domain_task(Uid task, const std::string& domain, int64_t deadline, json::array details) {
    watches_.push_back({task, domain, deadline, mono_ms(), std::move(details)});
    check_watches();
}

void Service::check_watches() {
    look_for_global();
    std::erase_if(watches_, [this](const Watch& watch) {
        auto row = find_domain(watch.domain);
        mgmt::Workspace& w = system_->workspace();
        if (!row) {
            w.finish_task(watch.task, "failed", {}, "the Domain was deleted meanwhile");
            return true;
        }
        Uid active = grid_->active_mds(row->uid);
        const json::object* seen = active.is_nil() ? nullptr : grid_->cell(active, row->uid);
        size_t good = 0, silent = 0;
        std::vector<std::string> waiting;
        for (const json::value& v : row->servers) {
            const json::object& s = v.as_object();
            auto mds = Uid::parse(json::get_string(s, "mds"));
            bool done = *mds == active;
            if (!done && seen) {
                for (const json::value& p : json::get_array(*seen, "peers")) {
                    if (json::get_string(p.as_object(), "mds") == mds->text()) {
                        done = json::get_string(p.as_object(), "sync-status") == "synchronized";
                    }
                }
            }
            if (done) {
                ++good;
            } else {
                waiting.push_back(json::get_string(s, "name"));
                if (*mds != identity_->uid && grid_->silent(*mds)) ++silent;
            }
        }
        if (good == row->servers.size()) {
            w.update_task(watch.task, 100, "every server of " + row->name + " is synchronized");
            w.finish_task(watch.task, "succeeded", watch.details);
            return true;
        }
        // A server that was added a moment ago may not have been heard yet.
        bool only_silent = good + silent == row->servers.size() && good > 0 &&
                           mono_ms() - watch.begun > 10'000;
        if (only_silent || mono_ms() > watch.deadline) {
            std::string text = "not synchronized yet: " + join(waiting, ", ");
            w.finish_task(watch.task, good > 0 ? "succeeded with warnings" : "failed", watch.details, text);
            return true;
        }
        int percent = 20 + static_cast<int>(70 * good / row->servers.size());
        w.update_task(watch.task, percent, "waiting for " + join(waiting, ", "));
        return false;
    });
}

void Service::set_domain(mgmt::Call& call, Then then) {
    require_no_backup();
    const json::value* servers = json::find(call.params(), "servers");
    if (!servers) {
        return then(mgmt::guarded([&] { return system_->workspace().generic("set-domain", call); }));
    }
    require_primary("Changing the servers of a Domain");
    const bool plan = call.flag("plan");
    mgmt::View view = call.object("domain");
    auto row = find_domain(view.uid.text());
    json::array add, remove;
    if (servers->is_array()) {
        // A plain list is the whole list: what is new is added, what is missing is removed.
        for (const json::value& s : servers->as_array()) {
            bool present = false;
            for (const json::value& o : row->servers) {
                if (fold(json::get_string(o.as_object(), "name")) !=
                    fold(json::get_string(s.as_object(), "name"))) {
                    continue;
                }
                present = true;
                std::string address = json::get_string(
                    s.as_object(), "ip-address", json::get_string(s.as_object(), "ipv4-address"));
                if (address != json::get_string(o.as_object(), "ipv4-address")) {
                    throw Error(Code::validation_failed,
                                json::get_string(o.as_object(), "name") +
                                    " cannot be changed; delete it and create a new one")
                        .refusal("RF-15", "mdsctl ds delete " + shell_word(view.name) + " SERVER");
                }
            }
            if (!present) add.push_back(s);
        }
        for (const json::value& o : row->servers) {
            bool kept = false;
            for (const json::value& s : servers->as_array()) {
                kept = kept || fold(json::get_string(o.as_object(), "name")) ==
                                   fold(json::get_string(s.as_object(), "name"));
            }
            if (!kept) remove.push_back(json::value(json::get_string(o.as_object(), "name")));
        }
    } else {
        const json::object& o = servers->as_object();
        if (json::find(o, "update")) {
            throw Error(Code::validation_failed, "a Domain Server cannot be changed; delete and "
                                                 "create again")
                .refusal("RF-15", "mdsctl ds delete " + shell_word(view.name) + " SERVER");
        }
        for (const auto& member : o) {
            if (member.key() != "add" && member.key() != "remove") {
                throw Error(Code::invalid_parameter_name,
                            "Unrecognized parameter [servers." + std::string(member.key()) + "]");
            }
        }
        if (const json::value* v = json::find(o, "add")) add = as_list(*v);
        if (const json::value* v = json::find(o, "remove")) remove = as_list(*v);
    }
    json::array present = row->servers;
    for (const json::value& name : remove) {
        std::string word = name.is_string() ? std::string(std::string_view(name.as_string()))
                                            : json::get_string(name.as_object(), "name");
        const json::object* found = nullptr;
        for (const json::value& s : present) {
            const json::object& o = s.as_object();
            if (fold(json::get_string(o, "name")) == fold(word) ||
                fold(json::get_string(o, "mds-name")) == fold(word)) {
                found = &o;
            }
        }
        if (!found) throw Error(Code::object_not_found, "Requested object [" + word + "] not found");
        std::string server = json::get_string(*found, "name");
        if (grid_->active_mds(row->uid).text() == json::get_string(*found, "mds")) {
            throw Error(Code::object_deletion,
                        server + " is the Active server of " + row->name + "; set another Active first")
                .refusal("RF-16", "mdsctl ha set-active " + shell_word(row->name) + " SERVER");
        }
        if (json::get_bool(*found, "primary")) {
            throw Error(Code::object_deletion,
                        server + " is the Primary server of " + row->name + "; promote another first")
                .refusal("RF-17", "mdsctl domain show " + shell_word(row->name));
        }
        require_unused(server, uses_of(*row, *found));
        json::array rest;
        for (const json::value& s : present) {
            if (json::get_string(s.as_object(), "name") != server) rest.push_back(s);
        }
        present = std::move(rest);
    }
    json::array fresh = add.empty() ? json::array{} : check_servers(add, row->name, present);
    if (plan) {
        return then(mgmt::ok_reply({{"domain", row->name}, {"add", std::move(fresh)}, {"remove", std::move(remove)}}));
    }
    Uid task = system_->workspace().create_task("Change servers of Domain " + row->name, row->name,
                                                call.user());
    json::array result;
    for (const json::value& s : json::get_array(view.document, "servers")) {
        for (const json::value& kept : present) {
            if (json::get_string(kept.as_object(), "uid") == json::get_string(s.as_object(), "uid")) {
                result.push_back(s);
            }
        }
    }
    for (json::value& s : fresh) result.push_back(std::move(s));
    system_->workspace().transact(
        {call.user(), "set-domain", "Servers of Domain " + row->name, ""}, [&](mgmt::Call& c) {
            json::object document = c.get(view.uid)->document;
            document["servers"] = result;
            c.put("domain", view.uid, std::move(document));
        });
    watch_domain_task(task, view.uid.text(), mono_ms() + 90'000);
    then(mgmt::ok_reply(task_reply(task)));
}

namespace {

/// Rights in a Domain and its global assignment go with it.
void release_domain(mgmt::Call& call, const Uid& domain) {
    for (const Uid& uid : call.users(domain)) {
        auto user = call.get(uid);
        if (!user) continue;
        if (user->type->name == "global-assignment") call.remove(*user);
        if (user->type->name != "administrator") continue;
        json::object document = user->document;
        json::array rest;
        for (const json::value& v : json::get_array(document, "permissions-profile-list")) {
            if (mgmt::Call::reference(v.as_object(), "domain") != domain) rest.push_back(v);
        }
        document["permissions-profile-list"] = std::move(rest);
        call.put("administrator", uid, std::move(document));
    }
}

}  // namespace

json::object Service::deletion_plan(mgmt::Call& call, const mgmt::View& domain) {
    json::array servers, administrators;
    if (auto row = find_domain(domain.uid.text())) {
        for (const json::value& v : row->servers) {
            const json::object& s = v.as_object();
            bool silent = grid_->silent(*Uid::parse(json::get_string(s, "mds")));
            servers.push_back(json::object{{"name", json::get_string(s, "name")},
                                           {"multi-domain-server", json::get_string(s, "mds-name")},
                                           {"silent", silent}});
        }
    }
    bool assigned = false;
    for (const Uid& uid : call.users(domain.uid)) {
        auto user = call.get(uid);
        if (!user) continue;
        assigned = assigned || user->type->name == "global-assignment";
        if (user->type->name == "administrator") administrators.push_back(json::value(user->name));
    }
    Uid active = grid_->active_mds(domain.uid);
    const json::object* seen = active.is_nil() ? nullptr : grid_->cell(active, domain.uid);
    return {{"domain", domain.name},
            {"servers", std::move(servers)},
            {"administrators", std::move(administrators)},
            {"global-assignment", assigned},
            {"revision", seen ? json::get_int(*seen, "revision") : 0}};
}

void Service::delete_domain(mgmt::Call& call, Then then) {
    require_no_backup();
    const bool plan = call.only_or_plan({"uid", "name"});
    require_primary("Deleting a Domain");
    mgmt::View view = call.object("domain");
    if (json::get_string(view.document, "domain-type") != "domain") {
        throw Error(Code::object_deletion, "Domain " + view.name + " is built-in and cannot be deleted")
            .refusal("RF-06", "mdsctl domain list");
    }
    if (plan) return then(mgmt::ok_reply(deletion_plan(call, view)));
    Uid task = system_->workspace().create_task("Delete Domain " + view.name, view.name, call.user());
    system_->workspace().transact({call.user(), "delete-domain", "Delete Domain " + view.name, ""},
                                  [&](mgmt::Call& c) {
                                      release_domain(c, view.uid);
                                      c.remove(*c.get(view.uid));
                                  });
    system_->workspace().update_task(task, 100, view.name + " is deleted");
    system_->workspace().finish_task(task, "succeeded");
    then(mgmt::ok_reply({{"task-id", task.text()}}));
}

json::object Service::render_domain(mgmt::Call& call, const mgmt::View& view) {
    json::object out = call.render(view);
    Uid active = grid_->active_mds(view.uid);
    std::string name;
    for (const MdsRow& m : all_mdss()) {
        if (m.uid == active) name = m.name;
    }
    // "active" is what is so now, not what was so when the Domain was created.
    if (json::value* servers = out.if_contains("servers"); servers && !name.empty()) {
        for (json::value& s : servers->as_array()) {
            json::object& o = s.as_object();
            o["active"] = json::get_string(o, "multi-domain-server") == name;
        }
    }
    return out;
}

void Service::register_domain_commands() {
    mgmt::Workspace& w = system_->workspace();
    mgmt::CommandFlags change;
    change.anywhere = true;
    change.system_only = true;
    change.permission = "mds-provisioning";
    change.description = "Creates a Domain with its servers";
    w.add_async_command("add-domain", [this](mgmt::Call& c, Then t) { add_domain(c, t); }, change);
    change.description = "Changes a Domain or its servers";
    w.add_async_command("set-domain", [this](mgmt::Call& c, Then t) { set_domain(c, t); }, change);
    change.description = "Deletes a Domain with all its servers and data";
    w.add_async_command("delete-domain", [this](mgmt::Call& c, Then t) { delete_domain(c, t); },
                        change);
    change.description = "Saves what is published in a Domain to a file on this server";
    w.add_async_command("backup-domain", [this](mgmt::Call& c, Then t) { backup_domain(c, t); }, change);
    change.description = "Creates a Domain on this server with the content of a file that backup-domain has made";
    w.add_async_command("restore-domain", [this](mgmt::Call& c, Then t) { restore_domain(c, t); }, change);
    mgmt::CommandFlags read;
    read.system_only = true;
    read.description = "One Domain with its servers";
    w.add_command("show-domain", [this](mgmt::Call& c) {
        c.only({"uid", "name"});
        return render_domain(c, c.object("domain"));
    }, read);
    read.description = "The Global Domain with its servers";
    w.add_command("show-global-domain", [this](mgmt::Call& c) {
        c.only({"uid", "name"});
        mgmt::View view = c.object("domain");
        if (json::get_string(view.document, "domain-type") != "global domain") {
            throw Error(Code::object_not_found, "Requested object [" + view.name + "] not found");
        }
        return render_domain(c, view);
    }, read);
}

}  // namespace mds::core
