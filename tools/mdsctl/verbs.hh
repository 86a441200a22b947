#pragma once
#include <string>
#include <vector>

#include "client.hh"

// One function a verb; the tables in words_*.cc name them. Each returns the exit code of mdsctl(1).
namespace mds::ctl {

int status(Client& client, const Options& options);
/// The same, live; a line a change when output is no terminal. Ends with what status would.
int watch(Client& client, const Options& options);

struct DoctorOrder {
    /// Empty: this server and everything it knows.
    std::string server;
    bool fix = false;
    /// Where a report goes; empty: none is written.
    std::string report;
};
/// What is wrong, why, and what helps. Exit 3 when something is.
int doctor_verb(Client& client, const Options& options, const DoctorOrder& order);

int domain_list(Client& client, const Options& options, bool problems_only);
int domain_show(Client& client, const Options& options, const std::string& name);
struct DomainCreate {
    std::string name, on, address;
    /// SERVER or SERVER=ADDRESS each.
    std::vector<std::string> standby, log;
};
int domain_create(Client& client, const Options& options, const DomainCreate& what);
struct DomainEdit {
    std::string name, comments, colour;
};
int domain_edit(Client& client, const Options& options, const DomainEdit& what);
/// Brings the published global policy to Domains, or to all that have an assignment; a line a Domain.
/// Exit 10 when some failed.
int domain_assign_global(Client& client, const Options& options, const std::vector<std::string>& domains,
                         bool all);
/// From which server each gateway of a Domain has its policy (RD-8). Exit 3 when one has none left.
int domain_gateways(Client& client, const Options& options, const std::string& domain);
int domain_delete(Client& client, const Options& options, const std::string& name);
/// `file`: a name alone lies where backups are kept.
int domain_backup(Client& client, const Options& options, const std::string& name, const std::string& file);
struct DomainRestore {
    std::string file;
    /// Empty: as the backup says.
    std::string name, server_name, address;
    /// Only reads and proves it.
    bool verify = false;
};
int domain_restore(Client& client, const Options& options, const DomainRestore& what);
/// Every Domain Server of the deployment.
int ds_list(Client& client, const Options& options);
int ds_create(Client& client, const Options& options, const std::string& domain,
              const std::string& server, const std::string& address, const std::string& name,
              bool log_server);
int ds_delete(Client& client, const Options& options, const std::string& domain,
              const std::string& server);

/// Starts, stops, restarts (`verb`) the process of a Domain Server on whichever host; `server` empty: `domain` is its
/// own name. Asks before an Active server is stopped.
int ds_process(Client& client, const Options& options, const std::string& verb, const std::string& domain,
               const std::string& server);
/// The same for all services of this host, without mds-core: what mdsstart and mdsstop do. `name`: empty, or this host.
int server_process(Client& client, const Options& options, const std::string& verb, const std::string& name);

/// Creates the Standbys that are missing on a server, in all Domains or in these (DOMAIN=ADDRESS);
/// a line a Domain. One without an address fails. Exit 10 when some failed.
int ds_mirror(Client& client, const Options& options, const std::string& server,
              const std::vector<std::string>& only);

/// The gateways of a Domain, or of all; `stale_only`: only those that no management server answers, exit 3 then.
int gateway_list(Client& client, const Options& options, const std::string& domain, bool stale_only);

/// A gateway of a Domain: its object, its trust, and from where it has its policy.
int gateway_show(Client& client, const Options& options, const std::string& domain, const std::string& name);
/// Establishes trust with a gateway, with the activation key that was set there.
int gateway_trust(Client& client, const Options& options, const std::string& domain, const std::string& name,
                  const std::string& key_file);
struct InstallOrder {
    std::string domain, package;
    std::vector<std::string> gateways;
    /// Shows what would change, and installs nothing.
    bool preview = false;
};
/// Installs the policy of a package (empty: the only one) on gateways; follows the task. A preview, or a dry run,
/// gives 3 when the installation would fail.
int gateway_install(Client& client, const Options& options, const InstallOrder& order);

/// Everything that refers to a server: a Multi-Domain Server with its Domain Servers, or one Domain Server
/// by its name (PR-5, RD-6).
int server_uses(Client& client, const Options& options, const std::string& name);
/// Reads a secret: from a file, from the terminal without echo, or one line of standard input.
std::string read_secret(const std::string& file, const char* prompt);

int administrator_list(Client& client, const Options& options);
int administrator_show(Client& client, const Options& options, const std::string& name);
struct AdministratorOrder {
    std::string name, new_name, profile, email, phone, expires, comments, password_file;
    /// DOMAIN=PROFILE each.
    std::vector<std::string> permissions;
    bool must_change = false, api_key = false, set_password = false;
};
int administrator_create(Client& client, const Options& options, const AdministratorOrder& order);
int administrator_edit(Client& client, const Options& options, const AdministratorOrder& order);
int administrator_delete(Client& client, const Options& options, const std::string& name);
struct KeysOrder {
    std::string name;
    bool fresh = false;
    /// File with the key that is to end.
    std::string revoke_file;
};
/// A key with which a program logs in: made and shown once, or ended.
int administrator_keys(Client& client, const Options& options, const KeysOrder& order);
/// What administrators may: profiles of the deployment and of Domains.
int profile_list(Client& client, const Options& options);
int profile_show(Client& client, const Options& options, const std::string& name);
struct ProfileOrder {
    /// `of`: "domains" or "deployment".
    std::string name, new_name, comments, of = "domains";
    /// FIELD=VALUE each.
    std::vector<std::string> fields;
};
int profile_create(Client& client, const Options& options, const ProfileOrder& order);
int profile_edit(Client& client, const Options& options, const ProfileOrder& order);
int profile_delete(Client& client, const Options& options, const std::string& name);
int administrator_unlock(Client& client, const Options& options, const std::string& name);
struct CertificateOrder {
    std::string name;
    /// A request whose key its owner has; or the file that gets key and certificate, sealed with a password.
    std::string csr_file, p12_file;
    std::string password_file;
    /// Where the certificate goes (PEM); empty = standard output.
    std::string out_file;
};
/// Issues a certificate with which an administrator logs in, or shows the present one (IC-2).
int administrator_certificate(Client& client, const Options& options, const CertificateOrder& order);
struct CodesOrder {
    std::string name;
    bool fresh = false, off = false;
};
/// Shows whether an administrator has one-time codes (S-3), makes new ones or takes them away.
int administrator_codes(Client& client, const Options& options, const CodesOrder& order);
int administrator_revoke(Client& client, const Options& options, const std::string& name);

/// The licence records of Domain Servers (RD-9).
int licence_list(Client& client, const Options& options);
/// `type`: "standard", "ha", "none".
int licence_attach(Client& client, const Options& options, const std::string& domain,
                   const std::string& server, const std::string& type);

int server_list(Client& client, const Options& options);
int server_show(Client& client, const Options& options, const std::string& name);
int server_add(Client& client, const Options& options, std::string name, std::string address,
               bool log_server, bool join_string, const std::string& key_file);
/// Takes a server out of the deployment; asks first, with the Domain Servers that go with it (DS-3).
int server_delete(Client& client, const Options& options, const std::string& name);
/// Takes a server that was replaced by a promotion back as Secondary (FR-3).
int server_readmit(Client& client, const Options& options, const std::string& name);
struct Promote {
    bool plan = false, ignore_silent = false;
    /// "all", "none", or names.
    std::vector<std::string> domains;
};
/// Makes this Secondary the Primary (PR-4). Exit 10 when some Domains could not be taken over.
int promote(Client& client, const Options& options, const Promote& what);
/// The Domain Server on this host becomes the Primary server of its Domain (RD-4).
int ds_promote(Client& client, const Options& options, const std::string& domain);
/// What the classic registry tools do (PR-2): shows all; sets a value, or deletes it without one.
int registry_show(Client& client, const Options& options);
int registry_is_primary(Client& client);
int registry_set(Client& client, const Options& options, const std::string& path,
                 const std::string& name, const std::string* value);
/// The certificate of every server: until when, and whether it renews itself.
int trust_status(Client& client, const Options& options);
int trust_set_key(Client& client, const Options& options, bool generate);
/// Of this server, whose key it sets; or of a server to come (`name`, `address`), at the Primary.
int trust_join_string(Client& client, const Options& options, std::string name, std::string address);
/// Forgets the trust of this server, with a new key for the Primary to connect it anew (RS).
int trust_reset(Client& client, const Options& options, const std::string& key_file);
/// On the Primary: connects a server whose trust was reset.
int trust_connect(Client& client, const Options& options, const std::string& name,
                  const std::string& key_file);
/// Where the trust of this server stands, as Sic1.State says.
int trust_state(Client& client);

/// New certificates for a server, or for all: a line each. Exit 10 when some failed.
int trust_renew(Client& client, const Options& options, const std::string& server, bool all);
/// From this host to a server: name, route, ports, handshake, clock. Exit 3 when something fails.
int trust_test(Client& client, const Options& options, const std::string& server);
/// On the Primary: revokes every certificate of a server.
int trust_revoke(Client& client, const Options& options, const std::string& server);

int ca_list(Client& client, const Options& options);
int ca_show(Client& client, const Options& options, const std::string& name);
struct CertificateQuery {
    std::string authority, kind, status;
    /// "60d": those that end within that time.
    std::string expiring;
};
int ca_certificates(Client& client, const Options& options, const CertificateQuery& what);
/// Seconds of "60d", "12h", "2w"; -1 when it is none.
int64_t read_days(const std::string& text);
int ca_revoke(Client& client, const Options& options, const std::string& serial);
/// The revocation lists that this server gives out. Exit 3 when one has ended.
int ca_crl(Client& client, const Options& options);

int ha_status(Client& client, const Options& options, const std::string& domain);
int ha_action(Client& client, const Options& options, const std::string& domain,
              const std::string& action, const std::string& target);

/// Domains whose Active changes in one go.
struct ManyChanges {
    /// "set-active", "force-active".
    std::string action;
    /// The server that becomes Active; empty: in each Domain the one that is nearest to the Active's state.
    std::string on;
    /// Only what is Active on this server; empty: every Domain.
    std::string from;
};
/// A line a Domain. Exit 10 when some failed; with --dry-run 3 when some would.
int ha_change_all(Client& client, const Options& options, const ManyChanges& many);
/// A full copy for every Standby on a server, a line a Domain. Exit 10 when some failed.
int ha_sync_server(Client& client, const Options& options, const std::string& server);
/// Every Domain's database is read anew: on `server`, or where ha verify DOMAIN would. Exit 10 when some failed.
int ha_verify_all(Client& client, const Options& options, const std::string& server);
/// What each Active server of a Domain has that the others lack. Exit 3 when there is more than one.
int ha_collision_show(Client& client, const Options& options, const std::string& domain);
/// All Active servers of a Domain but the one on `side` become Standby.
int ha_collision_keep(Client& client, const Options& options, const std::string& domain, const std::string& side);
/// Moves Actives to servers that have fewer, in order.
int ha_balance(Client& client, const Options& options, bool only_plan);

/// A session of a Domain (empty: System Data); `uid` may be its beginning.
struct SessionName {
    std::string domain, uid;
};
/// `all`: of every Domain with a server here, too.
int session_list(Client& client, const Options& options, const std::string& domain, bool all);
int session_show(Client& client, const Options& options, const SessionName& session);
/// What it holds, object by object and field by field.
int session_diff(Client& client, const Options& options, const SessionName& session);
int session_publish(Client& client, const Options& options, const SessionName& session);
int session_discard(Client& client, const Options& options, const SessionName& session);
int session_disconnect(Client& client, const Options& options, const SessionName& session);
/// Gives what it holds on a server that is a Standby now to the Active, as a recovered session of its author.
int session_hand_over(Client& client, const Options& options, const SessionName& session);
int session_take_over(Client& client, const Options& options, const SessionName& session, const std::string& to);

struct Backup {
    /// Where this server's file goes; empty = /var/backups/mds.
    std::string directory;
    bool logs = true, plan = false, ignore_silent = false;
};
/// Backs up every Multi-Domain Server at one moment (BK-1 to BK-6).
int backup_create(Client& client, const Options& options, const Backup& what);
int backup_list(Client& client, const Options& options, const std::string& directory);
/// Run mds-backup, which reads and proves all of the file first.
int backup_verify(Client& client, const std::string& file);
int backup_restore(Client& client, const Options& options, const std::string& file, bool alone);

struct AuditQuery {
    /// "today", "2h", "7d", or a time; empty = all.
    std::string since;
    std::string by, object, domain;
    /// Trails of the Domains with a server here, too.
    bool all = false;
    size_t limit = 100;
};
int audit_list(Client& client, const Options& options, const AuditQuery& query);
/// Lines of JSON, oldest first.
int audit_export(Client& client, const Options& options, const AuditQuery& query);

/// Whether the audit trails of a server, or of all, are what was written. Exit 3 when one is not.
int audit_verify(Client& client, const Options& options, const std::string& server);

int task_list(Client& client, const Options& options, const std::string& domain);
int task_show(Client& client, const Options& options, const std::string& domain,
              const std::string& id);
int task_watch(Client& client, const Options& options, const std::string& domain,
               const std::string& id);

/// The settings of this host (`name` empty: all; `changed_only`: those that a file sets). Exit 3 when a value is wrong.
int config_show(Client& client, const Options& options, const std::string& name, bool changed_only);
/// In a file of its own below mds.conf.d, from the next start of the services on.
int config_set(Client& client, const Options& options, const std::string& name, const std::string& value);
int config_unset(Client& client, const Options& options, const std::string& name);

/// Becomes mds-setup with these words.
int run_setup(Client& client, const std::vector<std::string>& words);
int env(Client& client, const Options& options, const std::string& name);

}  // namespace mds::ctl
