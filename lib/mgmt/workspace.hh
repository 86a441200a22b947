#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.hh"
#include "json/json.hh"
#include "mgmt/audit_chain.hh"
#include "mgmt/call.hh"
#include "mgmt/parked.hh"
#include "mgmt/work_db.hh"
#include "model/type.hh"
#include "store/public_db.hh"
#include "store/transaction.hh"

namespace mds::mgmt {

struct WorkspaceImpl;

struct DomainInfo {
    Uid uid;
    std::string name;
    /// "domain", "global domain", "mds".
    std::string type;
    json::object to_json() const;
};

struct Settings {
    DomainInfo domain;
    /// First 8 characters of every session id issued (server::owner_tag).
    std::string owner_tag;
    const model::Catalog* catalog = nullptr;
    std::string server_name;
    /// The log of revisions is purged from its begin when it is larger, bytes; 0 = never.
    uint64_t log_bytes = 0;
    /// Sessions of one administrator that are connected at a time.
    size_t sessions_per_account = 16;
    /// So often the head of the audit trail is told to the other servers, at most.
    int64_t checkpoint_ms = 60'000;
};

/// A lock that a session of another server holds.
struct LockElsewhere {
    std::string user, server;
    Uid session;
    int64_t since_ms = 0;
};

struct Hooks {
    /// Throws RF-05 Error(Code::standby) when this server is not Active.
    std::function<void()> require_writable;
    std::function<bool()> is_standby;
    /// Runs inside the publish transaction; throws when this server may not publish.
    std::function<void()> fence;
    /// After the commit of a revision.
    std::function<void(const store::Revision&)> published;
    std::function<int64_t()> now_ms;
    /// Throws to refuse a publish before it starts (RF-33); may be empty.
    std::function<void()> before_publish;
    /// Throws to refuse a publish for what it changes; may be empty.
    std::function<void(const Uid& author, const std::vector<store::Change>&)> check_changes;
    /// Calls `then` when a Standby has this revision on its disk, or with the reason why none has it
    /// yet (zero-loss publish, replication.md 4). Empty: a publish waits for nobody.
    /// `tired` is called once, at the end or after a moment: whoever waits for the answer of the
    /// command gets it then.
    std::function<void(uint64_t rev, std::function<void()> tired,
                       std::function<void(std::string problem)> then)>
        replicate;
    /// Runs `work` on another thread, then `then` on this one. Large publishes are written so,
    /// while other sessions go on; empty: everything is done at once.
    std::function<void(std::function<void()> work, std::function<void()> then)> background;
    /// The work of a session waits to be handed over to the Active; may be empty.
    std::function<void()> waits;
    /// The newest revision whose record may be purged; may be empty: any.
    std::function<uint64_t()> purge_limit;
    /// When (ms since 1970) a gateway was last here by itself, with which policy (its id); 0: not since the
    /// start. May be empty.
    struct GatewayContact {
        int64_t at_ms = 0;
        std::string policy;
    };
    std::function<GatewayContact(const Uid& gateway)> gateway_contact;
    /// Text that names the Active and how to reach it, for sessions that ended; may be empty.
    std::function<std::string()> where_active;
    /// Of data that every server may change (replication.md 8); null elsewhere.
    struct Shared {
        /// Whether this server is one that publishes so now: not the one that decides.
        std::function<bool()> here;
        /// At once, tentatively; the revision in the database that is shown.
        std::function<uint64_t(store::PublicDb::PublishRequest)> publish;
        /// Decided by the server that decides, when it answers. `then`: nothing and whether it is
        /// tentative, or why it was refused (nothing has changed then).
        std::function<void(store::PublicDb::PublishRequest,
                           std::function<void(std::optional<Error>, bool tentative)> then)>
            ask;
        /// Calls `then` when what this server published without that one is decided: at once, soon, or
        /// after a while in any case.
        std::function<void(std::function<void()> then)> settled;
        /// Who has locked an object on another server.
        std::function<std::optional<LockElsewhere>(const Uid&)> locked;
    };
    std::shared_ptr<const Shared> shared;
    bool shared_here() const { return shared && shared->here(); }
};

/// uid of the Global Domain, the same in every deployment (management-api.md 4).
inline constexpr char k_global_uid[] = "1e294ce0-367a-11e3-aa6e-0800200c9a66";

/// Somebody who acts without a login: mdsctl on the host, the server itself.
struct Principal {
    std::string user = "system";
    /// Shown as the session's application and name.
    std::string application = "mdsctl", session_name, description;
    /// Changes objects that somebody else has locked too: for decisions that cannot wait for him (who is
    /// Primary). What he has in them is refused at his publish, by name.
    bool past_locks = false;
};

/// What a registered command needs before it runs.
struct CommandFlags {
    /// Changes objects or the server: needs a read-write session on the Active.
    bool write = false;
    /// Runs on a Standby and in a read-only session too although it changes something (HA
    /// commands).
    bool anywhere = false;
    /// err_not_a_system_domain_session in another domain.
    bool system_only = false;
    /// err_inappropriate_domain_type in the system data.
    bool not_system = false;
    /// Permission that the session must have; empty = none.
    std::string permission;
    std::string description;
    /// Part of our own tools: not told by show-commands.
    bool internal = false;
};

/// A command of another service: returns the reply's body or throws mds::Error.
using Command = std::function<json::object(Call&)>;
/// A command that answers later: the Call lives until `then` was called (exactly once).
using AsyncCommand = std::function<void(Call&, std::function<void(Reply)> then)>;

struct SessionInfo {
    Uid uid;
    std::string user, name, application, ip;
    /// "open", "pending_approval", "rejected", "published".
    std::string state;
    bool connected = false, read_only = false;
    /// Of a parked publish; nobody has gone on with it yet.
    bool recovered = false, untouched = false;
    uint64_t changes = 0, locks = 0;
    int64_t login_ms = 0, last_use_ms = 0;
};

struct TaskInfo {
    Uid id;
    std::string name, target, initiator;
    /// "in progress", "succeeded", "succeeded with warnings", "partially succeeded", "failed".
    std::string status;
    int percent = 0;
    std::string description, comments;
    int64_t start_ms = 0, update_ms = 0;
    json::array details;
    bool resumable = false;
    /// Session that started it.
    Uid session;
};

/// One action for the trail that show-logs of the type audit tells.
struct AuditRow {
    std::string user, ip, application, operation, subject, message, session_name;
    Uid session;
    bool good = true;
};

/// One management database with its private sessions, locks and tasks, and the commands of the
/// management API on it (management-api.md). One thread; every synchronous command is fast.
class Workspace {
  public:
    Workspace(store::PublicDb& db, WorkDb& work, Settings settings, Hooks hooks);
    ~Workspace();

