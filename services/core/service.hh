#pragma once
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "app/daemon.hh"
#include "base/version.hh"
#include "alarms.hh"
#include "grid.hh"
#include "identity.hh"
#include "login_guard.hh"
#include "metrics.hh"
#include "pki/crl_folder.hh"
#include "pki/signature.hh"
#include "server/server.hh"
#include "stopped.hh"
#include "units.hh"

namespace mds::core {

class BlockingBus;
class BusObject;
class MetricsSocket;

/// Uids of the built-in domains (management-api.md 9).
inline const char k_system_data_uid[] = "a0eebc99-afed-4ef8-bb6d-fedfedfedfed";
using mgmt::k_global_uid;

/// Messages between cores on the channel "system" (repl::Kind::application and above).
/// Where a server of this address serves revocation lists.
std::string list_server_url(const std::string& address, int port);

inline constexpr uint16_t k_heartbeat = 101, k_request = 102, k_reply = 103, k_revocations = 104,
                          k_authority = 105, k_lists = 106;

/// The owner of mds-core's state. Everything runs on the loop thread unless it says "worker".
class Service {
  public:
    explicit Service(app::Daemon& daemon);
    ~Service();

    app::Daemon& daemon() { return daemon_; }
    const std::optional<Identity>& identity() const { return identity_; }
    /// The certificate of this server (Sync1.Certificate), and why it was not renewed when it should be.
    const json::object& certificate() const { return certificate_; }
    uint64_t lists_version() const { return lists_version_; }
    const std::string& renewal_problem() const { return renewal_problem_; }
    int64_t started_ms() const { return started_ms_; }
    /// Ca1.Authority of this host.
    const json::object& authority() const { return authority_; }
    /// The system data; throws Error(not_set_up) before there is one.
    server::Server& system();
    bool has_system() const { return system_ != nullptr; }
    Grid& grid() { return *grid_; }
    /// Domain Servers of this host that an administrator has stopped.
    StoppedServers& stopped() { return stopped_; }
    std::string state() const;

    struct DomainRow {
        Uid uid;
        std::string name, type;
        json::array servers;
    };

    // setup.cc
    /// Worker: carries out the answers; `step` is told each step's name when it is done.
    json::object setup(const json::object& answers, const std::function<void(std::string)>& step);
    /// Worker: takes over what enrolment delivered.
    void take_over_trust();

    // login.cc
    using Then = std::function<void(mgmt::Reply)>;
    // processes.cc
    /// start-, stop-, restart-domain-server: has it done by the mds-core of the host where it runs.
    void control_domain_server(const std::string& verb, mgmt::Call& call, Then then);
    // gateways.cc (Internal.Trust1)
    void enrol_gateway(const json::object& asked, Then then);
    void certify_gateway(json::object message, Then then);
    void settle_gateways(json::object message, Then then);
    void login(const json::object& body, std::map<std::string, std::string> client, Then then);
    /// A session without a password, for root on this host.
    void login_local(const json::object& body, Then then);
    void login_to_domain(mgmt::Call& call, Then then);
    /// What the administrator may do in a Domain (null: in System Data); throws login_failed when
    /// that is nothing, or when the profile forbids the API.
    json::object rights_of(const Uid& administrator, const DomainRow* row);

    /// Sends `message` as `op` to the Primary; throws when this server does not know it.
    void ask_primary(const char* op, json::object message, Then then);
    /// From another server, on the Primary: `op` "certify-gateway" or "settle-gateways".
    void gateway_message(const Uid& mds, const std::string& op, json::object message, Then then);
    // personal_certificates.cc
    /// PEM of the authority whose certificates log administrators in, empty while no administrator logs in so.
    const std::string& login_authorities() const { return login_authorities_; }

    // reconcile.cc
    /// Makes this host's Domain Servers what the system data says.
    void reconcile();
    /// Has a Domain Server here read its server.json anew, and asks its status.
    void refresh(const std::string& server);
    /// The path below which the state of the suite lies ("/var/lib/mds").
    std::string root() const;

