#pragma once
// What the files of lib/mgmt share; nobody else includes it.
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "mgmt/address_index.hh"
#include "mgmt/auto_nat.hh"
#include "mgmt/parked.hh"
#include "mgmt/rule_index.hh"
#include "mgmt/session.hh"
#include "mgmt/workspace.hh"
#include "model/predefined.hh"

namespace mds::mgmt {

using SessionPtr = std::shared_ptr<Session>;

struct Registered {
    Command command;
    AsyncCommand async;
    CommandFlags flags;
    /// What it is about: the session needs the right to see or, with flags.write, to change such objects.
    const model::Type* type = nullptr;
};

/// A membership that was edited, with the group's document before.
struct MemberUndo {
    Uid member;
    bool added = false;
    std::string doc;
};

/// One step that can be taken back when a command fails.
struct Undo {
    SessionPtr session;
    Uid uid;
    bool is_lock = false;
    std::optional<Entry> entry;
    std::optional<Lock> lock;
    std::optional<MemberUndo> member;
};

/// A publish that is being written on another thread. One at a time.
struct Publishing {
    SessionPtr session;
    std::shared_ptr<store::PublicDb::Staged> staged;
    std::function<store::PublicDb::PublishRequest()> fill;
    /// The revision, or what it failed with.
    std::function<void(uint64_t, std::exception_ptr)> then;
};

/// A session id that ended by the server: why, and until when its tasks can be asked for.
struct Ended {
    std::string reason;
    int64_t tasks_until_ms = 0, forget_ms = 0;
    Uid session;
    std::string user;
    /// The answer also says which server is Active by then: it may not be known at the end (CA-3).
    bool where_active = false;
};

/// A change of a recovered session that does not fit what is published now.
struct Mark {
    Uid uid;
    std::string type, name, message;
    /// {"field","mine","theirs"}: the values that differ.
    json::array fields;
    /// No choice between two values: the change must be edited.
    bool must_edit = false;
};

struct WorkspaceImpl {
    WorkspaceImpl(Workspace& self_, store::PublicDb& db_, WorkDb& work_, Settings s, Hooks h);

    static WorkspaceImpl& of(Call& call) { return *call.workspace_.impl_; }
    static const SessionPtr& session_of(Call& call) { return call.session_; }

    int64_t now() const { return hooks.now_ms(); }
    const model::Catalog& catalog() const { return *settings.catalog; }

    // ---- workspace.cc: running commands ----
    void run(const std::shared_ptr<Call>& call, const Registered& what,
             std::function<void(Reply)> then);
    void check_allowed(const Call& call, const Registered& what);
    /// Runs `f`; all its changes to the session are taken back when it throws. Within another
    /// one it is a part of that.
    template <class F>
    auto atomically(F f) {
        struct Depth {
            explicit Depth(WorkspaceImpl& i) : impl(i) { ++impl.depth; }
            ~Depth() {
                if (--impl.depth == 0 && !done) impl.roll_back();
            }
            void finish() {
                if (impl.depth == 1) impl.commit();
                done = true;
            }
            WorkspaceImpl& impl;
            bool done = false;
        } guard(*this);
        if constexpr (std::is_void_v<decltype(f())>) {
            f();
            guard.finish();
        } else {
            auto result = f();
            guard.finish();
            return result;
        }
    }
    int depth = 0;
    void begin_write();
    void roll_back();
    void commit();
    SessionPtr transient_session(const Principal& who);
    void add(const std::string& name, Registered what);
    /// The type of what "add-host" or "show-hosts" is about; nothing for other commands.
    const model::Type* type_of_command(const std::string& name) const;
    /// Of a command that is registered: the right that it needs, and the type of object that it is about
    /// when its name does not tell ("" = neither).
    void needs(const std::string& command, std::string_view permission, std::string_view type = {});
    void add_generic(const std::string& name, Command command, CommandFlags flags);
    /// The same for one that answers later.
    void add_generic_async(const std::string& name, AsyncCommand command, CommandFlags flags);
    /// A command on this workspace without flags but `write`.
    void add_simple(const std::string& name, json::object (*command)(WorkspaceImpl&, Call&),
                    const std::string& description, bool write = false);

    // ---- sessions.cc ----
    void load_sessions();
    void recover_published(const SessionPtr& session);
    void save(const Session& session);
    void forget(const Session& session);
    SessionPtr by_sid(const std::string& sid);
    SessionPtr by_uid(const Uid& uid) const;
    Overlay& overlay(Session& session);
    void disconnect(Session& session, bool expired);
    void expire();
    /// Finished tasks after a week, rows of published sessions beyond the newest thousand.
    void drop_old();
    std::string new_sid(Session& session);
    uint64_t lock_count(const Uid& session) const;
    SessionInfo info_of(const Session& session) const;
    json::object render_session(const Session& session);
    std::optional<Session> stored_session(const Uid& uid);

