#include "mgmt/workspace.hh"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>

#include "base/clock.hh"
#include "base/printable.hh"
#include "base/text.hh"
#include "json/limits.hh"
#include "log/log.hh"
#include "mgmt/workspace_impl.hh"

namespace mds::mgmt {

json::object DomainInfo::to_json() const {
    return {{"uid", uid.text()}, {"name", name}, {"domain-type", type}};
}

WorkspaceImpl::WorkspaceImpl(Workspace& self_, store::PublicDb& db_, WorkDb& work_, Settings s,
                             Hooks h)
    : self(self_),
      db(db_),
      work(work_),
      parked(work_),
      audit(work_),
      settings(std::move(s)),
      hooks(std::move(h)),
      addresses(db_),
      rules(db_),
      auto_nat(db_) {
    if (!hooks.now_ms) hooks.now_ms = [] { return wall_ms(); };
    if (!hooks.require_writable) hooks.require_writable = [] {};
    if (!hooks.is_standby) hooks.is_standby = [] { return false; };
}

Workspace::Workspace(store::PublicDb& db, WorkDb& work, Settings settings, Hooks hooks)
    : impl_(
          std::make_unique<WorkspaceImpl>(*this, db, work, std::move(settings), std::move(hooks))) {
    db.set_predefined(model::is_predefined);
    impl_->load_sessions();
    impl_->register_object_commands();
    impl_->register_batch_commands();
    impl_->register_gateway_commands();
    impl_->register_install_commands();
    impl_->register_log_commands();
    impl_->register_export_commands();
    impl_->register_global_commands();
    impl_->register_rule_commands();
    impl_->register_search_commands();
    impl_->register_session_commands();
    impl_->register_session_changes();
    impl_->register_hand_over();
    impl_->register_changes_commands();
    impl_->register_task_commands();
    impl_->register_revision_commands();
    impl_->register_approval_commands();
    impl_->register_misc_commands();
}

Workspace::~Workspace() = default;

store::PublicDb& Workspace::db() {
    return impl_->db;
}
WorkDb& Workspace::work() {
    return impl_->work;
}
const Settings& Workspace::settings() const {
    return impl_->settings;
}

void Workspace::update_settings(Settings settings) {
    impl_->settings = std::move(settings);
}

void Workspace::content_changed() {
    impl_->refresh_recovered(nullptr);
    if (!impl_->hooks.shared) return;
    // Asked for here, decided elsewhere; the answer may have been lost.
    std::vector<SessionPtr> open;
    for (const auto& [uid, session] : impl_->sessions) {
        if (session->changes > 0 && !session->publishing && !session->transient) open.push_back(session);
    }
    for (const SessionPtr& session : open) impl_->recover_published(session);
}

void Workspace::content_moves() {
    using Base = WorkspaceImpl::Base;
    for (const auto& [uid, session] : impl_->sessions) {
        if (session->changes == 0 || session->transient) continue;
        for (const auto& [object, entry] : impl_->overlay(*session).entries()) {
            if (entry.base_rev == 0 || entry.recovered) continue;
            Base& base = impl_->bases[uid][object];
            // Of two moves in one the first tells.
            if (base.rev == entry.base_rev) continue;
            base = {entry.base_rev, std::nullopt};
            auto now = impl_->db.get(object);
            if (now && now->rev == entry.base_rev) base.content = std::pair(now->name, now->doc);
        }
    }
}

void Workspace::content_moved() {
    // A number of the one database says nothing in the other.
    constexpr uint64_t k_never = uint64_t{1} << 62;
    WorkDb::Transaction transaction(impl_->work);
    for (const auto& [uid, objects] : impl_->bases) {
        SessionPtr session = impl_->by_uid(uid);
        if (!session) continue;
        Overlay& changes = impl_->overlay(*session);
        for (const auto& [object, base] : objects) {
            const Entry* old = changes.find(object);
            if (!old || old->base_rev != base.rev) continue;
            auto now = impl_->db.get(object);
            bool same = base.content && now && std::pair(now->name, now->doc) == *base.content;
            Entry entry = *old;
            entry.base_rev = same ? now->rev : k_never;
            if (entry.base_rev == old->base_rev) continue;
            auto s = impl_->work.sql("UPDATE overlay SET base_rev=? WHERE session=? AND uid=?");
            s.bind(1, static_cast<int64_t>(entry.base_rev));
            s.bindNoCopy(2, uid.bytes.data(), 16);
            s.bindNoCopy(3, object.bytes.data(), 16);
            s.exec();
            changes.put(object, std::move(entry));
        }
    }
    transaction.commit();
    impl_->bases.clear();
    content_changed();
}

std::vector<std::pair<Uid, LockElsewhere>> Workspace::locks() const {
    std::vector<std::pair<Uid, LockElsewhere>> out;
    for (const auto& [uid, lock] : impl_->locks) {
        SessionPtr owner = impl_->by_uid(lock.session);
        out.push_back({uid, {owner ? owner->user : "unknown", impl_->settings.server_name, lock.session,
                             lock.since_ms}});
    }
    return out;
}

uint64_t Workspace::locks_version() const { return impl_->locks_version; }

// ---- commands ----

const model::Type* WorkspaceImpl::type_of_command(const std::string& name) const {
    for (const char* verb : {"add-", "set-", "delete-", "show-"}) {
        if (!name.starts_with(verb)) continue;
        std::string_view noun = std::string_view(name).substr(strlen(verb));
        const model::Type* type = catalog().find(noun);
        return type ? type : catalog().find_plural(noun);
    }
    return nullptr;
}

void WorkspaceImpl::add(const std::string& name, Registered what) {
    what.type = type_of_command(name);
    commands[name] = std::move(what);
}

void WorkspaceImpl::needs(const std::string& command, std::string_view permission,
                          std::string_view type) {
    Registered& what = commands.at(command);
    what.flags.permission = permission;
    if (!type.empty()) what.type = catalog().find(type);
}

void WorkspaceImpl::add_generic(const std::string& name, Command command, CommandFlags flags) {
    generics[name] = {command, {}, flags};
    add(name, {std::move(command), {}, std::move(flags)});
}

void WorkspaceImpl::add_generic_async(const std::string& name, AsyncCommand command,
                                      CommandFlags flags) {
    generics[name] = {{}, command, flags};
    add(name, {{}, std::move(command), std::move(flags)});
}

void WorkspaceImpl::add_simple(const std::string& name,
                               json::object (*command)(WorkspaceImpl&, Call&),
                               const std::string& description, bool write) {
    CommandFlags flags;
    flags.description = description;
    flags.write = write;
    add_generic(
        name, [this, command](Call& call) { return command(*this, call); }, flags);
}

void Workspace::add_command(const std::string& name, Command command, CommandFlags flags) {
    impl_->add(name, {std::move(command), {}, std::move(flags)});
}

void Workspace::add_async_command(const std::string& name, AsyncCommand command,
                                  CommandFlags flags) {
    impl_->add(name, {{}, std::move(command), std::move(flags)});
}

json::object Workspace::generic(const std::string& name, Call& call) {
    auto found = impl_->generics.find(name);
    if (found == impl_->generics.end()) {
        throw Error(Code::command_not_found, "Requested API command: [" + name + "] not found");
    }
    return found->second.command(call);
}

std::vector<std::string> Workspace::command_names() const {
    std::vector<std::string> out;
    for (const auto& [name, registered] : impl_->commands) out.push_back(name);
    return out;
}

void WorkspaceImpl::check_allowed(const Call& call, const Registered& what) {
    const CommandFlags& flags = what.flags;
    bool system = settings.domain.type == "mds";
    if (flags.system_only && !system) refuse_system_only(settings.domain, call.command());
    if (flags.not_system && system) refuse_not_system(call.command());
    if (!system && call.command().starts_with("show-")) {
        const json::value* domains = json::find(call.params(), "domains-to-process");
        if (domains && !domains->is_null()) {
            throw Error(Code::not_system_domain,
                        "[domains-to-process] works only from a login to System Data; this "
                        "session is in '" +
                            settings.domain.name + "'.")
                .refusal("RF-40", "log in to System Data (login without a domain)");
        }
    }
    if (flags.write && !flags.anywhere) {
        hooks.require_writable();
        if (call.read_only()) {
            throw Error(Code::no_permissions, "This session is read-only.")
                .refusal("", "log in again without read-only, with an administrator who may write");
        }
    }
    if (!flags.permission.empty()) call.require(flags.permission);
    // Before anything of the request is looked at: who may not see a kind of object learns nothing of it.
    if (what.type) call.require_area(*what.type, flags.write);
    require_audit(call, flags);
}

void WorkspaceImpl::begin_write() {
    if (!writing) writing = std::make_unique<WorkDb::Transaction>(work);
}

void WorkspaceImpl::commit() {
    // An import goes on after a power cut with its next batch: one that was answered must be there, or
    // the rest is published without it. Single changes are flushed once a second.
    constexpr size_t k_batch = 100;
    bool batch = journal.size() >= k_batch;
    if (writing) writing->commit();
    writing.reset();
    journal.clear();
    if (!batch) return;
    if (auto flush = work.flush()) flush();
}

void WorkspaceImpl::roll_back() {
    for (auto step = journal.rbegin(); step != journal.rend(); ++step) {
        if (step->member) {
            step->session->overlay->amend(step->uid, std::move(step->member->doc),
                                          step->member->member, !step->member->added, -1);
            continue;
        }
        if (!step->is_lock) {
            step->session->overlay->put(step->uid, std::move(step->entry));
            step->session->changes = step->session->overlay->size();
            continue;
        }
        auto found = locks.find(step->uid);
        if (found != locks.end()) {
            auto count = lock_counts.find(found->second.session);
            if (count != lock_counts.end() && --count->second == 0) lock_counts.erase(count);
            locks.erase(found);
            ++locks_version;
        }
        if (step->lock) {
            locks[step->uid] = *step->lock;
            ++lock_counts[step->lock->session];
        }
    }
    journal.clear();
    writing.reset();
}

namespace {

/// One snapshot of the public database for a whole command: its many small reads take the locks of
/// the file once. A publish within the command ends it, so that what follows reads the new state.
class Reading {
  public:
    explicit Reading(store::PublicDb& db)
        : held_(db.handle()), reader_(held_->db()), mine_(is_idle()) {
        if (mine_) reader_.exec("BEGIN");
    }
    ~Reading() {
        if (mine_ && !is_idle()) reader_.tryExec("COMMIT");
    }
    Reading(const Reading&) = delete;
    Reading& operator=(const Reading&) = delete;