    // promotion.cc
    /// Makes this Secondary the Primary, or says what that would do (mdsctl promote).
    void promote(const json::object& options, const std::string& user, Then then);
    /// The classic commands of a promotion that were not given yet, when some were (PR-3).
    std::vector<std::string> promotion_missing();
    /// Why this server is fenced (FR-3); empty: it is not.
    std::string fence();

    // forward.cc
    /// Runs a command in a Domain as the local superuser, here or on the server that has it.
    /// `may_pass_on`: it does not come from another server, which thinks that the Domain has one here.
    void run_in_domain(const std::string& domain, const std::string& command, std::string body, Then then,
                       bool may_pass_on = true);
    void ha_action(const json::object& request, Then then);
    void task_elsewhere(const std::string& id, Then then);
    bool knows_task(const std::string& id) const { return tasks_elsewhere_.count(id) > 0; }
    void on_message(const Uid& mds, uint16_t kind, const std::string& payload);
    /// The Domain with this name or uid; nothing when there is none.
    std::optional<DomainRow> find_domain(const std::string& name_or_uid);
    std::vector<DomainRow> all_domains();
    struct MdsRow {
        Uid uid;
        std::string name, address, role;
        /// Of a server that was Primary until another one was promoted, until it is readmitted (FR-3):
        /// {"by" uid,"by-name","at" ms,"reason"}.
        json::object replaced;
        bool log_server() const { return role == "log-server"; }
    };
    std::vector<MdsRow> all_mdss();
    std::optional<MdsRow> find_mds(const std::string& name_or_uid);

    // commands_*.cc
    void register_commands();
    void add_mds(mgmt::Call& call, Then then);
    /// RF-01: which server is the Primary is no matter of its object.
    void refuse_second_primary(const std::string& server_type);
    /// RS-5: enrols a member anew, whose old certificates are revoked then.
    void connect_mds(mgmt::Call& call, Then then);
    /// Worker: revokes what was issued to a server before the certificate with this serial.
    static void revoke_earlier(BlockingBus& bus, const std::string& uuid, const std::string& serial);
    /// RS-2 to RS-4, on the server itself.
    void reset_trust(mgmt::Call& call, Then then);
    void add_domain(mgmt::Call& call, Then then);
    void set_domain(mgmt::Call& call, Then then);
    void delete_domain(mgmt::Call& call, Then then);
    /// What would go with a Domain.
    json::object deletion_plan(mgmt::Call& call, const mgmt::View& domain);
    /// Over HTTPS: the administrator may change High Availability in the Domain that is named.
    void require_ha_right(mgmt::Call& call);
    json::object render_domain(mgmt::Call& call, const mgmt::View& view);
    json::object render_mds(mgmt::Call& call, const mgmt::View& view);

    /// Calls an internal method of a Domain Server on this host.
    void call_domain(const std::string& server, const std::string& method, const std::string& text,
                     std::function<void(std::optional<Error>, std::string)> then);
    /// Opens a session in the Domain Server of `row` on this host; says where the Domain is when
    /// none is here.
    void open_session_here(const DomainRow& row, const json::object& request, Then then);
    void execute_in_domain(const std::string& server, const std::string& sid,
                           const std::string& command, const std::string& body, Then then);
    /// Throws RF-13 unless this is the Primary.
    void require_primary(const std::string& what);