    // ---- edit.cc ----
    void put_entry(const SessionPtr& session, const Uid& uid, std::optional<Entry> entry);
    void take_lock(Call& call, const View& view, bool by_hand);
    void drop_lock(const Uid& uid);
    /// Of data that every server changes: who has locked it on another one.
    std::optional<LockElsewhere> locked_elsewhere(const Uid& uid) const;
    std::vector<std::string> address_warnings(Call& call, const json::object& document,
                                              const Uid& self);
    // ---- members.cc ----
    /// As Call::get without the list `members`, however long it is.
    std::optional<View> head(Call& call, const Uid& uid);
    /// One membership more or less; false when that is how it is already.
    bool edit_member(Call& call, const Uid& group, const Uid& member, bool add);
    void edit_groups(Call& call, const View& member, const json::value& given, bool is_new);
    void check_cycle(Call& call, const View& group);

    // ---- publish.cc ----
    /// The revision, or 0 when there was nothing to publish.
    /// `marked_too`: changes with a conflict mark as well, as this session has them.
    uint64_t publish(const SessionPtr& session, const std::string& by, bool marked_too = false);
    uint64_t discard(const SessionPtr& session, const std::string& by);
    /// Takes back what the session did to one object.
    void discard_object(Call& call, const Uid& uid);
    /// The session ends as a record of what became of it; whoever is connected goes on in a new
    /// one.
    void end_as(const SessionPtr& session, const std::string& state, uint64_t count);
    /// Throws what keeps a recovered session from being published: marks, locks of others.
    void check_recovered(Session& session, bool marked_too);
    /// `retired`: the session's uid is not used again, so rows may be left for sweep().
    void clear_changes(Session& session, bool retired = false);
    void finish_published(const SessionPtr& session);

    // ---- publish_beside.cc ----
    /// Answers when the session is published: at once, or after a large publish beside other work.
    void publish_command(Call& call, std::function<void(Reply)> then);
    /// Ends the task of a publish: at once, or when a Standby has the revision (zero-loss publish).
    /// Whether this publish is only done when a Standby has it (zero-loss).
    bool replicated(uint64_t rev) const;
    void finish_publish(const Uid& task, json::array details);
    /// Ends the task when a Standby has it, or with the reason why none has. `answer` is called then, or
    /// after a moment when that takes longer: who asks for the task at once finds it ended mostly.
    void wait_replicated(const Uid& task, uint64_t rev, const json::array& details,
                         const std::function<void()>& answer);
    /// Publishes while other sessions are served.
    void publish_beside(Publishing what);
    Uid publish_task(Call& call);
    /// Publishes a session with changes where another server decides; the reply has the task.
    void publish_elsewhere(Call& call, const SessionPtr& session, bool marked_too,
                           const std::function<void(Reply)>& then);
    /// Publishes data that every server may change: the one that decides is asked.
    void publish_shared(const SessionPtr& session, const Uid& task,
                        store::PublicDb::PublishRequest request, std::function<void(Reply)> then);
    /// The same for a command of somebody without a login, whose reply is `reply`.
    void ask_as(const SessionPtr& session, const Reply& reply, const std::function<void(Reply)>& then);
    /// hooks.shared->ask, whose errors go to `end` as well.
    void ask_shared(store::PublicDb::PublishRequest request,
                    const std::function<void(std::optional<Error>, bool)>& end);
    /// What is to be published, checked.
    store::PublicDb::PublishRequest checked_request(const SessionPtr& session, const std::string& by,
                                                    bool marked_too);
    /// Waits for the publish beside other work and ends it; everything else that writes to the
    /// public database comes after it.
    void settle();
    /// Goes on with what waited.
    void run_later();
    /// Throws while the session is being published.
    static void refuse_publishing(const Session& session);
    /// Frees what a large publish has used, on another thread.
    void tidy_up(std::unique_ptr<Overlay> overlay);
    /// Deletes some rows of retired sessions; true when there are more.
    bool sweep();

    // ---- recover.cc ----
    bool recover(const Parked::Publish& publish, const std::vector<std::string>& refused_for = {});
    /// The table row of a recovered session is done.
    void finish_parked(const Session& session);
    /// Overlays of recovered sessions are read again when they are needed: what is published is
    /// another now.
    void refresh_recovered(const Session* except);

