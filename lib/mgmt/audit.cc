// The trail of what administrators do (management-api.md 12, show-logs type audit): one row of
// work.db an action, chained (audit_chain.hh). Each server keeps its own.
#include <map>
#include <set>
#include <utility>

#include "log/messages.hh"
#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {
namespace {

/// Rows that wait in memory for a disk that takes them; the journal has those beyond as well.
constexpr size_t k_most_waiting = 1000;
/// The other servers are told after so many records at the latest (S-14).
constexpr int64_t k_checkpoint_records = 1000;

/// Commands that are recorded, with what the row calls them, and the parameters that say on what.
/// Changes of objects are private until they are published: the publish is recorded, and
/// show-changes tells what was in it.
struct Recorded {
    const char* operation;
    /// The first of these that is given; with `all`, every one.
    std::vector<const char*> subject;
    bool all = false;
    /// Not empty: only with this parameter it acts at once; without it, it edits an object.
    std::string_view only_with = {};
};

/// How a call is recorded; nothing when it only looks, plans, or edits objects.
const Recorded* recorded(const std::string& command, const json::object& params) {
    static const std::map<std::string, Recorded> k_commands = {
        {"logout", {"Log out", {}}},
        {"publish", {"Publish", {"uid"}}},
        {"discard", {"Discard", {"uid"}}},
        {"switch-session", {"Switch session", {"uid"}}},
        {"take-over-session", {"Take over session", {"uid"}}},
        {"assign-session", {"Assign session", {"administrator-name"}}},
        {"disconnect", {"Disconnect session", {"uid"}}},
        {"submit-session", {"Submit session", {"uid"}}},
        {"approve-session", {"Approve session", {"uid"}}},
        {"reject-session", {"Reject session", {"uid"}}},
        {"revert-to-revision", {"Revert to revision", {"to-session"}}},
        {"purge-published-sessions", {"Purge published sessions", {}}},
        {"verify-policy", {"Verify policy", {"policy-package"}}},
        {"install-policy", {"Install policy", {"policy-package"}}},
        {"install-database", {"Install database", {"targets"}}},
        {"run-script", {"Run script", {"script-name"}}},
        {"put-file", {"Put file", {"file-name"}}},
        {"reset-sic", {"Reset trust", {"name", "uid"}}},
        {"export", {"Export", {}}},
        {"login-to-domain", {"Log in to Domain", {"domain"}}},
        {"add-mds", {"Add server", {"name"}}},
        {"set-mds", {"Establish trust", {"name", "uid"}, false, "one-time-password"}},
        {"delete-mds", {"Delete server", {"name", "uid"}}},
        {"reset-trust", {"Reset trust of this server", {}}},
        {"revoke-certificate", {"Revoke certificate", {"serial-number"}}},
        {"revoke-trust", {"Revoke trust of server", {"name", "uid"}}},
        {"renew-certificate", {"Renew certificate", {"name", "uid"}}},
        {"promote-mds", {"Promote to Primary", {"domains"}}},
        {"readmit-mds", {"Readmit server", {"name", "uid"}}},
        {"promote-domain-server", {"Promote Domain Server", {"domain"}}},
        {"set-registry", {"Set registry value", {"path", "name"}, true}},
        {"set-licence", {"Set licence", {"domain", "server", "type"}, true}},
        {"start-domain-server", {"Start Domain Server", {"domain", "server"}, true}},
        {"stop-domain-server", {"Stop Domain Server", {"domain", "server"}, true}},
        {"restart-domain-server", {"Restart Domain Server", {"domain", "server"}, true}},
        {"backup-mds", {"Back up servers", {}}},
        {"add-domain", {"Add Domain", {"name"}}},
        {"set-domain", {"Change Domain Servers", {"name", "uid"}, false, "servers"}},
        {"delete-domain", {"Delete Domain", {"name", "uid"}}},
        {"assign-global-assignment", {"Assign global policy", {"dependent-domains"}}},
        {"unlock-administrator", {"Unlock administrator", {"name"}}},
        {"add-api-key", {"Add API key", {"admin-name", "admin-uid"}}},
        {"delete-api-key", {"Delete API key", {"admin-name", "admin-uid"}}},
        {"add-administrator-certificate", {"Issue certificate", {"admin-name", "admin-uid"}}},
        {"delete-administrator-certificate", {"Revoke certificate", {"admin-name", "admin-uid"}}},
        {"add-administrator-totp", {"Issue one-time codes", {"admin-name", "admin-uid"}}},
        {"delete-administrator-totp", {"End one-time codes", {"admin-name", "admin-uid"}}},
        {"domain-ha-action", {"Change High Availability", {"action", "domain", "target"}, true}},
        {"set-ha-state", {"Set High Availability state", {"new-state"}}},
        {"ha-full-sync", {"Full synchronization", {"name", "uid"}}},
        {"make-server-active", {"Make server active", {}}},
        {"export-management", {"Export Domain", {"domain-name", "file-path"}}},
        {"import-management", {"Import Domain", {"domain-name", "file-path"}}},
        {"backup-domain", {"Back up Domain", {"domain"}}},
        {"restore-domain", {"Restore Domain", {"domain-name", "file-path"}}}};
    auto found = k_commands.find(command);
    if (found == k_commands.end()) return nullptr;
    const Recorded& what = found->second;
    if (!what.only_with.empty() && !json::find(params, what.only_with)) return nullptr;
    const json::value* plan = json::find(params, "plan");
    return plan && plan->is_bool() && plan->as_bool() ? nullptr : &what;
}

std::string subject_of(const json::object& params, const Recorded& what) {
    std::string out;
    for (const char* name : what.subject) {
        const json::value* v = json::find(params, name);
        if (!v || v->is_null()) continue;
        std::string text = v->is_string() ? std::string(v->as_string()) : json::text(*v);
        if (!what.all) return text;
        if (!out.empty() && !text.empty()) out += ' ';
        out += text;
    }
    return out;
}

}  // namespace

