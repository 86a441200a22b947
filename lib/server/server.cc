#include "server/server.hh"

#include <fmt/core.h>
#include <malloc.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/clock.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "log/messages.hh"
#include "server/content_copy.hh"
#include "server/gateways.hh"
#include "server/ha_action.hh"
#include "server/install_database.hh"
#include "server/replica_env.hh"
#include "server/server_objects.hh"
#include "server/shared_data.hh"
#include "server/sync_link.hh"
#include "server/sync_tasks.hh"

namespace mds::server {
namespace {

repl::Timing timing_from(const app::Config& config) {
    repl::Timing t;
    t.heartbeat_ms = config.get_int("Sync.HeartbeatMs");
    t.silent_ms = 5 * t.heartbeat_ms;
    t.idle_beat_ms = 10 * t.heartbeat_ms;
    t.verify_ms = int64_t{60'000} * config.get_int("Sync.VerifyMinutes");
    t.startup_ms = config.get_int("Sync.StartupWaitMs");
    t.repeat_ms = std::min(2000, config.get_int("Sync.PeriodicSeconds") * 1000);
    return t;
}

/// A Standby confirms within a few milliseconds, or it will take a while.
constexpr int k_patience_ms = 100;
constexpr int k_upkeep_ms = 1000, k_idle_upkeep_ms = 10'000;

std::string role_word(repl::Role role, bool log_server) {
    if (log_server) return "log server";
    switch (role) {
        case repl::Role::active: return "active";
        case repl::Role::standby: return "standby";
        case repl::Role::starting: return "starting";
    }
    return "standby";
}

}  // namespace

struct Server::Impl {
    explicit Impl(Server* owner, Options o)
        : self(owner),
          options(std::move(o)),
          daemon(*options.daemon),
          db(options.folder),
          shown(db.handle()),
          work(options.folder + "/work.db"),
          link(daemon.bus(), options.channel, options.object_path),
          workspace(*shown, work, settings(), hooks()),
          env(daemon, link, db, workspace, options.folder, options.config.domain_name,
              shown_name(options.config)),
          replica(db, env, options.config.self, options.config.peers, timing_from(daemon.config())),
          sync_tasks(workspace, replica, options.config),
          actions(workspace, replica, sync_tasks, options.config, options.folder),
          installs(workspace, replica, options.config),
          server_objects(workspace, replica, options.config),
          gateways(daemon, workspace, replica, options.config),
          copies(daemon, workspace, db, options.config, options.folder) {
        if (!db.set_aside().empty()) {
            log::event(log::message::database_set_aside,
                       fmt::format("the database of {} is damaged; a full copy comes from another server: {}",
                                   options.config.self.name, db.set_aside()),
                       {{"MDS_DOMAIN", options.config.domain_name},
                        {"MDS_SERVER", options.config.self.name}});
        }
        if (options.shared) {
            SharedData::Outside outside;
            outside.rules = [this](store::PublicDb& state, const Uid& author, const auto& changes,
                                   bool final) { check(state, author, changes, final); };
            outside.may_be_tentative = [this](const auto& changes) {
                if (self->may_be_tentative) self->may_be_tentative(changes);
            };
            outside.may_commit = [this] { require_not_held(); };
            outside.on_content = [this] {
                if (self->on_content) self->on_content();
            };
            shared = std::make_unique<SharedData>(link, db, *shown, workspace, replica, options.folder,
                                                  std::move(outside));
            env.before_park = [this](const auto& records) {
                workspace.content_moves();
                return shared->tentative().park(records);
            };
        }
        made = true;
        env.on_role = [this](repl::Role role, const std::string& why) { role_changed(role, why); };
        env.on_content = [this](const std::vector<store::Revision>& records, bool whole) {
            if (shared) shared->tentative().content_changed(records);
            if (shared && whole) {
                workspace.content_moved();
            } else {
                workspace.content_changed();
            }
            if (self->on_content) self->on_content();
        };
        env.on_status = [this] {
            status_dirty = true;
            soon();
        };
        env.on_copy_begins = [this](const repl::Peer& peer, bool first) {
            sync_tasks.copy_begins(peer, first);
        };
        env.on_copy_ends = [this](const repl::Peer& peer, const std::string& problem) {
            sync_tasks.copy_ends(peer, problem);
        };
        link.on_link = [this](const Uid& mds, const std::string& state, const std::string& reason) {
            replica.set_link(mds, state, reason);
            soon();
        };
    }

