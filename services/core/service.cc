#include "service.hh"

#include <fmt/core.h>

#include <filesystem>

#include "base/clock.hh"
#include "base/text.hh"
#include "bus.hh"
#include "log/messages.hh"
#include "metrics_socket.hh"
#include "model/type.hh"

namespace mds::core {
namespace {

/// Milliseconds between two beats to the others, and until they hear of a change.
constexpr int k_beat_ms = 1000, k_news_ms = 50;
/// Every so many beats the others are told everything, not only what has changed.
constexpr uint64_t k_whole_beats = 30;

std::unique_ptr<sdbus::IProxy> proxy_to(bus::Connection& connection, const char* service,
                                        const char* path) {
    return sdbus::createProxy(connection.raw(), bus::ServiceName{service}, sdbus::ObjectPath{path});
}

}  // namespace

Service::Service(app::Daemon& daemon)
    : lists_folder_(std::filesystem::path(daemon.state_folder()).parent_path().string() + "/crl"),
      daemon_(daemon), identity_(Identity::load(daemon.state_folder())),
      grid_(std::make_unique<Grid>(*this)), stopped_(root() + "/stopped"), login_guard_(daemon.config()),
      started_ms_(mono_ms()) {
    std::filesystem::create_directories(daemon.state_folder());
    lists_version_ = lists_folder_.version();
    units_ = UnitControl::make(daemon.bus(), root() + "/servers");
    bus_ = std::make_unique<BusObject>(daemon.bus(), *this);

    sync_ = proxy_to(daemon.bus(), "org.openmds.Sync1", "/org/openmds/Sync1");
    sync_->uponSignal(bus::MemberName{"PeerChanged"})
        .onInterface(bus::InterfaceName{"org.openmds.Sync1"})
        .call([this](const std::string& uid, const std::string& state, const std::string& reason) {
            if (auto mds = Uid::parse(uid)) link_changed(*mds, state, reason);
            if (state == "connected") confirm_trust();
        });
    bus::finish(*sync_);
    sic_ = proxy_to(daemon.bus(), "org.openmds.Sic1", "/org/openmds/Sic1");
    sic_->uponSignal(bus::MemberName{"Enrolled"})
        .onInterface(bus::InterfaceName{"org.openmds.Sic1"})
        .call([this](const std::string&) { daemon_.work([this] { take_over_trust(); }); });
    bus::finish(*sic_);
    ca_ = proxy_to(daemon.bus(), "org.openmds.Ca1", "/org/openmds/Ca1");
    bus::finish(*ca_);
    // Only names of this suite: on a busy host others come and go all the time.
    names_match_ = bus::match(
        daemon.bus().raw(),
        "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
        "member='NameOwnerChanged',arg0namespace='org.openmds'",
        [this](auto&& message) {
            std::string name, before, now;
            message >> name >> before >> now;
            if (name == "org.openmds.Sync1" && !now.empty()) {
                members_sent_.clear();
                set_members();
            }
            for (const std::string& server : placed_) {
                if (name != server::domain_bus_name(server)) continue;
                local_sessions_.erase(server);
                if (now.empty()) {
                    grid_->local(server, nullptr);
                } else {
                    // Started by systemctl, too: nobody wants it stopped any more.
                    if (stopped_.find(server)) stopped_.clear(server);
                    // server.json may have changed after the server had read it and before it could
                    // be told.
                    refresh(server);
                }
            }
        });
    // One match for all Domain Servers: a match by well-known sender would reach every handler.
    status_match_ = bus::match(
        daemon.bus().raw(),
        "type='signal',interface='org.openmds.Domain1',member='StatusChanged'",
        [this](auto&& message) {
            try {
                std::string text;
                message >> text;
                json::value status = json::parse(text);
                std::string server = json::get_string(status.as_object(), "server");
                if (placed_.count(server)) {
                    grid_->local(server, std::move(status));
                    // Who is Active is known everywhere at once, not only a second later; tasks that wait
                    // for it look at each beat, once for all the news of a moment.
                    if (beat_) beat_->within(k_news_ms);
                }
            } catch (const std::exception& e) {
                log::warning(std::string("status of a Domain Server: ") + e.what());
            }
        });

    if (identity_ && identity_->joined()) open_system();
    daemon.bus().own("org.openmds.Core1");
    beat_ = daemon.alarm([this] {
        heartbeat();
        return k_beat_ms;
    });
    daemon.every(5000, [this] {
        ask_round_trips();
        ask_traffic();
        alarms_.look();
        withdraw_global();
        take_out_deleted_servers();
    });
    watch_certificates();
    begin_monitoring();
    daemon.ready("");
    update_status();
    if (identity_ && identity_->role != "primary") {
        // Enrolment may have ended while this service was away.
        daemon.work([this] { take_over_trust(); });
    }
}

Service::~Service() = default;

void Service::tell_whole(const Uid& mds) {
    tell_whole_.insert(mds);
    knows_ours_.erase(mds);
}

void Service::link_changed(const Uid& mds, const std::string& state, const std::string& reason) {
    grid_->link(mds, state, reason);
    // What was sent while it was away is lost: it gets everything once.
    if (state == "connected") tell_whole(mds);
    // A member that is what it says tells that this server's certificate is revoked: it was deleted, also
    // when its own data says that it is the Primary. It must not begin a second life (FR-3).
    std::string why = cut_off_;
    if (state == "connected") why.clear();
    if (state == "no-trust" && reason.find("it refused the certificate of this server") == 0 &&
        reason.find("revoked") != std::string::npos) {
        why = "this server was taken out of the deployment (its certificate is revoked) and is read-only; "
              "set it up anew, or on it: mdsctl trust reset";
    }
    if (why == cut_off_) return;
    cut_off_ = why;
    if (!why.empty()) log::event(log::message::trust_revoked, why, {{"MDS_SERVER", identity_ ? identity_->name : ""}});
    if (system_) content_changed();
}

std::string Service::root() const {
    return std::filesystem::path(daemon_.state_folder()).parent_path().string();
}

server::Server& Service::system() {
    if (!system_) {
        if (identity_) {
            throw Error(Code::not_set_up, "this server waits for the Primary to connect it");
        }
        throw Error(Code::not_set_up, "this server is not set up").refusal("", "mds-setup");
    }
    return *system_;
}

std::string Service::state() const {
    if (!identity_) return "not set up";
    if (!system_) return "waiting for trust";
    return "running";
}

server::Config Service::system_config() {
    server::Config c;
    const Identity& me = *identity_;
    c.domain_uid = *Uid::parse(k_system_data_uid);
    c.domain_name = "System Data";
    c.domain_type = "mds";
    c.self.mds = c.self.server = me.uid;
    c.self.name = c.self.mds_name = c.mds_name = me.name;
    c.self.version = mds::version();
    c.self.log_server = me.log_server();
    c.self.founder = me.role == "primary";
    c.self.domain = "System Data";
    c.address = c.beside = me.address;
    c.interface = me.interface;
    c.primary = me.role == "primary";
    c.deployment = me.deployment_id;
    auto peer = [&](const Uid& uid, const std::string& name, const std::string& address,
                    const std::string& role) {
        repl::Peer p;
        p.mds = p.server = uid;
        p.name = p.mds_name = name;
        p.address = address;
        p.log_server = role == "log-server";
        p.primary = role == "primary";
        if (uid != me.uid) c.peers.push_back(std::move(p));
    };
    if (system_ && system_->db().has_history()) {
        for (const MdsRow& row : all_mdss()) peer(row.uid, row.name, row.address, row.role);
        c.fence = fence();
    } else {
        for (const json::value& v : me.members) {
            const json::object& m = v.as_object();
            if (auto uid = Uid::parse(json::get_string(m, "uid"))) {
                peer(*uid, json::get_string(m, "name"), json::get_string(m, "address"),
                     json::get_string(m, "role"));
            }
        }
    }
    return c;
}

void Service::open_system() {
    server::Server::Options options;
    options.daemon = &daemon_;
    options.folder = daemon_.state_folder();
    options.bus_name = "org.openmds.Core1";
    options.object_path = "/org/openmds/Core1";
    options.channel = "system";
    options.catalog = &model::system_catalog();
    options.shared = true;
    options.config = system_config();
    system_ = std::make_unique<server::Server>(options);
    system_->on_content = [this] { content_changed(); };
    system_->check_changes = [this](store::PublicDb& db, const Uid& author,
                                    const std::vector<store::Change>& changes, bool final) {
        check_publish(db, author, changes, final);
    };
    system_->may_be_tentative = [this](const std::vector<store::Change>& changes) {
        check_tentative(changes);
    };
    system_->on_status = [this] { update_status(); };
    system_->on_message = [this](const Uid& mds, uint16_t kind, const std::string& payload) {
        on_message(mds, kind, payload);
    };
    // What the database already holds decides the peers before the replica speaks.
    if (system_->db().has_history()) {
        adopt_role();
        system_->reload(system_config());
        forget_archives();
    }
    load_tasks_elsewhere();
    register_commands();
    system_->start();
    content_changed();
    // The members send a new one the authority as soon as they know its key.
    daemon_.post([this] { check_certificate(); });
}

void Service::content_changed() {
    if (reconcile_again_) return;
    reconcile_again_ = true;
    // After the publish that caused it has answered.
    daemon_.post([this] {
        reconcile_again_ = false;
        if (!system_ || !system_->db().has_history()) {
            set_members();
            return;
        }
        adopt_role();
        system_->reload(system_config());
        set_members();
        reconcile();
        end_sessions_without_rights();
        revoke_departed();
        follow_lists();
        follow_administrators();
        update_status();
    });
}

void Service::set_members() {
    if (!system_) return;
    using Row = sdbus::Struct<std::string, std::string, std::string, uint16_t>;
    std::vector<Row> rows;
    std::string text;
    auto port = static_cast<uint16_t>(daemon_.config().get_int("Sync.Port"));
    for (const repl::Peer& p : system_->config().peers) {
        rows.emplace_back(p.mds.text(), p.name, p.address, port);
        text += p.mds.text() + p.name + p.address + ",";
    }
    if (text == members_sent_ && !text.empty()) return;
    members_sent_ = text;
    sync_->callMethodAsync(bus::MemberName{"SetMembers"})
        .onInterface(bus::InterfaceName{"org.openmds.Sync1"})
        .withArguments(identity_->uid.text(), rows)
        .uponReplyInvoke([this](bus::ReplyError error) {
            if (bus::error_ptr(error)) members_sent_.clear();  // again at the next heartbeat
        });
}

void Service::confirm_trust() {
    // The first connection by mutual TLS: only now is the activation key deleted (K-2, step 8).
    if (trust_confirmed_ || !identity_ || identity_->role == "primary") return;
    trust_confirmed_ = true;
    sic_->callMethodAsync(bus::MemberName{"Confirm"})
        .onInterface(bus::InterfaceName{"org.openmds.Sic1"})
        .uponReplyInvoke([this](bus::ReplyError error) {
            if (bus::error_ptr(error)) trust_confirmed_ = false;
        });
}

void Service::update_status() {
    std::string text = state();
    if (system_) {
        text = fmt::format("{} of {}: {} Domain Servers here, system revision {}", identity_->role,
                           identity_->deployment_name, placed_.size(),
                           system_->position().rev);
    }
    daemon_.status(text);
    bus_->changed();
}

void Service::ask_round_trips() {
    using Row = sdbus::Struct<std::string, std::string, std::string, std::string, int64_t, int64_t,
                              std::string, uint32_t>;
    if (!system_ || system_->config().peers.empty()) return;
    sync_->callMethodAsync(bus::MemberName{"Peers"})
        .onInterface(bus::InterfaceName{"org.openmds.Sync1"})
        .uponReplyInvoke([this](bus::ReplyError failed, const std::vector<Row>& rows) {
            if (bus::error_ptr(failed)) return;
            for (const Row& row : rows) {
                if (auto mds = Uid::parse(row.get<0>())) grid_->round_trip(*mds, row.get<7>());
            }
        });
}

void Service::heartbeat() {
    if (!system_) return;
    if (members_sent_.empty()) set_members();
    // Each beat tells what has changed; everything now and then, should a beat be lost.
    bool all_whole = ++beats_ % k_whole_beats == 0;
    std::string whole;
    auto beat = [this](bool everything) {
        json::object o = grid_->beat(everything);
        o["audit"] = audit_heads(everything);
        return json::text(json::value(std::move(o)));
    };
    std::string part = beat(false);
    for (const repl::Peer& p : system_->config().peers) {
        bool everything = tell_whole_.erase(p.mds) > 0 || all_whole;
        if (everything && whole.empty()) whole = beat(true);
        system_->send(p.mds, k_heartbeat, everything ? whole : part);
    }
    grid_->told();
    audit_news_.clear();
    check_watches();
    look_after_backup();
    look_after_archive();
    int64_t now = mono_ms();
    for (auto it = requests_.begin(); it != requests_.end();) {
        if (it->second.deadline > now) {
            ++it;
            continue;
        }
        Then then = std::move(it->second.then);
        it = requests_.erase(it);
        then(mgmt::error_reply(Error(Code::unreachable, "the other server does not answer")));
    }
}

sdbus::IProxy& Service::domain_proxy(const std::string& server) {
    auto& slot = domain_proxies_[server];
    if (!slot) {
        slot = sdbus::createProxy(daemon_.bus().raw(),
                                  bus::ServiceName{server::domain_bus_name(server)},
                                  sdbus::ObjectPath{"/org/openmds/Domain1"});
        bus::finish(*slot);
    }
    return *slot;
}

void Service::call_domain(const std::string& server, const std::string& method,
                          const std::string& text,
                          std::function<void(std::optional<Error>, std::string)> then) {
    // The invoker keeps references: the names must outlive it.
    const bus::MemberName member{method};
    const bus::InterfaceName interface{"org.openmds.Domain1"};
    auto invoker = domain_proxy(server).callMethodAsync(member);
    invoker.onInterface(interface);
    if (method != "Status" && method != "Reload") invoker.withArguments(text);
    if (method == "Reload") {
        invoker.uponReplyInvoke([then = std::move(then)](bus::ReplyError error) {
            const sdbus::Error* e = bus::error_ptr(error);
            then(e ? std::optional<Error>(bus::from_bus_error(*e)) : std::nullopt, "");
        });
        return;
    }
    invoker.uponReplyInvoke(
        [then = std::move(then)](bus::ReplyError error, const std::string& reply) {
            const sdbus::Error* e = bus::error_ptr(error);
            then(e ? std::optional<Error>(bus::from_bus_error(*e)) : std::nullopt, reply);
        });
}

void Service::require_primary(const std::string& what) {
    if (identity_->role == "primary") return;
    std::string primary = "the Primary";
    for (const MdsRow& row : all_mdss()) {
        if (row.role == "primary") primary = row.name + " (" + row.address + ")";
    }
    throw Error(Code::ha_invalid, what + " is done on the Primary Multi-Domain Server, " + primary)
        .refusal("RF-13", "log in at " + primary);
}

}  // namespace mds::core