void WorkspaceImpl::write_unrecorded() {
    while (!unrecorded.empty()) {
        audit.append(unrecorded.front().first, unrecorded.front().second, settings.domain.name);
        unrecorded.pop_front();
    }
    audit_problem.clear();
}

void Workspace::record(const AuditRow& row) {
    if (impl_->unrecorded.size() < k_most_waiting) impl_->unrecorded.emplace_back(row, impl_->now());
    try {
        impl_->write_unrecorded();
    } catch (const std::exception& error) {
        // What was done is done: the answer must say so.
        impl_->audit_problem = error.what();
        log::event(log::message::audit_not_written, "audit trail: " + impl_->audit_problem,
                   {{"MDS_DOMAIN", impl_->settings.domain.name}, {"MDS_SERVER", impl_->settings.server_name},
                    {"MDS_USER", row.user}, {"MDS_OPERATION", row.operation}, {"MDS_SUBJECT", row.subject},
                    {"MDS_RESULT", row.good ? "Success" : "Failure"}, {"MDS_REASON", row.message},
                    {"MDS_ADDRESS", row.ip}});
    }
}

void WorkspaceImpl::require_audit(const Call& call, const CommandFlags& flags) {
    // What gives up or only looks is no change; without a record of it nothing is hidden.
    static const std::set<std::string> k_harmless = {"logout", "discard", "disconnect", "login-to-domain",
                                                     "verify-policy"};
    bool is_recorded = recorded(call.command(), call.params()) && !k_harmless.count(call.command());
    if (!is_recorded && !(flags.write && !unrecorded.empty())) return;
    try {
        write_unrecorded();
        audit.probe();
    } catch (const std::exception& error) {
        audit_problem = error.what();
        throw Error(Code::disk_full, "The audit trail of this server cannot be written (" + audit_problem +
                                         "); nothing was changed. Reading works.")
            .refusal("", "make room on the disk of " + settings.server_name + ", then try again");
    }
    audit_problem.clear();
}

void WorkspaceImpl::tick_audit() {
    if (!unrecorded.empty()) {
        try {
            write_unrecorded();
        } catch (const std::exception& error) {
            audit_problem = error.what();
        }
    }
    // That of the last time: since then it was flushed, and a power cut does not take it back.
    AuditHead head = std::exchange(settled, audit.head());
    if (head.chain.empty()) return;
    if (head.id == checkpoint.id && head.chain == checkpoint.chain) return;
    if (now() - checkpoint_at < settings.checkpoint_ms && head.id - checkpoint.id < k_checkpoint_records) return;
    checkpoint = head;
    checkpoint_at = now();
    log::info("audit checkpoint", {{"MDS_DOMAIN", settings.domain.name},
                                   {"MDS_AUDIT_CHAIN", head.chain},
                                   {"MDS_AUDIT_RECORD", std::to_string(head.id)},
                                   {"MDS_AUDIT_HASH", head.hash}});
}

std::string Workspace::audit_problem() const { return impl_->audit_problem; }
const AuditHead& Workspace::audit_checkpoint() const { return impl_->checkpoint; }

AuditReport Workspace::check_audit(std::vector<AuditWitness> seen) {
    return impl_->audit.check(std::move(seen), impl_->now());
}

void WorkspaceImpl::record(const Session& session, const std::string& operation,
                           const std::string& subject, const std::string& message, bool good) {
    AuditRow row;
    row.user = session.user;
    row.ip = json::get_string(session.info, "ip-address");
    row.application = json::get_string(session.info, "application", "WEB_API");
    row.operation = operation;
    row.subject = subject;
    row.message = message;
    row.session = session.uid;
    row.session_name = session.name();
    row.good = good;
    self.record(row);
}

std::shared_ptr<Session> WorkspaceImpl::asked_by(const Call& call) const {
    if (!recorded(call.command(), call.params())) return nullptr;
    auto who = std::make_shared<Session>();
    who->uid = call.session_->uid;
    who->user = call.session_->user;
    who->info = call.session_->info;
    return who;
}

void WorkspaceImpl::record(const Call& call, const Session& who, const Reply& reply) {
    const Recorded* what = recorded(call.command(), call.params());
    bool good = reply.status == 200;
    // A publish that succeeds is recorded with its revision where it is made.
    if (!what || (good && call.command() == "publish")) return;
    std::string message;
    if (!good) {
        try {
            message = json::get_string(json::parse_object(reply.body), "message");
        } catch (const Error&) {
            message = "failed";
        }
    } else if (call.command() == "discard") {
        // Clients discard by themselves after an error: whoever misses his work sees how much it was.
        int64_t count = json::get_int(json::parse_object(reply.body), "number-of-discarded-changes", 0);
        message = std::to_string(count) + " changes";
    }
    if (!call.reason().empty()) message += (message.empty() ? "reason: " : "; reason: ") + call.reason();
    record(who, what->operation, subject_of(call.params(), *what), message, good);
}

}  // namespace mds::mgmt