    // ---- sessions ----
    /// The second half of `login`, after authentication. request: {"user","user-uid",
    /// "permissions":{"read-write":bool,"manage-sessions":bool,...},"read-only",
    /// "continue-last-session","enter-last-published-session","session-name",
    /// "session-description","session-comments","session-timeout","application","ip-address","url",
    /// "last-login-ms","api-server-version","authentication" (for the trail)}. Returns the login reply. Throws mds::Error
    /// (login_several_sessions, invalid_parameter).
    json::object open_session(const json::object& request);
    /// Whether this sid is alive here (does not renew it).
    bool has_session(const std::string& sid) const;
    /// Disconnects every session; their changes and locks stay in work.db. Their sids answer 401
    /// generic_err_session_expired with `reason` (RF-38), except show-task for a minute.
    void end_sessions(const std::string& reason);
    /// Disconnects the sessions of one administrator (deleted, permissions changed).
    void end_sessions_of(const std::string& user, const std::string& reason);
    /// Open sessions (connected, or with changes).
    std::vector<SessionInfo> sessions() const;
    size_t session_count() const;

    // ---- around changes of the Active (replication.md 7, multi-domain-ha.md MA) ----
    /// On the Active: keeps a parked publish as a recovered session of its author; on the disk when
    /// it returns. Nothing happens when it was recovered, published or discarded before.
    void recover(const Parked::Publish& publish);
    /// Keeps a publish of this server that was refused as a recovered session of its author, with why.
    /// A publish of this session was kept before its end was: the session is over.
    void end_published(const Uid& session);
    void give_back(const store::Transaction& transaction, const std::vector<std::string>& reasons);
    /// What was given back was published all the same: forgets it, unless its author has gone on with it.
    void published_after_all(const Uid& session);
    /// This server is no longer Active: recovered sessions that nobody has gone on with wait for
    /// the next one.
    void release_recovered();
    /// What would be lost by an overwrite:
    /// {"sessions":[{"user","changes","connected","recovered"}], "tasks":[name]}; only sessions
    /// that are connected or have changes.
    json::object open_work() const;
    /// The content was overwritten on an operator's order: disconnects everybody with `why`,
    /// discards private sessions (recovered ones wait for the Active again), ends running tasks.
    /// Returns what that was, as open_work().
    json::object end_work(const std::string& why);