    // ---- conflicts.cc ----
    std::vector<Mark> marks_of(Session& session);

    // ---- commands_approval.cc ----
    /// Puts the session with its changes and locks aside in another state, connected to nobody.
    SessionPtr set_apart(const SessionPtr& session, const std::string& state);
    /// The connection of a session goes on in an empty one.
    void start_anew(const SessionPtr& session);

    // ---- commands_revision.cc ----
    /// What the settings `automatic-purge` ask for, when it is due and this server is Active.
    void purge_by_schedule();
    /// Purges from the begin when the log is larger than Settings::log_bytes.
    void purge_by_size();

    // ---- audit.cc ----
    void record(const Session& session, const std::string& operation, const std::string& subject,
                const std::string& message = {}, bool good = true);
    /// Who asked for a command that belongs into the trail; null for the others. A copy: the
    /// command may end the session, or go on in another one.
    std::shared_ptr<Session> asked_by(const Call& call) const;
    void record(const Call& call, const Session& who, const Reply& reply);
    /// Writes what could not be written, in order; throws when it still cannot.
    void write_unrecorded();
    /// Throws when this command changes something and the trail cannot be written (S-15).
    void require_audit(const Call& call, const CommandFlags& flags);
    void tick_audit();

    // ---- commands_*.cc ----
    void register_object_commands();
    void register_batch_commands();
    void register_gateway_commands();
    void register_install_commands();
    void register_log_commands();
    void register_export_commands();
    // global.cc
    void register_global_commands();
    /// The newest publish; revision 0 = none.
    store::Revision last_publish() const;
    /// Workspace::global_state() as it was at a position.
    std::optional<std::pair<store::Hash, json::object>> global_state;
    /// As Workspace::decorate().
    std::function<void(const View&, json::object&)> decorator;
    void register_rule_commands();
    void register_rulebase_commands();
    void register_policy_commands();
    void register_search_commands();
    void register_session_commands();
    void register_session_changes();
    void register_hand_over();
    void register_changes_commands();
    void register_revision_commands();
    void register_approval_commands();
    void register_misc_commands();
    void register_task_commands();

    Workspace& self;
    store::PublicDb& db;
    WorkDb& work;
    Parked parked;
    AuditChain audit;
    /// Rows that the disk did not take, with their time; and why.
    std::deque<std::pair<AuditRow, int64_t>> unrecorded;
    std::string audit_problem;
    AuditHead settled, checkpoint;
    int64_t checkpoint_at = 0;
    Settings settings;
    Hooks hooks;
    AddressIndex addresses;
    RuleIndex rules;
    AutoNatIndex auto_nat;

    std::map<std::string, Registered> commands, generics;
    std::map<Uid, SessionPtr> sessions;
    std::unordered_map<std::string, SessionPtr> sids;
    std::unordered_map<std::string, Ended> ended;
    std::unordered_map<Uid, Lock> locks;
    uint64_t locks_version = 0;
    /// Between content_moves() and content_moved(): the revision that an entry was made from, with the name
    /// and document of then; nothing when it is changed already.
    struct Base {
        uint64_t rev = 0;
        std::optional<std::pair<std::string, std::string>> content;
    };
    /// By session and object.
    std::map<Uid, std::map<Uid, Base>> bases;
    std::map<Uid, uint64_t> lock_counts;

    std::vector<Undo> journal;
    std::unique_ptr<WorkDb::Transaction> writing;
    std::optional<Publishing> publishing;
    /// Commands that wait for the end of it, in order.
    std::deque<std::function<void()>> later;
    /// Sessions whose rows in work.db are not wanted any more.
    std::vector<Uid> retired;
    /// Expires with this object: for what comes back from another thread.
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);
    int64_t next_upkeep_ms = 0, next_purge_ms = 0;
    int64_t next_auto_purge_ms = 0, last_auto_purge_ms = 0;
};

/// A canonical document with an empty list `members`.
std::string without_members(std::string_view doc);
/// One row of overlay_member.
struct MemberEdit {
    Uid member;
    bool add = true;
    int64_t time_ms = 0;
    std::string user;
};
std::string with_edits(const std::string& doc, const std::vector<MemberEdit>& edits);

/// What a session publishes: everything but the changes, and the changes.
store::PublicDb::PublishRequest request_of(const Session& session, const std::string& by);
std::vector<store::Change> changes_of(const Overlay& overlay);

/// model::World over a session.
class SessionWorld : public model::World {
  public:
    explicit SessionWorld(Call& call) : call_(call) {}
    std::optional<Uid> find(const std::vector<std::string>& types, std::string_view name) override;
    Uid tag(std::string_view name) override;