  private:
    bool is_idle() const { return sqlite3_get_autocommit(reader_.getHandle()) != 0; }
    // It may be another database's turn before the command ends.
    std::unique_ptr<store::PublicDb> held_;
    SQLite::Database& reader_;
    bool mine_;
};

}  // namespace

void WorkspaceImpl::run(const std::shared_ptr<Call>& call, const Registered& what,
                        std::function<void(Reply)> then) {
    std::shared_ptr<Session> who = asked_by(*call);
    if (what.command) {
        Reply reply = guarded([&] {
            check_allowed(*call, what);
            Reading reading(db);
            return atomically([&] { return what.command(*call); });
        });
        if (who) record(*call, *who, reply);
        then(std::move(reply));
        return;
    }
    auto answer = [this, call, who, then](Reply reply) {
        if (who) record(*call, *who, reply);
        then(std::move(reply));
    };
    try {
        check_allowed(*call, what);
        what.async(*call, answer);
    } catch (const Error& error) {
        answer(error_reply(error));
    } catch (const std::exception& error) {
        log::error(std::string("command ") + call->command() + ": " + error.what());
        answer(error_reply(Error(Code::internal, std::string("Internal error: ") + error.what())));
    }
}

namespace {

/// Elements of an array in a request (security.md 7).
constexpr size_t k_longest_array = 100'000;

const Registered& find_command(const WorkspaceImpl& impl, const std::string& command) {
    auto found = impl.commands.find(command);
    if (found == impl.commands.end()) {
        refuse_elsewhere(impl.settings.domain, command);
        // What is no name of a command is not repeated: it may be no text at all.
        bool name = command.size() < 100 && std::all_of(command.begin(), command.end(), [](char c) {
                        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                               (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
                    });
        throw Error(Code::command_not_found,
                    "Requested API command: [" + (name ? command : "?") + "] not found");
    }
    return found->second;
}

/// The command of the API that has a parameter for why it is done.
constexpr std::string_view k_takes_reason = "promote-mds";

/// Why somebody does something, as it is kept: at most 500 bytes, nothing that a terminal would obey.
std::string reason_of(const json::object& params) { return printable(json::get_string(params, "reason"), 500); }

void check_version(const std::string& version) {
    if (version.empty()) return;
    std::string_view number = version;
    if (number.starts_with('v')) number.remove_prefix(1);
    for (const std::string& known : api_versions()) {
        if (known == number) return;
    }
    throw Error(Code::unknown_api_version, "Unknown API version: " + std::string(number));
}

[[noreturn]] void throw_dead_session(const Ended* ended, const Hooks& hooks) {
    if (ended) {
        std::string where =
            ended->where_active && hooks.where_active ? " " + hooks.where_active() : "";
        throw Error(Code::session_expired, "Session expired. " + ended->reason + where)
            .refusal("RF-38", "log in again");
    }
    // The session id itself stays out of answers and logs.
    throw Error(Code::wrong_session,
                "Wrong session id. Session may be expired. Please check session id and resend the "
                "request.")
        .refusal("RF-38", "log in again");
}

}  // namespace

void Workspace::execute(const std::string& sid, const std::string& command,
                        const std::string& version, std::string_view body,
                        const std::map<std::string, std::string>& client,
                        std::function<void(Reply)> then) {
    std::shared_ptr<Call> call;
    const Registered* what = nullptr;
    try {
        if (sid.empty()) throw Error(Code::missing_header, "Missing header: [X-chkp-sid]");
        SessionPtr session = impl_->by_sid(sid);
        if (!session) {
            std::string hash(store::raw(store::sha256(sid)));
            auto found = impl_->ended.find(hash);
            const Ended* ended = found == impl_->ended.end() ? nullptr : &found->second;
            bool asks_task =
                command == "show-task" && ended && impl_->now() < ended->tasks_until_ms;
            if (!asks_task) throw_dead_session(ended, impl_->hooks);
            session = std::make_shared<Session>();
            session->uid = ended->session;
            session->user = ended->user;
            session->transient = session->read_only = true;
        }
        if (session->publishing) {
            impl_->later.push_back([=, this, text = std::string(body)] {
                execute(sid, command, version, text, client, then);
            });
            return;
        }
        check_version(version);
        what = &find_command(*impl_, command);
        json::object params = json::parse_object(body);
        json::require_arrays_of(params, k_longest_array);
        std::string reason = command == k_takes_reason ? reason_of(params) : "";
        call = std::make_shared<Call>(*this, std::move(session), command, version, std::move(params), client);
        call->give_reason(std::move(reason));
    } catch (const Error& error) {
        then(error_reply(error));
        return;
    } catch (const std::exception& error) {
        then(error_reply(Error(Code::internal, std::string("Internal error: ") + error.what())));
        return;
    }
    impl_->run(call, *what, std::move(then));
}

namespace {

/// For the forms that answer at once.
Reply now_or_error(const std::function<void(std::function<void(Reply)>)>& start) {
    auto reply = std::make_shared<std::optional<Reply>>();
    start([reply](Reply r) { *reply = std::move(r); });
    if (*reply) return std::move(**reply);
    return error_reply(Error(Code::internal, "This command answers later."));
}

}  // namespace

Reply Workspace::execute(const std::string& sid, const std::string& command,
                         const std::string& version, std::string_view body,
                         const std::map<std::string, std::string>& client) {
    return now_or_error([&](std::function<void(Reply)> then) {
        execute(sid, command, version, body, client, std::move(then));
    });
}

// ---- without a login ----

SessionPtr WorkspaceImpl::transient_session(const Principal& who) {
    auto session = std::make_shared<Session>();
    session->uid = Uid::make();
    session->user = who.user;
    session->transient = session->superuser = true;
    session->past_locks = who.past_locks;
    session->info = {{"name", who.session_name},
                     {"description", who.description},
                     {"application", who.application}};
    session->created_ms = session->login_ms = session->last_use_ms = now();
    session->overlay = std::make_unique<Overlay>();
    return session;
}

void Workspace::execute_as(const Principal& who, const std::string& command, std::string_view body,
                           std::function<void(Reply)> then) {
    SessionPtr session = impl_->transient_session(who);
    std::shared_ptr<Call> call;
    const Registered* what = nullptr;
    try {
        what = &find_command(*impl_, command);
        json::object params = json::parse_object(body);
        std::string reason = reason_of(params);
        // mdsctl --reason belongs to every act; this command takes it for itself as well.
        if (command != k_takes_reason) params.erase("reason");
        call = std::make_shared<Call>(*this, session, command, "", std::move(params),
                                      std::map<std::string, std::string>{});
        call->give_reason(std::move(reason));
    } catch (const Error& error) {
        then(error_reply(error));
        return;
    }
    impl_->run(call, *what, [this, session, then](Reply reply) {
        if (reply.status == 200 && session->changes > 0 && impl_->hooks.shared_here()) {
            return impl_->ask_as(session, reply, then);
        }
        if (reply.status == 200) {
            try {
                impl_->publish(session, session->user);
            } catch (const Error& error) {
                reply = error_reply(error);
            } catch (const std::exception& error) {
                reply = error_reply(Error(Code::internal, error.what()));
            }
        }
        impl_->clear_changes(*session);
        then(std::move(reply));
    });
}

Reply Workspace::execute_as(const Principal& who, const std::string& command,
                            std::string_view body) {
    return now_or_error(
        [&](std::function<void(Reply)> then) { execute_as(who, command, body, std::move(then)); });
}

uint64_t Workspace::transact(const Principal& who, const std::function<void(Call&)>& change) {
    SessionPtr session = impl_->transient_session(who);
    Call call(*this, session, "", "", {}, {});
    try {
        impl_->hooks.require_writable();
        change(call);
        uint64_t rev = impl_->publish(session, who.user);
        std::erase_if(impl_->journal, [&](const Undo& u) { return u.session == session; });
        return rev;
    } catch (...) {
        std::erase_if(impl_->journal, [&](const Undo& u) { return u.session == session; });
        impl_->clear_changes(*session);
        throw;
    }
}

void Workspace::inspect(const std::function<void(Call&)>& look) {
    SessionPtr session = impl_->transient_session({});
    session->read_only = true;
    Call call(*this, session, "", "", {}, {});
    look(call);
}

void Workspace::copy_private(const std::string& path) {
    impl_->commit();
    impl_->work.copy_to(path);
}

void Workspace::decorate(std::function<void(const View&, json::object&)> decorate) {
    impl_->decorator = std::move(decorate);
}

// ---- upkeep ----

// While a task runs too: the tick after its end puts that on the disk, which a power cut would else take back.
bool Workspace::idle() const { return impl_->sids.empty() && tasks("in progress").empty(); }

void Workspace::tick() {
    impl_->expire();
    int64_t now = impl_->now();
    impl_->drop_old();
    impl_->sweep();
    impl_->tick_audit();
    impl_->purge_by_schedule();
    std::erase_if(impl_->ended, [&](const auto& e) { return e.second.forget_ms < now; });
}

}  // namespace mds::mgmt