    mgmt::Settings settings() const {
        mgmt::Settings s;
        s.domain = {options.config.domain_uid, options.config.domain_name,
                    options.config.domain_type};
        s.owner_tag = owner_tag(options.bus_name);
        s.catalog = options.catalog;
        s.server_name = options.config.self.name;
        s.sessions_per_account = static_cast<size_t>(daemon.config().get_int("Session.PerAccount"));
        s.checkpoint_ms = int64_t{1000} * daemon.config().get_int("Audit.CheckpointSeconds");
        s.log_bytes = uint64_t{1 << 20} * static_cast<uint64_t>(daemon.config().get_int("Sync.LogMiB"));
        return s;
    }

    mgmt::Hooks hooks() {
        mgmt::Hooks h;
        h.require_writable = [this] { require_writable(); };
        h.is_standby = [this] {
            return replica.role() != repl::Role::active && !(shared && shared->tentative().shared());
        };
        h.fence = [this] {
            replica.require_writable();
            if (!shown->same_as(db)) throw Error(Code::internal, "the Active shows what is not committed");
        };
        h.published = [this](const store::Revision&) {
            replica.committed();
            soon();
            if (self->on_content) self->on_content();
        };
        h.check_changes = [this](const Uid& author, const std::vector<store::Change>& changes) {
            if (made) server_objects.check(changes);
            // Of shared data the one that decides asks again.
            check(*shown, author, changes, !shared || !shared->tentative().shared());
        };
        if (options.shared) h.shared = shared_hooks();
        h.before_publish = [this] { require_not_held(); };
        h.waits = [this] {
            env.count_parked();
            soon();
        };
        h.purge_limit = [this] { return replica.held_by_all(); };
        h.now_ms = [] { return wall_ms(); };
        if (int seconds = daemon.config().get_int("Sync.ZeroLossSeconds"); seconds > 0) {
            h.replicate = [this, seconds](uint64_t rev, std::function<void()> tired,
                                          std::function<void(std::string)> then) {
                wait_for_standby(rev, seconds, std::move(tired), std::move(then));
            };
        }
        h.background = [this](std::function<void()> job, std::function<void()> then) {
            // The workspace finishes a publish that a power cut interrupted while it is being made.
            if (!made) {
                job();
                then();
                return;
            }
            env.in_background(std::move(job), std::move(then));
        };
        h.gateway_contact = [this](const Uid& gateway) { return gateways.contact(gateway); };
        h.where_active = [this]() -> std::string {
            if (replica.role() == repl::Role::active) return "This server is Active again";
            const repl::Peer* active = replica.active_peer();
            return active ? fmt::format("The Active server is {} ({}) on {}", active->name,
                                        active->address, active->mds_name)
                          : std::string("No server of this Domain is Active");
        };
        return h;
    }

    std::shared_ptr<const mgmt::Hooks::Shared> shared_hooks() {
        auto h = std::make_shared<mgmt::Hooks::Shared>();
        h->here = [this] { return shared && shared->tentative().shared(); };
        h->publish = [this](store::PublicDb::PublishRequest request) {
            uint64_t rev = shared->tentative().publish(std::move(request));
            if (self->on_content) self->on_content();
            return rev;
        };
        h->ask = [this](store::PublicDb::PublishRequest request,
                        std::function<void(std::optional<Error>, bool)> then) {
            using Outcome = repl::Tentative::Outcome;
            shared->tentative().ask(std::move(request),
                                    [this, then](Outcome outcome, std::optional<Error> error) {
                                        then(std::move(error), outcome == Outcome::tentative);
                                        if (self->on_content) self->on_content();
                                    });
            soon();
        };
        h->settled = [this](std::function<void()> then) {
            shared->tentative().when_settled(std::move(then));
            soon();
        };
        h->locked = [this](const Uid& object) { return shared->locked(object); };
        return h;
    }

    void check(store::PublicDb& state, const Uid& author, const std::vector<store::Change>& changes,
               bool final) {
        if (self->check_changes) self->check_changes(state, author, changes, final);
    }

    void require_writable() const {
        if (shared) return shared->tentative().require_writable();
        replica.require_writable();
    }

    /// RF-33: a backup keeps this moment on all servers.
    void require_not_held() {
        if (hold_task.empty() || mono_ms() > hold_until_ms) return;
        throw Error(Code::ha_invalid, "a backup keeps the present state (task " + hold_task +
                                          "); nothing is published for a moment")
            .refusal("RF-33", "mdsctl task watch " + hold_task);
    }