  private:
    Call& call_;
};

/// A rule or section by its layer or package and uid, name or rule-number (commands_rule.cc).
View ordered_object(Call& call, const model::Type& type, const json::object& params);
/// The parameters of a rule as its document is compared with them.
json::object same_as_stored(const model::Type& type, const json::object& params);
/// Item of access-control-rules or nat-rules in the reply of where-used.
json::object rule_usage(Call& call, const View& rule, const Uid& used);

/// Versions of the management API that are understood, oldest first (commands_misc.cc).
const std::vector<std::string>& api_versions();

/// An object that two references identify (model::Type::pair), by those of `params`.
std::optional<View> find_pair(Call& call, const model::Type& type, const json::object& params);

/// The command works in the other kind of database only (elsewhere.cc).
[[noreturn]] void refuse_system_only(const DomainInfo& here, const std::string& command);
[[noreturn]] void refuse_not_system(const std::string& command);
/// One of them, when `command` is one that only the other kind of database has.
void refuse_elsewhere(const DomainInfo& here, const std::string& command);

[[noreturn]] void not_found(const std::string& what);
/// A parameter as text, however it was given; empty when it is absent or null.
std::string text_of(const json::object& params, std::string_view name);

/// A type by name, of the catalogue or of a predefined object; null when unknown.
const model::Type* type_of(const model::Catalog& catalog, const std::string& name);
View view_of(const model::Predefined& object);
/// From a stored row; the document is parsed. `name` is the row's index name: the view of a rule
/// has the name in its document. Nothing for a type that the catalogue does not know.
std::optional<View> view_of(const model::Catalog& catalog, const Uid& uid, const std::string& type,
                            const std::string& name, uint64_t rev, std::string_view doc);
/// From a published object.
std::optional<View> view_of(const model::Catalog& catalog, const store::Object& object);

/// Rendering for one reply; remembers what it has rendered (shown.cc).
class Shown {
  public:
    Shown(Call& call, model::Level references);
    json::object obj(const View& view);
    json::object full(const View& view);
    /// A reference at the level given to the constructor.
    json::value reference(const Uid& uid);
    /// A list item at `level`.
    json::value item(const View& view, model::Level level);
    /// OBJ of an object by uid, remembered.
    const json::object& obj(const Uid& uid);
    bool with_groups = true;

  private:
    json::object lock_of(const View& view);
    json::array groups(const View& view);
    json::object domain_of(const View& view) const;
    struct Known {
        std::string type;
        json::object obj;
    };
    const Known& known(const Uid& uid);

    /// Adds what show-membership and dereference-group-members ask for.
    void extend(json::object& out, const View& view);

    Call& call_;
    model::Level references_;
    bool membership_ = false, dereference_ = false, ranges_ = false;
    int depth_ = 0;
    std::unordered_map<Uid, Known> known_;
};

/// One page of objects through the session (list.cc).
struct Page {
    std::vector<View> views;
    uint64_t offset = 0, total = 0;
};
struct PageRequest {
    std::vector<const model::Type*> types;
    uint64_t offset = 0, limit = 50;
    bool descending = false, predefined = true;
    /// Field to order by; empty = name.
    std::string order_by;
    /// Empty = everything.
    std::function<bool(const View&)> wanted;
    /// Quick test of the document text before it is parsed; empty = none.
    std::function<bool(const model::Type&, std::string_view doc)> maybe;
};
Page page_of(WorkspaceImpl& impl, Call& call, const PageRequest& request);
/// limit, offset, order of the parameters, with their ranges checked.
void read_paging(Call& call, PageRequest& request);
json::object list_reply(Call& call, const Page& page, const std::string& container,
                        model::Level level);

/// The words of a filter, and whether one stood in quotes.
struct FilterWord {
    std::string text;
    bool quoted = false;
};
std::vector<FilterWord> filter_words(std::string_view text);
/// Whether a word of `text` begins with `prefix` (both folded).
bool begins_word(const std::string& text, const std::string& prefix);

/// The filter language: words, "quoted words", AND, OR, prefix match; addresses (filter.cc).
class Filter {
  public:
    Filter(Call& call, std::string_view text, bool ip_only);
    bool matches(const View& view) const;
    bool maybe(const model::Type& type, std::string_view doc) const;

  private:
    struct Term {
        std::string folded;
        std::string address;
        /// Marked references of tags whose name begins so.
        std::vector<std::string> tags;
    };
    bool matches(const Term& term, const View& view) const;
    /// OR of ANDs.
    std::vector<std::vector<Term>> terms_;
    bool ip_only_;
};

}  // namespace mds::mgmt
