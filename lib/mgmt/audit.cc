// The trail of what administrators do (management-api.md 12, show-logs type audit): one row of
// work.db an action. Each server keeps its own.
#include <map>

#include "log/log.hh"
#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {
namespace {

/// How many rows are kept, and for how long.
constexpr int64_t k_most_rows = 200'000, k_keep_ms = 400LL * 24 * 3'600'000;

/// Commands that are recorded, with what the row calls them, and the parameter that says on what.
/// Changes of objects are private until they are published: the publish is recorded, and
/// show-changes tells what was in it.
struct Recorded {
    const char* operation;
    std::vector<const char*> subject;
};

const Recorded* recorded(const std::string& command) {
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
        {"delete-mds", {"Delete server", {"name", "uid"}}},
        {"add-domain", {"Add Domain", {"name"}}},
        {"delete-domain", {"Delete Domain", {"name", "uid"}}},
        {"assign-global-assignment", {"Assign global policy", {"dependent-domains"}}},
        {"unlock-administrator", {"Unlock administrator", {"name"}}},
        {"add-api-key", {"Add API key", {"admin-name", "admin-uid"}}},
        {"delete-api-key", {"Delete API key", {"admin-name", "admin-uid"}}},
        {"add-administrator-certificate", {"Issue certificate", {"admin-name", "admin-uid"}}},
        {"delete-administrator-certificate", {"Revoke certificate", {"admin-name", "admin-uid"}}},
        {"set-ha-state", {"Set High Availability state", {"new-state"}}},
        {"ha-full-sync", {"Full synchronization", {"name", "uid"}}},
        {"make-server-active", {"Make server active", {}}},
        {"export-management", {"Export Domain", {"domain-name", "file-path"}}},
        {"import-management", {"Import Domain", {"domain-name", "file-path"}}},
        {"backup-domain", {"Back up Domain", {"domain"}}},
        {"restore-domain", {"Restore Domain", {"domain-name", "file-path"}}}};
    auto found = k_commands.find(command);
    return found == k_commands.end() ? nullptr : &found->second;
}

std::string subject_of(const json::object& params, const Recorded& what) {
    for (const char* name : what.subject) {
        const json::value* v = json::find(params, name);
        if (!v || v->is_null()) continue;
        return v->is_string() ? std::string(v->as_string()) : json::text(*v);
    }
    return "";
}

}  // namespace

void Workspace::record(const AuditRow& row) {
    try {
        auto s = impl_->work.sql(
            "INSERT INTO audit(time_ms,user,ip,application,operation,subject,status,message,"
            "session,session_name,domain) VALUES(?,?,?,?,?,?,?,?,?,?,?)");
        s.bind(1, impl_->now());
        s.bind(2, row.user);
        s.bind(3, row.ip);
        s.bind(4, row.application);
        s.bind(5, row.operation);
        s.bind(6, row.subject);
        s.bind(7, row.good ? "Success" : "Failure");
        s.bind(8, row.message);
        s.bind(9, row.session.bytes.data(), 16);
        s.bind(10, row.session_name);
        s.bind(11, impl_->settings.domain.name);
        s.exec();
    } catch (const std::exception& error) {
        // What was done is done: the answer must say so.
        log::error(std::string("audit trail: ") + error.what());
    }
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
    if (!recorded(call.command())) return nullptr;
    auto who = std::make_shared<Session>();
    who->uid = call.session_->uid;
    who->user = call.session_->user;
    who->info = call.session_->info;
    return who;
}

void WorkspaceImpl::record(const Call& call, const Session& who, const Reply& reply) {
    const Recorded* what = recorded(call.command());
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
    record(who, what->operation, subject_of(call.params(), *what), message, good);
}

void WorkspaceImpl::drop_old_audit(int64_t time) {
    auto s =
        work.sql("DELETE FROM audit WHERE time_ms<?1 OR id<=(SELECT max(id) FROM audit)-?2");
    s.bind(1, time - k_keep_ms);
    s.bind(2, k_most_rows);
    s.exec();
}

}  // namespace mds::mgmt