    // ---- commands ----
    /// Never throws. For commands that answer later use the form with `then`.
    Reply execute(const std::string& sid, const std::string& command, const std::string& version,
                  std::string_view body, const std::map<std::string, std::string>& client);
    void execute(const std::string& sid, const std::string& command, const std::string& version,
                 std::string_view body, const std::map<std::string, std::string>& client,
                 std::function<void(Reply)> then);
    /// The same commands for a local superuser, in a private session that is published when the
    /// command succeeds and discarded when it does not.
    Reply execute_as(const Principal& who, const std::string& command, std::string_view body);
    void execute_as(const Principal& who, const std::string& command, std::string_view body,
                    std::function<void(Reply)> then);
    /// Runs `change` in such a session and publishes: changes that take effect at once, outside
    /// every administrator's session. Throws what `change` and the publish throw; nothing has
    /// changed then. Returns the revision, or 0 when nothing changed.
    uint64_t transact(const Principal& who, const std::function<void(Call&)>& change);
    /// Runs `look` with a read-only view of the published state.
    void inspect(const std::function<void(Call&)>& look);

    /// Registers a command; replaces a generic one of the same name.
    void add_command(const std::string& name, Command command, CommandFlags flags = {});
    void add_async_command(const std::string& name, AsyncCommand command, CommandFlags flags = {});
    /// Runs the generic command of this name (add-mds wraps the generic add-mds).
    json::object generic(const std::string& name, Call& call);
    std::vector<std::string> command_names() const;

    // ---- tasks (management-api.md 7) ----
    Uid create_task(const std::string& name, const std::string& target,
                    const std::string& initiator, bool resumable = false, const Uid& session = {});
    /// percent below 0 leaves it; empty description leaves it.
    void update_task(const Uid& id, int percent, const std::string& description);
    /// status: see TaskInfo. On "failed" the comments become statusDescription and fault-message of
    /// details[0] when that has none.
    void finish_task(const Uid& id, const std::string& status, json::array details = {},
                     const std::string& comments = {});
    /// Runs `work` as the outcome of a task: succeeded with its details, or failed with the error.
    void run_task(const Uid& id, const std::function<json::array()>& work);
    std::optional<TaskInfo> task(const Uid& id) const;
    std::vector<TaskInfo> tasks(const std::string& status = "in progress") const;
    /// Reply form of a task.
    json::object render_task(const TaskInfo& task, model::Level level) const;

    // ---- audit.cc ----
    /// Adds a row to the trail of this server; never throws. Commands record themselves. What cannot be
    /// written is kept in memory and in the journal, and changes are refused until it is (S-15).
    void record(const AuditRow& row);
    /// Why the trail cannot be written; empty when it can.
    std::string audit_problem() const;
    /// The head of the trail that the other servers are told: renewed by tick() after 60 s or 1000 records
    /// (Settings::checkpoint_ms).
    const AuditHead& audit_checkpoint() const;
    /// AuditChain::check().
    AuditReport check_audit(std::vector<AuditWitness> seen);

    // ---- global.cc ----
    /// In a Domain: {"policy","revision","session","time","by"} of the global policy that is assigned to
    /// it, or nothing; in the Global Domain: {"published","session"} of its newest publish.
    json::object global_state() const;

    /// `decorate` adds to the full form of objects what only this service knows (a status).
    void decorate(std::function<void(const View&, json::object&)> decorate);

    // ---- upkeep ----
    /// Call about once a second, every ten seconds while idle(): session timeouts, old tasks.
    void tick();
    /// Nobody is connected.
    bool idle() const;
    /// The public content changed by other means than a publish here (records applied, full copy).
    void content_changed();
    /// The database becomes another one, or a part of its history is taken back; it is now. Numbers of
    /// revisions mean something else then: sessions go on with what they had edited when it is the same, and
    /// are refused at their publish when it is not (RF-37).
    void content_moves();
    void content_moved();
    /// Locks of the sessions here, and a number that changes with them.
    std::vector<std::pair<Uid, LockElsewhere>> locks() const;
    uint64_t locks_version() const;
    /// Private work as it is now, as a file for a backup.
    void copy_private(const std::string& path);
    /// New name of the domain or of the server.
    void update_settings(Settings settings);

    store::PublicDb& db();
    WorkDb& work();
    const Settings& settings() const;

  private:
    friend class Call;
    friend struct WorkspaceImpl;
    std::unique_ptr<WorkspaceImpl> impl_;
};

}  // namespace mds::mgmt