  private:
    friend class Grid;
    void open_system();
    void content_changed();
    /// Ends the sessions on this host, here and in its Domain Servers, of administrators who were
    /// deleted or whose rights changed since the last call.
    void end_sessions_without_rights();
    std::map<std::string, std::string> rights_marks_;
    /// Here and in the Domain Servers of this host.
    void end_sessions_of(const std::string& administrator, const std::string& reason);
    server::Config system_config();
    void set_members();
    void update_status();
    /// EX-4: how far the other servers are, by the measure of mds-sync.
    void ask_round_trips();
    void heartbeat();
    sdbus::IProxy& domain_proxy(const std::string& server);
    void register_mds_commands();
    void register_domain_commands();
    void register_other_commands();
    // commands_list.cc
    struct Gathering;
    void register_list_commands();
    /// A list of the system data (`here`), of the Domains on this host, or both.
    void list_over_domains(mgmt::Call& call, const std::string& container, bool here, Then then);
    /// Asks the next Domain of a list; answers when none is left.
    void gather(std::shared_ptr<Gathering> list);
    /// Asks the mds-core of another server; an error answers when it is silent or takes longer.
    void request(const Uid& mds, json::object body, Then then, int64_t timeout_ms = 15'000);
    void answer_request(const Uid& mds, const json::object& message);
    void watch_domain_task(Uid task, const std::string& domain, int64_t deadline, json::array details = {});
    /// Throws when a new Domain cannot have this name, which is the value of `parameter`.
    void check_domain_name(const std::string& name, const std::string& parameter);
    /// Worker: makes the authority of a Domain and publishes its object; the task is watched from then on.
    struct NewDomain {
        Uid uid;
        std::string name;
        /// As check_servers() gives them.
        json::array servers;
        std::string comments, color = "black";
        /// Who, and by which command.
        std::string user, command;
        Uid task;
        json::array details;
    };
    void create_domain(const NewDomain& domain);
    std::string name_problem(const std::string& name);
    void local_ha_action(const std::string& server, const json::object& request, Then then);
    void check_watches();
    void confirm_trust();
    // certificates.cc
    void watch_certificates();
    void check_certificate();
    void renew_certificate();
    /// Worker.
    void install_certificates(const std::string& answer);
    /// The renewal has ended, with this problem or well: tells who waits for it.
    void end_renewal(const std::string& problem);
    /// A member asks the Primary for certificates of its new keys.
    void sign_for(const Uid& mds, const json::object& message, Then then);
    void fetch_revocations();
    /// Has the certificates of deleted servers revoked, as long as that is not done.
    void revoke_departed();
    /// The same for earlier certificates of servers whose trust was established anew: `serial` is the one
    /// that stays.
    void must_revoke(const std::string& uuid, const std::string& serial);
    void is_revoked(const std::string& uuid);
    void revoke_superseded();
    /// Sends a member the lists when its heartbeat names older ones.
    void catch_up_revocations(const Uid& mds, const json::object& beat);
    void install_revocations(const std::string& lists);
    // commands_authority.cc
    void register_authority_commands();
    void show_authorities(mgmt::Call& call, Then then);
    void show_authority(mgmt::Call& call, Then then);
    void show_certificates(mgmt::Call& call, Then then);
    void show_revocation_lists(mgmt::Call& call, Then then);
    /// Throws on a log server, which has no mds-ca.
    void require_certificates() const;
    /// What mds-ca calls the authority that people name; of every Domain's authority what people call it.
    std::string authority_word(const std::string& name);
    std::map<std::string, std::string> authority_names();
    /// Worker: Ca1.FindCertificates.
    static json::value ask_authority(const json::object& query);
    /// A row of it as the management API has it.
    static json::object shown_certificate(const json::object& row, const std::string& authority);
    // commands_trust.cc
    struct Revocation;
    void register_trust_commands();
    void revoke_certificate(mgmt::Call& call, Then then);
    /// On the Primary: {"serial","reason","plan"}.
    void revoke_here(const json::object& message, Then then);
    void revoke_trust(mgmt::Call& call, Then then);
    void renew_named(mgmt::Call& call, Then then);
    /// New certificates for this server; answers when they are installed.
    void renew_now(Then then);
    /// From another server: "revoke-certificate", "renew-certificate".
    void trust_message(const Uid& mds, const std::string& op, const json::object& message, Then then);
    // lists.cc
    /// On the Primary: has mds-ca name every server in what it issues, fetches the lists that it has signed
    /// since, keeps them here and sends them to everybody.
    void follow_lists();
    /// Sends a member the lists that its heartbeat shows it lacks.
    void catch_up_lists(const Uid& mds, const json::object& beat);
    /// Keeps what the Primary has sent.
    void take_lists(json::object message);
    /// Worker: the version that is here then.
    uint64_t keep_lists(const json::object& message);
    // authority.cc
    /// Reads what the mds-ca of this host is.
    void look_at_authority();
    /// Sends a member the authority, sealed for it, when its heartbeat names an older state.
    void catch_up_authority(const Uid& mds, const json::object& beat);
    /// The Primary signs now: it gets what only this server knew, then this one ends signing.
    void retire_authority();
    /// Gives the Primary all that is known here; `then` when it has it.
    void hand_authority_over(const Uid& primary, std::function<void()> then);
    void take_former_authority(const Uid& mds, const json::object& message, Then then);
    /// Runs `work` on a worker; its body, or what it throws, is the answer, given on the loop.
    void answer_from_worker(Then then, std::function<json::object()> work);
    /// Worker: keeps what the Primary has sent.
    void keep_authority(const std::string& sealed);
    // registry.cc
    void register_registry_commands();
    /// Every value as the classic tools know it: {"<path>":{"<name>":value}}.
    json::object registry();
    void promotion_is_done();
    void change_registry(mgmt::Call& call, Then then);

    // audit.cc
    /// What a heartbeat says of the audit trails here: {"key","heads":[{"log","chain","id","hash","time",
    /// "signature"}]}; all of them, or those that are further than the last time.
    json::object audit_heads(bool all);
    /// Keeps what a member says of its trails (S-14).
    void witness(const Uid& mds, const json::object& beat);
    /// Problems of the trails here, for the status of the deployment.
    std::vector<std::string> audit_problems();
    void register_audit_commands();
    /// {"seen":{log:[heads of a server]}} of what this server has witnessed.
    json::object audit_seen(const Uid& mds);
    /// Has every trail of this server read and compared.
    void check_audit_here(const json::object& seen, Then then);
    /// The last verification of each server's trails that was ordered here: {"<name>":{"time" ms,"good"}}. Kept
    /// in the file audit-verified.json.
    json::object audit_verified_;
    void load_audit_verified();
    /// Keeps the outcome of verify_audit(), and tells the journal what is not as it was written.
    void keep_audit_verified(const json::array& servers);
    /// Worker: all servers, or one.
    /// The trails that a server should have: System Data, and its Domain Servers' by the uid of the Domain.
    std::set<std::string> trails_of(const Uid& mds);
    json::object verify_audit(const std::vector<MdsRow>& servers, const std::vector<MdsRow>& witnesses);
    std::optional<pki::CheckpointKey> audit_key_;
    /// Signed heads by trail.
    std::map<std::string, json::object> audit_heads_;
    std::set<std::string> audit_news_;

    // assignments.cc
    void register_assignment_commands();
    /// GA-1 to GA-5.
    void assign_global_assignment(mgmt::Call& call, Then then);
    /// order: {"policy","user"} or {"withdraw","user"}; carried out on the host of the Domain's Active.
    void assign_global(const DomainRow& domain, json::object order, Then then);
    void take_global_assignment(const json::object& order, Then then);
    void assign_global_here(const json::object& order, int64_t until_ms, Then then);
    /// Goes on with assignments that wait for the Global Domain's replica of this host.
    void look_for_global();
    /// Takes the global policy out of Domains whose assignment was deleted.
    void withdraw_global();
    /// assignment-status and its date.
    void show_assignment(const mgmt::View& view, json::object& out);
    /// Workspace::global_state() of the Active of a Domain; without one, of the server where the number
    /// under this key is largest.
    json::object global_state_of(const Uid& domain, const char* newest_by);
    /// Newest publish of the Global Domain: {"published": revision, "session": its uid}.
    json::object global_published();
    /// Workspace::global_state() of a Domain; empty when it has no global policy.
    json::object global_held(const Uid& domain);

    // processes.cc
    void register_process_commands();
    struct ServerPlace;
    /// A server of a Domain by its Multi-Domain Server, or by its own name or address; throws when there is none, or
    /// more than one.
    ServerPlace place_of(const std::string& domain, const std::string& word, const std::string& verb);
    /// A Domain Server of this host: {"verb","server","user","reason"}.
    void control_here(const json::object& order, Then then);
    void controlled(const std::string& verb, const DomainRow& row, const std::string& server, Then then);
    /// Why servers of a Domain do not answer: somebody has stopped them; nothing when nobody has. `mds`: only the one
    /// there, nil: all. `only_active`: those that were Active.
    std::optional<Error> stopped_problem(const DomainRow& row, const Uid& mds, bool only_active);

    // domain_servers.cc
    /// What the Active of a Domain says of the object of one of its servers (mgmt::server_objects_state).
    json::object object_of_server(const Uid& domain, const std::string& server_uid);
    /// What uses a server (an element of DomainRow::servers) in its Domain, as texts.
    std::vector<std::string> uses_of(const DomainRow& domain, const json::object& server);
    /// Throws RF-25 with the list.
    static void require_unused(const std::string& name, const std::vector<std::string>& uses);
    /// RD-6: who deletes the object of a failed server in its Domain deletes the server.
    void take_out_deleted_servers();
    bool licence_is_checked() const;
    /// "HA licence on a Primary" (RD-9), or empty.
    std::string licence_problem(const json::object& server) const;
    void set_licence(mgmt::Call& call);
    json::object show_licences(mgmt::Call& call);
    void register_licence_commands();

    // backup.cc
    /// A backup that this server takes part in.
    struct Backup {
        Uid task;
        /// For mds-backup: {"task","stamp","set","time","logs"}.
        json::object order;
        /// Mono ms after which it is given up here.
        int64_t until_ms = 0;
        /// Who waits: for the moment to be kept; for leave to go on (mds-backup); for the end.
        Then pinned, go, end;
        /// mds-backup has come for the order.
        bool fetched = false;
        std::optional<json::object> report;
    };
    void register_backup_commands();
    void start_backup_here();
    /// Of the commands that mds-backup asks.
    static mgmt::CommandFlags flags_for_mds_backup();
    /// Of commands for mds-backup on this host: throws for anybody else.
    static void require_mds_backup(mgmt::Call& call);
    void backup_mds(mgmt::Call& call, Then then);
    /// What the leading server asks of this one: hold, pin, go, end, release.
    void backup_step(const json::object& message, Then then);
    void backup_ended(json::object report);
    /// Whether the end of this run of mds-backup is the end of the backup that goes on; there is one.
    bool ended_here(const std::string& run);
    void release_backup(const std::string& why);
    void look_after_backup();
    /// "hold" holds every publish on this host (RF-33) and copies private work, "release" lets publishing
    /// go on, "forget" deletes those copies too.
    void hold_here(const char* action, Then then);
    /// Throws RF-33.
    void require_no_backup();
    /// Whether these servers have the same revision of everything; `behind` names one that has not.
    bool level(const std::vector<MdsRow>& servers, std::string& behind);
    /// Worker.
    void run_backup(const std::vector<MdsRow>& servers, const json::object& order, const Uid& task);
    std::vector<mgmt::Reply> step_everywhere(const std::vector<MdsRow>& servers, json::object body,
                                             int64_t timeout_ms);

    // domain_backup.cc
    /// The file of one Domain's backup that mds-backup of this host makes or reads for this server; one at a
    /// time.
    struct DomainArchive {
        /// Of the order, also the name of what is made for it.
        Uid id;
        /// For mds-backup: {"job","task" (the id),"file","time"}.
        json::object order;
        /// What its task is called and is about, and who has ordered it.
        std::string name, target, user;
        Uid session;
        /// Whoever asked, until the file was looked at and the task begun.
        Then reply;
        Uid task;
        /// mds-backup works on it.
        bool fetched = false;
        /// The file was looked at, and may be made or is what it should be: begins; the answer is for
        /// mds-backup. Throws to refuse it.
        std::function<json::object(const json::object& seen)> seen;
        /// mds-backup has done its part; ends by end_archive().
        std::function<void(json::object report)> done;
        /// Takes away what was made on the way, however it ends.
        std::function<void()> clean;
        /// Of a backup: what it says of the Domain; the Domain Server here, its task that makes a copy of the
        /// content, where that copy is, and what mds-backup gets when it is there: {"source","domain"}.
        json::object domain, content;
        std::string server, copying, copy;
        bool asking = false;
        /// What stops it, until mds-backup asks.
        std::optional<Error> problem;
        std::optional<json::object> report;
        /// Mono ms after which it is given up.
        int64_t until_ms = 0;
    };
    void register_domain_backup_commands();
    void backup_domain(mgmt::Call& call, Then then);
    void begin_archive(DomainArchive archive);
    void start_archive();
    /// Throws unless this order of mds-backup is the one that is carried out.
    DomainArchive& archive_of(mgmt::Call& call);
    /// The copy of the content for mds-backup, or nothing yet.
    json::object archive_content(DomainArchive& archive);
    /// The content is copied: proves it (worker), as nobody could restore what is damaged.
    void prove_content(const json::object& at);
    void archive_told(json::object report);
    /// Runs `work` on a worker; what it throws fails the archive.
    void archive_work(std::function<void()> work);
    void archive_step(int percent, const std::string& text);
    /// Ends it well, or for this reason. `watched`: a watch ends its task.
    void end_archive(json::array details, bool watched = false);
    void fail_archive(const Error& why);
    void look_after_archive();
    /// Throws while a Domain's backup is made or read here.
    void require_no_archive();
    /// At the start of this process: takes away what one that was stopped has left.
    void forget_archives();
    std::optional<DomainArchive> archive_;

    // domain_restore.cc
    struct RestoredDomain;
    void restore_domain(mgmt::Call& call, Then then);
    /// Throws what is against restoring this backup as `what` says; fills in what it does not say.
    void check_restored(const json::object& manifest, RestoredDomain& what);
    /// Worker: the content as a database of a Domain Server, of a history of its own.
    void make_restored(const RestoredDomain& what, const std::string& content);
    /// Where reconcile() finds the database of a Domain that was restored.
    std::string restored_folder(const Uid& domain) const;
    /// The database as it is in the file, until then.
    std::string restored_content(const Uid& domain) const;

    // promotion.cc
    struct Promotion;
    void register_promotion_commands();
    /// What this server is follows from the system data.
    void adopt_role();
    /// What a promotion would do and what is against it; `still_heard`: members that hear the Primary.
    Promotion plan_promotion(const json::object& options, const std::vector<std::string>& still_heard);
    /// Worker.
    json::object run_promotion(const Promotion& plan, const Uid& task, const std::string& user);
    /// Worker: starts a request on the loop and waits for its answer.
    mgmt::Reply ask(const std::function<void(Then)>& start);
    void readmit_mds(mgmt::Call& call);
    /// Marks the server of a Domain on `mds` as its Primary Domain Server.
    void make_domain_primary(const std::map<Uid, Uid>& mds_of, const std::string& user);
    void promote_domain_server(const std::string& domain, const Uid& mds, const std::string& user);
    void register_administrator_commands();
    // login.cc
    struct Login;
    /// Second half of a login: who it is has been found out, or why not.
    void admit(const std::shared_ptr<Login>& login);
    // gui_clients.cc
    /// The one object that setup made, from its answer: any, an address, a range, a network.
    static void put_gui_clients(mgmt::Call& call, const std::string& text);
    void change_gui_clients(const std::string& text);
    /// Whether administrators may log in from this address: trusted-client objects say so, and nobody else when
    /// there is one.
    bool may_connect(const std::string& from);
    static void tell_lockout(const LoginGuard::Waits& waits, const std::string& account,
                             const std::string& address);
    /// Finds out who shows this certificate (DER).
    void login_by_certificate(const std::shared_ptr<Login>& login, std::string der);
    /// The password was right: checks the one-time code.
    void use_code(const std::shared_ptr<Login>& login);
    // second_factor.cc
    void register_second_factor_commands();
    /// Uses a one-time code or a recovery code up, on every server: how it was proved who it is; empty: it is
    /// wrong or was used.
    std::string check_code(const Uid& administrator, const std::string& code);
    void code_used_elsewhere(const json::object& message);
    // personal_certificates.cc
    void register_certificate_commands();
    /// Makes what mds-ca has issued to administrators what the system data says (IC-2): on the Primary issues
    /// what a published request asks for and revokes what has no administrator any more; everywhere asks
    /// clients for certificates as long as there are such administrators.
    void follow_administrators();
    /// On the Primary: {"uuid","csr"} or {"uuid","revoke":true} from another server.
    void certify_administrator(const json::object& message, Then then);
    /// The same, wherever this is called; throws when this server does not know the Primary.
    void have_certified(json::object message, Then then);
    void issue_certificate(mgmt::Call& call, Then then);
    void show_certificate(mgmt::Call& call, Then then);
    /// Tells whom a certificate (DER) logs in; throws mds::Error saying why nobody. The next three are what
    /// Sync1.Authorities says; `dates`: it must not have ended.
    mgmt::View owner_of_certificate(const std::string& der, const std::string& chain, const std::string& root,
                                    const std::string& lists, bool dates);
    /// Ends the sessions of those whose certificate was revoked since they had logged in.
    void check_certificate_logins();
    void remember_certificate_login(const std::string& administrator, const std::string& der);
    std::string login_authorities_;
    bool asking_authorities_ = false, following_administrators_ = false;
    /// What the certificates of administrators were last made to fit; what was told about them.
    std::string administrators_mark_, certificate_problem_;
    void change_password(const Uid& administrator, const std::string& password,
                         const std::string& hash);
    void add_login_message(json::object& reply);
    bool trust_confirmed_ = false;
    /// Sync1.Certificate as last read.
    json::object certificate_;
    /// Mono ms before which renewal is not tried again; how often it failed since it last worked, and why.
    int64_t renew_after_ = 0, lists_after_ = 0, superseded_after_ = 0;
    int renewals_failed_ = 0;
    std::string renewal_problem_;
    /// A renewal goes on; who waits for its end.
    bool renewing_ = false;
    std::vector<std::function<void(const std::string& problem)>> renewal_waits_;
    /// Ca1.Authority as last read; when a member was last sent the authority (mono ms).
    json::object authority_;
    bool primary_signs_ = false;
    /// Mono ms before which the authority is not handed over again.
    int64_t hand_over_after_ = 0;
    /// Servers that took what this replica knows of the authority, since they were connected.
    std::set<Uid> knows_ours_;
    std::map<Uid, int64_t> authority_sent_, revocations_sent_;
    /// Sealing certificates of the mds-ca of the members.
    std::map<Uid, std::string> authority_recipients_;
    // monitoring.cc
    /// Takes the socket of the metrics when there is one, and measures the databases now and then.
    void begin_monitoring();
    void measure_databases();
    void ask_traffic();
    void register_metrics_commands();
    /// docs/monitoring.md, in the text format of Prometheus; throws before there is a system.
    std::string metrics();
    std::unique_ptr<MetricsSocket> metrics_socket_;
    std::vector<DatabaseSize> database_sizes_;
    bool measuring_ = false;
    int64_t sync_sent_ = 0, sync_received_ = 0, metrics_at_ = 0;
    std::string metrics_text_;
    std::optional<Backup> backup_;
    /// The run of mds-backup.service that came for an order last (systemd's INVOCATION_ID).
    std::string backup_run_;
    /// Wall ms of the last one that this server led.
    int64_t last_backup_ms_ = 0;
    std::vector<std::function<void()>> waiting_for_global_;
    struct Withdrawal {
        int64_t after_ms = 0;
        std::string problem;
    };
    /// Domains that are to give the global policy back and have not yet.
    std::map<Uid, Withdrawal> withdrawals_;
    /// On the Primary: the lists that every member should have, PEM.
    std::string revocations_;
    /// What mds-crl serves, and its version as last kept; one thread at a time writes it.
    pki::CrlFolder lists_folder_;
    std::mutex lists_lock_;
    uint64_t lists_version_ = 0;
    /// State of the authority whose lists are here; who serves them as mds-ca was last told.
    int64_t lists_state_ = -1;
    bool following_lists_ = false;
    std::vector<std::string> list_servers_;
    std::map<Uid, int64_t> lists_sent_;
    sdbus::Slot revoked_match_, authority_match_;
    /// The servers of a request in stored form, or every problem with them at once.
    json::array check_servers(const json::array& given, const std::string& domain,
                              const json::array& present);
    void remove_mds(mgmt::Call& call, const mgmt::View& view);
    /// Throws RF-16, RF-17, RF-25, RF-26, RF-30 when this server cannot be deleted now.
    void check_removal(const Uid& server);
    /// The same at the publish, which may be much later.
    // rules.cc
    /// Throws what is against these changes by an administrator (nil: root) in the state of `db`: nobody would be
    /// left who may do everything; a server that must not be deleted yet; an author who was deleted.
    /// `final`: what they begin elsewhere is written down, because they take place.
    void check_publish(store::PublicDb& db, const Uid& author, const std::vector<store::Change>& changes,
                       bool final);
    void remember(const char* insert, const Uid& uid);
    /// Throws RF-13 for what must not be seen before the Primary has decided it.
    void check_tentative(const std::vector<store::Change>& changes);

    app::Daemon& daemon_;
    std::optional<Identity> identity_;
    std::unique_ptr<server::Server> system_;
    std::unique_ptr<Grid> grid_;
    Alarms alarms_{*this};
    std::unique_ptr<UnitControl> units_;
    StoppedServers stopped_;
    std::unique_ptr<BusObject> bus_;
    std::unique_ptr<sdbus::IProxy> sync_, sic_, ca_;
    sdbus::Slot status_match_, names_match_;
    std::map<std::string, std::unique_ptr<sdbus::IProxy>> domain_proxies_;
    struct LocalSession {
        std::string sid;
        bool read_only = false;
    };
    std::map<std::string, LocalSession> local_sessions_;
    std::set<std::string> placed_;
    /// Tasks that were started from here in Domain Servers of this and other hosts.
    std::map<std::string, std::pair<Uid, std::string>> tasks_elsewhere_;
    void load_tasks_elsewhere();
    void remember_task(const std::string& id, const Uid& mds, const std::string& server);
    struct Waiting {
        Then then;
        int64_t deadline;
    };
    std::map<std::string, Waiting> requests_;
    LoginGuard login_guard_;
    /// Tasks that end when every server of a Domain is synchronized.
    struct Watch {
        Uid task;
        std::string domain;
        int64_t deadline, begun;
        /// Of the task, when it ends well.
        json::array details;
    };
    std::vector<Watch> watches_;
    std::string members_sent_;
    /// Servers that get the whole row of this one with the next beat; number of beats.
    std::set<Uid> tell_whole_;
    std::shared_ptr<app::Daemon::Alarm> beat_;
    uint64_t beats_ = 0;
    bool reconcile_again_ = false;
    const int64_t started_ms_;
    /// Why the others speak with this server no more: it was taken out of the deployment.
    std::string cut_off_;
    void link_changed(const Uid& mds, const std::string& state, const std::string& reason);
    /// Another server gets everything with the next beat: it has nothing of what it was told before.
    void tell_whole(const Uid& mds);
};

}  // namespace mds::core