    void role_changed(repl::Role role, const std::string& why) {
        std::string word = role_word(role, options.config.self.log_server);
        // The term was begun before the role: its cause says that the Active before was not asked.
        bool forced = role == repl::Role::active && db.term().cause == "force";
        log::event(forced ? log::message::taken_over : log::message::role_changed,
                   fmt::format("{} is now {}: {}", options.config.self.name, word, why),
                   {{"MDS_DOMAIN", options.config.domain_name},
                    {"MDS_SERVER", options.config.self.name},
                    {"MDS_ROLE", word},
                    {"MDS_REASON", why}});
        if (role == repl::Role::standby && was == repl::Role::active) {
            // CA-3, RF-38: clients learn where the new Active is when they come back.
            workspace.end_sessions(options.config.self.name + " is now standby.");
            env.release_recovered();
        }
        was = role;
        if (shared) {
            shared->tentative().role_changed();
            soon();
        }
        if (self->on_role) self->on_role(role);
    }

    /// Zero-loss publish: `then` when a Standby has confirmed the revision, or why none has.
    void wait_for_standby(uint64_t rev, int seconds, std::function<void()> tired,
                          std::function<void(std::string)> then) {
        bool any = std::any_of(options.config.peers.begin(), options.config.peers.end(),
                               [](const repl::Peer& p) { return !p.log_server; });
        if (!any) {  // there is no Standby to wait for
            then("");
            return tired();
        }
        int64_t now = mono_ms();
        unconfirmed.push_back({rev, db.position().term_id, now + 1000 * seconds, now + k_patience_ms,
                               std::move(tired), std::move(then)});
        check_confirmed();
        soon();
    }
    void check_confirmed() {
        for (size_t i = 0; i < unconfirmed.size();) {
            // In another term the same number may be another publish.
            bool stepped_down = replica.role() != repl::Role::active ||
                                db.position().term_id != unconfirmed[i].term;
            bool done = !stepped_down && replica.confirmed(unconfirmed[i].rev);
            if (!done && !stepped_down && mono_ms() < unconfirmed[i].deadline) {
                if (unconfirmed[i].tired && mono_ms() >= unconfirmed[i].tired_at) {
                    std::exchange(unconfirmed[i].tired, nullptr)();
                }
                ++i;
                continue;
            }
            auto then = std::move(unconfirmed[i].then);
            auto tired = std::move(unconfirmed[i].tired);
            unconfirmed.erase(unconfirmed.begin() + static_cast<ptrdiff_t>(i));
            then(done           ? ""
                 : stepped_down ? "this server is no longer Active"
                                : "no Standby has confirmed it in time; see mdsctl ha status " + shell_word(options.config.domain_name));
            if (tired) tired();
        }
    }

    /// Milliseconds until the next one.
    int tick() {
        if (!db.failure().empty()) {
            log::error(options.config.self.name + " ends and reads its database anew: " + db.failure());
            daemon.stop(1);
            return 1000;
        }
        if (env.work_changed()) replica.work_changed();
        replica.tick();
        sync_tasks.tick();
        actions.tick();
        installs.tick();
        server_objects.tick();
        gateways.tick();
        check_confirmed();
        if (status_dirty) {
            status_dirty = false;
            if (self->on_status) self->on_status();
        }
        int next = unconfirmed.empty() && !installs.waiting() ? replica.next_ms() : 50;
        return shared ? std::min(next, shared->tick()) : next;
    }
    /// Something came in: what it makes due is not put off until the next idle beat.
    void soon() {
        if (alarm) alarm->within(50);
    }

    void used() {
        last_use_ms = mono_ms();
        warm = true;
    }

    /// The head of the audit trail goes to the other servers with the status.
    void tell_audit() {
        const mgmt::AuditHead& head = workspace.audit_checkpoint();
        std::string now = head.chain + std::to_string(head.id) + workspace.audit_problem();
        if (now == audit_told) return;
        audit_told = now;
        status_dirty = true;
        soon();
    }

    /// A server that nobody asks anything keeps no caches: there are hundreds on a host.
    void rest() {
        constexpr int64_t k_quiet_ms = 60'000;
        if (!warm || mono_ms() - last_use_ms < k_quiet_ms) return;
        warm = false;
        db.shrink();
        work.db().exec("PRAGMA shrink_memory");
        malloc_trim(0);
    }

