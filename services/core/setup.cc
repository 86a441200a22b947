// First setup of this machine, and what happens when trust has been established. On worker threads:
// blocking calls to the other services, shared state through on_loop().
#include <fmt/core.h>

#include <algorithm>
#include <thread>

#include "administrators.hh"
#include "base/clock.hh"
#include "base/roles.hh"
#include "base/text.hh"
#include "blocking_bus.hh"
#include "enrol/key.hh"
#include "log/log.hh"
#include "model/predefined.hh"
#include "service.hh"
#include "store/refs.hh"

namespace mds::core {
namespace {

void set_host_name(BlockingBus& bus, const std::string& name) {
    char now[256] = {};
    gethostname(now, sizeof now - 1);
    if (name.empty() || name == now) return;
    bus.call<>("org.openmds.Helper1", "SetHostName", name);
}

/// The identity of mds-sync on the Primary, signed by the authority of this host.
void make_sync_identity(BlockingBus& bus, const Identity& me) {
    auto [csr_identity, csr_sealing] = bus.call<std::string, std::string>(
        "org.openmds.Sync1", "PrepareIdentity", me.name, me.uid.text());
    auto [identity, sealing, chain, root, crl] =
        bus.call<std::string, std::string, std::string, std::string, std::string>(
            "org.openmds.Ca1", "IssueServer", csr_identity, csr_sealing, me.name, me.uid.text(),
            me.role);
    json::object deployment{{"id", me.deployment_id},
                            {"name", me.deployment_name}};
    bus.call<>("org.openmds.Sync1", "InstallIdentity", identity, sealing, chain, root, crl,
               json::text(deployment));
}

json::object mds_document(const Identity& me) {
    return {{"name", me.name},
            {"comments", ""},
            {"color", "black"},
            {"tags", json::array{}},
            {"ipv4-address", me.address},
            {"version", mds::version()},
            {"os", "Debian"},
            {"hardware", "Open server"},
            {"server-type",
             me.log_server() ? "multi-domain log server" : "multi-domain server"},
            {"sic-name", "mds://" + me.name + ".servers." + me.deployment_id +
                             ".mds.internal/server/" + me.uid.text()},
            {"sic-state", "trust established"},
            {"role", me.role}};
}

/// How long mds-sic takes an activation key; one that came in a join string no longer than that is
/// valid.
uint32_t key_seconds(const json::object& answers) {
    constexpr int64_t k_longest = 86'400, k_shortest = 3'600;
    return static_cast<uint32_t>(std::clamp(
        json::get_int(answers, "activation-key-seconds", k_longest), k_shortest, k_longest));
}

bool has_password(mgmt::Call& call, const std::string& administrator, const std::string& hash) {
    auto known = call.find("administrator", administrator);
    const json::value* credentials = known ? json::find(known->document, "credentials") : nullptr;
    return credentials && credentials->is_object() &&
           json::get_string(credentials->as_object(), "password-hash") == hash;
}

/// The administrator of the answers with his password.
void put_administrator(mgmt::Call& call, const std::string& name, const std::string& hash) {
    auto known = call.find("administrator", name);
    json::object document;
    if (known) {
        document = known->document;
        document["credentials"] = credentials_with(document, "password-hash", json::value(hash));
    } else {
        document = {{"name", name},
                    {"comments", ""},
                    {"color", "black"},
                    {"tags", json::array{}},
                    {"multi-domain-profile",
                     store::make_reference(
                         model::find_predefined("profile", "Multi-Domain Super User")->uid)},
                    {"permissions-profile-list", json::array{}},
                    {"sic-name", ""},
                    {"credentials", json::object{{"password-hash", hash}}}};
    }
    document["authentication-method"] = "check point password";
    document["must-change-password"] = false;
    call.put("administrator", known ? known->uid : Uid::make(), std::move(document));
}

}  // namespace

json::object Service::setup(const json::object& answers,
                            const std::function<void(std::string)>& step) {
    Identity me;
    me.role = json::get_string(answers, "role");
    me.name = json::get_string(answers, "host-name");
    me.name = me.name.substr(0, me.name.find('.'));
    me.address = json::get_string(answers, "address");
    me.address = me.address.substr(0, me.address.find('/'));
    me.interface = json::get_string(answers, "interface");
    me.deployment_name = json::get_string(answers, "deployment");
    if (me.role != "primary" && me.role != "secondary" && me.role != "log-server") {
        std::vector<std::string> given;
        for (const std::string& one : split(me.role, ',')) {
            if (!trim(one).empty()) given.emplace_back(trim(one));
        }
        throw Error(Code::invalid_parameter, one_role_needed(given)).refusal("RF-03", "mds-setup");
    }
    std::string key = json::get_string(answers, "activation-key");
    auto known = daemon_.on_loop([this] { return identity_; });
    if (known) {
        bool same = known->role == me.role && known->name == me.name &&
                    known->address == me.address &&
                    (me.role != "primary" || known->deployment_name == me.deployment_name);
        if (!same) {
            throw Error(Code::ha_invalid,
                        fmt::format("this server is set up as {} {} with address {}; role, name and "
                                    "address cannot change any more",
                                    known->role, known->name, known->address))
                .refusal("RF-03", "mds-setup --reset");
        }
        if (me.role != "primary") {
            if (!known->joined() && !key.empty()) {
                enrol::check_key(key);
                BlockingBus bus;
                bus.call_secret<>("org.openmds.Sic1", "SetKey", key, key_seconds(answers));
            }
            return {{"changed", false}, {"role", me.role}};
        }
        if (json::get_bool(answers, "change")) {
            std::string clients = json::get_string(answers, "gui-clients");
            bool changes = known->joined() && !clients.empty();
            if (changes) daemon_.on_loop([&] { change_gui_clients(clients); });
            return {{"changed", changes}, {"role", me.role}};
        }
        // Without setup.json, which is written last: an earlier run was cut off after this server
        // had its identity. What it did not do is done, and what is answered now counts.
        if (known->joined()) me = *known;
    }
    if (me.role != "primary" && key.empty()) {
        throw Error(Code::missing_parameters, key_needed(me.role)).refusal("RF-04", "mds-setup");
    }
    // Before anything is stored: mds-sic would refuse it at the end.
    if (me.role != "primary") enrol::check_key(key);
    BlockingBus bus;
    set_host_name(bus, me.name);
    step("Host name");

    if (me.role != "primary") {
        me.save(daemon_.state_folder());
        uint32_t seconds = key_seconds(answers);
        bus.call_secret<>("org.openmds.Sic1", "SetKey", key, seconds);
        daemon_.on_loop([this, me] {
            identity_ = me;
            update_status();
        });
        step(fmt::format("Activation key stored for {} hours", seconds / 3600));
        return {{"changed", true}, {"role", me.role}};
    }

    const bool joined = me.joined();
    // The first certificates name this server already.
    if (!joined) {
        bus.call<>("org.openmds.Ca1", "SetListServers",
                   std::vector<std::string>{
                       list_server_url(me.address, daemon_.config().get_int("Crl.Port"))});
    }
    auto [deployment_id] =
        bus.call<std::string>("org.openmds.Ca1", "Initialize", me.deployment_name);
    me.deployment_id = deployment_id;
    me.uid = known && !known->uid.is_nil() ? known->uid : Uid::make();
    bus.call<>("org.openmds.Ca1", "SetRecovery", json::get_string(answers, "recovery-certificate"));
    step(fmt::format("Certificate authority of deployment \"{}\"", me.deployment_name));
    if (!joined) {
        // Saved before anything carries the uid, so that a second run goes on with the same one.
        Identity unfinished = me;
        unfinished.deployment_id.clear();
        unfinished.save(daemon_.state_folder());
        make_sync_identity(bus, me);
    }
    step("Identity of this server");

    daemon_.on_loop([&] {
        identity_ = me;
        if (!system_) open_system();
        std::string hash = json::get_string(answers, "password-hash");
        std::string admin = json::get_string(answers, "administrator", "admin");
        mgmt::Workspace& w = system_->workspace();
        bool there = false, same = false;
        w.inspect([&](mgmt::Call& call) {
            there = call.find("mds", me.name).has_value();
            same = there &&
                   has_password(call, admin, hash);  // stored in one transaction with the rest
        });
        if (same) return;
        w.transact({"system", "mds-setup", "first setup", ""}, [&](mgmt::Call& call) {
            if (!there) call.put("mds", me.uid, mds_document(me));
            put_administrator(call, admin, hash);
            put_gui_clients(call, json::get_string(answers, "gui-clients"));
            if (there) return;
            json::object server{{"name", "Global"},
                                {"type", "management server"},
                                {"ipv4-address", me.address},
                                {"multi-domain-server", store::make_reference(me.uid)},
                                {"active", true},
                                {"skip-start-domain-server", false},
                                {"uid", Uid::make().text()},
                                {"primary", true}};
            call.put("domain", *Uid::parse(k_global_uid),
                     {{"name", "Global"},
                      {"comments", ""},
                      {"color", "black"},
                      {"tags", json::array{}},
                      {"domain-type", "global domain"},
                      {"servers", json::array{std::move(server)}},
                      {"global-domain-assignments", json::array{}}});
        });
    });
    me.save(daemon_.state_folder());
    step("System database and Global Domain");
    bus.call<std::string>("org.openmds.Ca1", "CreateDomainAuthority", std::string(k_global_uid),
                          std::string("Global"));
    step("First administrator " + json::get_string(answers, "administrator", "admin"));
    // Ready means that one can log in to Global too.
    for (int64_t end = mono_ms() + 20'000; mono_ms() < end;) {
        std::string role = daemon_.on_loop([this] {
            const json::object* status = grid_->local("Global");
            return status ? json::get_string(*status, "role") : std::string();
        });
        if (role == "active") break;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    step("Global Domain is Active");
    return {{"changed", true}, {"role", me.role}};
}

void Service::take_over_trust() {
    try {
        auto me = daemon_.on_loop([this] { return identity_; });
        if (!me) return;
        // The next connection is the first one with what was received.
        daemon_.on_loop([this] { trust_confirmed_ = false; });
        BlockingBus bus;
        // A server that belongs to a deployment and has trust goes on with it.
        if (me->joined() && !bus.property("org.openmds.Sync1", "Deployment").empty()) return;
        bus.call<>("org.openmds.Sync1", "ReloadTrust");
        if (me->joined()) {
            // Trust was established anew; everything else is what it was (RS-8).
            daemon_.post([this] { check_certificate(); });
            return;
        }
        std::string text = bus.property("org.openmds.Sync1", "Deployment");
        if (text.empty()) return;  // not enrolled yet
        json::object deployment = json::parse_object(text);
        auto uid = Uid::parse(json::get_string(deployment, "uuid"));
        if (!uid) return;
        me->uid = *uid;
        me->deployment_id = json::get_string(deployment, "id");
        me->deployment_name = json::get_string(deployment, "name");
        if (const json::value* members = json::find(deployment, "members")) {
            if (members->is_array()) me->members = members->as_array();
            if (members->is_string()) {
                me->members = json::parse(std::string_view(members->as_string())).as_array();
            }
        }
        me->save(daemon_.state_folder());
        daemon_.on_loop([&] {
            if (system_) return;
            identity_ = me;
            open_system();
            update_status();
        });
        log::notice("this server is a member of deployment " + me->deployment_name + " now");
    } catch (const std::exception& e) {
        // Not enrolled, or a service is starting: the next enrolment or start tries again.
        log::debug(std::string("no trust yet: ") + e.what());
    }
}

}  // namespace mds::core