    Server* self;
    Options options;
    app::Daemon& daemon;
    /// All of this is constructed.
    bool made = false;
    /// A backup holds publishing: its task, and mono ms until when.
    std::string hold_task;
    int64_t hold_until_ms = 0;
    store::PublicDb db;
    /// What people read: db, or with shared data a copy of it with what is tentative.
    std::unique_ptr<store::PublicDb> shown;
    mgmt::WorkDb work;
    SyncLink link;
    mgmt::Workspace workspace;
    ReplicaEnv env;
    repl::Replica replica;
    SyncTasks sync_tasks;
    HaActions actions;
    DatabaseInstalls installs;
    std::unique_ptr<SharedData> shared;
    ServerObjects server_objects;
    Gateways gateways;
    ContentCopies copies;
    repl::Role was = repl::Role::starting;
    bool status_dirty = true;
    std::string audit_told;
    struct Unconfirmed {
        uint64_t rev = 0;
        Uid term;
        int64_t deadline = 0, tired_at = 0;
        std::function<void()> tired;
        std::function<void(std::string)> then;
    };
    std::vector<Unconfirmed> unconfirmed;
    std::shared_ptr<app::Daemon::Alarm> alarm, upkeep;
    /// Starting has filled caches too.
    bool warm = true;
    int64_t last_use_ms = mono_ms();
};

Server::Server(Options options) : impl_(std::make_shared<Impl>(this, std::move(options))) {}

Server::~Server() = default;

store::PublicDb& Server::db() { return *impl_->shown; }
store::Position Server::position() const { return impl_->db.position(); }
mgmt::Workspace& Server::workspace() { return impl_->workspace; }
repl::Replica& Server::replica() { return impl_->replica; }
const Config& Server::config() const { return impl_->options.config; }

Gateways& Server::gateways() { return impl_->gateways; }

void Server::start() {
    impl_->link.start();
    impl_->replica.set_fence(impl_->options.config.fence);
    impl_->replica.start();
    if (impl_->shared) impl_->shared->start();
    std::weak_ptr<Impl> weak = impl_;
    impl_->alarm = impl_->daemon.alarm([weak] {
        auto impl = weak.lock();
        return impl ? impl->tick() : k_idle_upkeep_ms;
    });
    impl_->upkeep = impl_->daemon.alarm([weak] {
        auto impl = weak.lock();
        if (!impl) return k_idle_upkeep_ms;
        impl->workspace.tick();
        impl->tell_audit();
        if (auto flush = impl->work.flush()) impl->env.in_background(std::move(flush), [] {});
        impl->rest();
        return impl->workspace.idle() ? k_idle_upkeep_ms : k_upkeep_ms;
    });
}

void Server::reload(Config config) {
    impl_->options.config = std::move(config);
    impl_->replica.set_peers(impl_->options.config.peers);
    impl_->replica.set_fence(impl_->options.config.fence);
    // Its objects follow at once, not at the next beat.
    impl_->soon();
    impl_->workspace.update_settings(impl_->settings());
}

void Server::execute(const std::string& sid, const std::string& command,
                     const std::string& version, std::string body,
                     std::map<std::string, std::string> client,
                     std::function<void(mgmt::Reply)> then) {
    impl_->used();
    if (impl_->upkeep) impl_->upkeep->within(k_upkeep_ms);
    if (!impl_->shared) return impl_->workspace.execute(sid, command, version, body, client, std::move(then));
    impl_->workspace.execute(sid, command, version, body, client,
                             [weak = std::weak_ptr<Impl>(impl_), then](mgmt::Reply reply) {
                                 auto impl = weak.lock();
                                 if (!impl) return then(std::move(reply));
                                 impl->shared->tell_locks([then, reply] { then(reply); });
                                 impl->soon();
                             });
}

void Server::deliver(const std::string& peer, uint16_t kind, std::string payload) {
    auto mds = Uid::parse(peer);
    if (!mds) return;
    if (kind >= static_cast<uint16_t>(repl::Kind::application)) {
        if (on_message) on_message(*mds, kind, std::move(payload));
        return;
    }
    if (impl_->shared && kind >= static_cast<uint16_t>(repl::Kind::transaction_ask)) {
        impl_->shared->receive(*mds, static_cast<repl::Kind>(kind), payload);
        impl_->soon();
        return;
    }
    // Heartbeats come all the time.
    if (kind != static_cast<uint16_t>(repl::Kind::position)) impl_->used();
    impl_->replica.receive(*mds, static_cast<repl::Kind>(kind), payload);
    if (!impl_->unconfirmed.empty()) impl_->check_confirmed();
    impl_->soon();
}

void Server::send(const Uid& mds, uint16_t kind, std::string payload) {
    impl_->link.send(mds, kind, payload);
}

json::object Server::status() const {
    const Config& c = impl_->options.config;
    const repl::Replica& replica = impl_->replica;
    store::Position position = impl_->db.position();
    json::array peers;
    for (const repl::PeerStatus& s : replica.peer_status()) {
        json::object row{
            {"server", s.peer.name},
            {"mds", s.peer.mds.text()},
            {"mds-name", s.peer.mds_name},
            {"address", s.peer.address},
            {"log-server", s.peer.log_server},
            {"primary", s.peer.primary},
            {"ha-state", s.peer.log_server ? "log server"
                         : s.heard         ? role_word(s.role, false)
                                           : "unknown"},
            {"sync-status", repl::status_word(s.status)},
            {"sync-state", s.sync_state},
            {"revision", position.rev},
            {"peer-revision", s.revision},
            {"digest-equal", s.digest_equal},
            {"since", s.since_ms},
            {"last-contact", s.contact_ms},
            {"last-successful-sync", s.last_good_ms},
            {"parked", s.parked},
            {"reason", s.reason},
            {"next", s.next}};
        if (s.percent != 255) row["percent"] = s.percent;
        if (!s.step.empty()) row["step"] = s.step;
        peers.push_back(std::move(row));
    }
    const store::Term& term = impl_->db.term();
    return json::object{{"domain", c.domain_name},
                        {"domain-uid", c.domain_uid.text()},
                        {"domain-type", c.domain_type},
                        {"server", c.self.name},
                        {"server-uid", c.self.server.text()},
                        {"address", c.address},
                        {"mds", c.self.mds.text()},
                        {"mds-name", c.mds_name},
                        {"role", role_word(replica.role(), c.self.log_server)},
                        {"primary", c.primary},
                        {"log-server", c.self.log_server},
                        {"state", replica.domain_state()},
                        {"revision", position.rev},
                        {"term", position.term_no},
                        {"digest", store::text(position.digest)},
                        {"objects", impl_->db.object_count()},
                        {"parked", impl_->env.parked_count()},
                        {"verified", replica.verified()},
                        {"damage", replica.damage()},
                        {"parked-problem", replica.parked_problem()},
                        {"tentative", impl_->shared ? impl_->shared->status() : json::object{}},
                        {"global", impl_->workspace.global_state()},
                        {"server-objects", impl_->server_objects.state()},
                        {"term-cause", term.cause},
                        {"term-by", term.by},
                        {"term-since", term.time_ms},
                        {"audit", impl_->workspace.audit_checkpoint().to_json()},
                        {"audit-problem", impl_->workspace.audit_problem()},
                        {"sessions", impl_->workspace.session_count()},
                        {"peers", std::move(peers)}};
}

void Server::require_writable() const { impl_->require_writable(); }

json::object Server::gateway_managers(mgmt::Call& call) {
    return impl_->server_objects.gateway_managers(call);
}

json::object Server::install_database(mgmt::Call& call) {
    impl_->soon();
    return impl_->installs.start(call);
}

json::object Server::ha_action(const json::object& request) {
    std::string action = json::get_string(request, "action");
    // A backup (services/core/backup.cc). Nobody else can read work.db: it gets a copy.
    std::string copy = impl_->options.folder + "/backup.db";
    if (action == "hold") {
        std::filesystem::remove(copy);
        impl_->workspace.copy_private(copy);
        impl_->hold_task = json::get_string(request, "task");
        impl_->hold_until_ms = mono_ms() + json::get_int(request, "seconds", 60) * 1000;
        return {};
    }
    if (action == "forget") std::filesystem::remove(copy);
    if (action == "release" || action == "forget") {
        if (impl_->hold_task == json::get_string(request, "task")) impl_->hold_task.clear();
        return {};
    }
    // The backup of one Domain (services/core/domain_backup.cc).
    if (action == "copy-content") return impl_->copies.start(request);
    impl_->require_not_held();
    impl_->soon();
    return impl_->actions.run(request);
}

}  // namespace mds::server
