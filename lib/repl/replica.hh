#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/error.hh"
#include "repl/compare.hh"
#include "repl/message.hh"
#include "store/public_db.hh"
#include "store/verify.hh"

namespace mds::repl {

/// One other server of the same management database.
struct Peer {
    /// Its Multi-Domain Server (the address of messages) and its own uid (the name in terms).
    Uid mds, server;
    std::string name, address, mds_name;
    bool log_server = false, primary = false;
};

/// A publish that was taken back because the Active never had it, with what hands it to its author.
struct ParkedPublish {
    /// With payload and undo.
    store::Revision record;
    /// Name of the server that published it.
    std::string origin;

    std::string encode() const;
    static ParkedPublish decode(std::string_view bytes);
};

/// What operators are told with an id of its own in the journal (log/messages.def has the same names).
enum class Event {
    collision, collision_over, database_damaged, database_repaired, database_kept, log_shortened,
    full_sync_begun, full_sync_ended, full_sync_failed, publishes_parked, parked_not_kept, publish_refused,
    disk_full, clock_differs
};

/// What the replica needs from outside. The clock, the network, files and randomness are behind
/// this, so that the same code runs in the simulation.
class Env {
  public:
    virtual ~Env() = default;
    /// Monotonic and wall clock in ms.
    virtual int64_t mono_ms() = 0;
    virtual int64_t wall_ms() = 0;
    virtual Uid random_id() = 0;
    virtual void send(const Uid& mds, Kind kind, std::string payload) = 0;
    /// Makes a full copy for peers, in the background; `then` gets its id, or an error text.
    virtual void make_copy(std::function<void(std::optional<CopyOffer>, std::string)> then) = 0;
    /// One chunk of a copy made here; nothing when it is gone.
    virtual std::optional<std::string> read_copy(const Uid& id, uint32_t index) = 0;
    /// Stores a chunk of a copy that is being received; returns false when the disk refuses.
    virtual bool write_copy(const Uid& id, uint64_t offset, std::string_view bytes) = 0;
    /// The finished file of a received copy.
    virtual std::string received_copy(const Uid& id) = 0;
    virtual void drop_copy(const Uid& id) = 0;
    /// Runs `work`, which touches nothing of the replica, beside it, and then `then` in turn with
    /// everything else that the replica does.
    virtual void in_background(std::function<void()> work, std::function<void()> then) = 0;
    /// Keeps publishes that must be taken back; durable when it returns. Repeating is harmless.
    virtual void park(const std::vector<store::Revision>& records) = 0;
    /// Parked publishes that are not handed over yet.
    virtual uint32_t parked_count() = 0;
    /// The oldest of them.
    virtual std::optional<ParkedPublish> next_parked() = 0;
    /// The Active keeps it now; durable when it returns.
    virtual void handed_over(const Uid& term_id, uint64_t rev) = 0;
    /// On the Active: keeps a parked publish as a recovered session of its author (replication.md
    /// 7); durable when it returns, repeating is harmless. Throws when it cannot.
    virtual void recover(const ParkedPublish& publish) = 0;
    /// What would be lost here by an overwrite, for the operator who orders it (MA-3, CA-6): {
    /// "sessions":[{"user","changes","connected","recovered"}],"tasks":[name]}. Never what the
    /// changes are.
    virtual std::string open_work() = 0;
    /// This server was overwritten on an operator's order: its clients are disconnected with `why`,
    /// its private sessions discarded, its tasks ended. Returns what that was, as open_work().
    virtual std::string end_work(const std::string& why) = 0;
    /// A full copy of this server goes to a peer (`first`: it had nothing before), or has ended:
    /// `problem` says how it failed.
    virtual void copy_begins(const Peer& peer, bool first) = 0;
    virtual void copy_ends(const Peer& peer, const std::string& problem) = 0;
    /// The role has changed; `why` for people.
    virtual void role_changed(Role role, const std::string& why) = 0;
    /// The public content has changed by other means than a publish here.
    virtual void content_changed(const std::vector<store::Revision>& records, bool whole) = 0;
    /// Something that Status shows has changed.
    virtual void status_changed() = 0;
    virtual void log(int priority, const std::string& text) = 0;
    /// As log(); `peer` is the name of the server that it is about, if any.
    virtual void event(Event event, const std::string& text, const std::string& peer = "") = 0;
};

struct Timing {
    int heartbeat_ms = 1000;
    /// The same while all is well and mds-sync watches the connection; it tells at once when the
    /// connection or the server at its other end is gone.
    int idle_beat_ms = 10'000;
    /// A peer that was not heard for this long is unreachable; three idle beats while mds-sync is
    /// connected with its host.
    int silent_ms = 5000;
    /// A starting server waits this long for its peers before it goes on with the role on its disk.
    int startup_ms = 5000;
    /// A Standby that is behind for longer than this is no longer "Ok" in the API.
    int grace_ms = 5000;
    int handover_ms = 10000;
    int repeat_ms = 2000;
    /// The whole database is read anew this often, and after every start.
    int64_t verify_ms = 24 * 3600 * 1000;
};

/// The ten canonical values of multi-domain-ha.md 2.4, in order of evaluation.
enum class SyncStatus {
    trust_missing, unreachable, version_mismatch, collision, synchronizing, sync_failed,
    never_synchronized, lagging, advanced, synchronized
};
std::string_view status_word(SyncStatus status);

struct PeerStatus {
    Peer peer;
    SyncStatus status = SyncStatus::unreachable;
    Role role = Role::starting;
    bool heard = false;
    /// Revision there; digests equal at the same revision.
    uint64_t revision = 0;
    bool digest_equal = false;
    /// Since when in this status, last contact, last time it was equal to here: wall ms, 0 never.
    int64_t since_ms = 0, contact_ms = 0, last_good_ms = 0;
    /// API `sync-state`: "Ok", "Communication Error", "Sync Error".
    std::string sync_state;
    std::string reason, next;
    uint8_t percent = 255;
    /// Of a full copy: "export", "transfer", "overwrite".
    std::string step;
    uint32_t parked = 0;
    /// What an overwrite would cost there (Env::open_work), as last heard.
    std::string work;
};

/// The state of one server of a management database, pure: inputs are messages, ticks and
/// commands; outputs go through Env; the database is asked directly.
class Replica {
  public:
    struct Identity {
        Uid mds, server;
        std::string name, version;
        /// Name of its Multi-Domain Server, for commands in "next" texts.
        std::string mds_name;
        bool log_server = false;
        /// This server makes the history when there is none (first server of a Domain).
        bool founder = false;
        /// Name of the Domain, for commands in "next" texts.
        std::string domain;
    };

    Replica(store::PublicDb& db, Env& env, Identity self, std::vector<Peer> peers, Timing timing);

    void start();
    /// Does what is due. Call again within next_ms(), and earlier when anything was received.
    void tick();
    int next_ms() const;
    void receive(const Uid& mds, Kind kind, std::string_view payload);
    void set_peers(std::vector<Peer> peers);
    /// Why this server changes nothing and never becomes Active, though it follows; empty: it may (FR-3).
    void set_fence(std::string why) { fence_ = std::move(why); }
    const std::string& fence() const { return fence_; }
    /// Publishes here that nobody has decided yet, and since when (wall ms): the others hear it.
    void set_waiting(uint32_t count, int64_t since_ms);
    /// What mds-sync says about the link to a peer ("connected", "unreachable", "no-trust", ...).
    void set_link(const Uid& mds, const std::string& state, const std::string& reason);
    /// Something was committed here: ship it.
    void committed();
    /// What Env::open_work() says has changed: the others hear it before the next heartbeat.
    void work_changed() { send_positions(); }

    Role role() const { return role_; }
    bool collision() const { return collision_; }
    /// Throws RF-05 (or the collision, or the running handover) when nothing may be written here.
    void require_writable() const;
    /// The server that is Active as far as is known here: its peer entry, or nothing when it is
    /// this one or nobody.
    const Peer* active_peer() const;
    /// The host of the Active that this server follows, while it answers and is the only one.
    std::optional<Uid> followed_active() const;
    /// Hosts of the servers that answer and may become Active, and when (mono) they were last connected.
    struct Heard {
        Uid mds;
        int64_t linked_at = 0;
    };
    std::vector<Heard> heard() const;
    bool is_member(const Uid& mds) const { return find(mds) != nullptr; }
    /// A member that is no log server.
    bool may_be_active(const Uid& mds) const {
        const PeerState* p = find(mds);
        return p && !p->peer.log_server;
    }
    /// "normal", "no-active", "collision", "single" (multi-domain-ha.md 2.2).
    std::string domain_state() const;
    std::vector<PeerStatus> peer_status() const;
    /// The newest revision here that every other server that may become Active is known to have. What
    /// is newer may be taken back one day, so its records must not be purged.
    uint64_t held_by_all() const;
    const Identity& self() const { return self_; }
    /// In a collision: the last revision that both Actives have.
    uint64_t collision_revision() const { return collision_rev_; }
    /// What a running change of the Active waits for; empty when none runs.
    std::string pending_step() const;
    /// Why a parked publish cannot be handed over at the moment; empty when nothing is wrong.
    const std::string& parked_problem() const { return parked_problem_; }

    /// How an action ended; no error = done.
    using Done = std::function<void(std::optional<Error>)>;
    /// Orderly: this server becomes Active (CA-1, CA-9). RF-21 when the Active is silent.
    void set_active(const std::string& by, Done done);
    /// This Active hands over to the peer on `mds`.
    void hand_over(const Uid& mds, const std::string& by, Done done);
    /// This Active becomes Standby, nobody is Active (CA-7, CA-8); in a collision this side yields.
    void set_standby(const std::string& by);
    /// This server becomes Active without the old one (CA-10). Refused while the Active answers.
    void force_active(const std::string& by);
    /// Reads the whole database of this server anew, at once; `done` gets what is damaged, or nothing
    /// when all is well. What is damaged is then taken from a peer.
    using Verified = std::function<void(const store::Verification&)>;
    void verify(Verified done);
    /// What verification found damaged here and is not repaired yet; empty when nothing.
    const std::string& damage() const { return health_.damage; }
    /// Whether the whole database was read anew and found good within the last day.
    bool verified() const;
    /// Whether a Standby that could become Active has this revision on its disk.
    bool confirmed(uint64_t rev) const;
    /// How a manual synchronization ended; without an error, what it cost the target
    /// (Env::end_work).
    using SyncDone = std::function<void(std::optional<Error>, std::string cost)>;
    /// Manual synchronization of one peer from this Active (MA, MD). RF-19, RF-20. An order with
    /// the same id is the same one: asking again after a restart does not do it twice.
    void full_sync(const Uid& mds, const Uid& id, const std::string& by, SyncDone done);
    /// Throws as full_sync would, without doing anything.
    void check_full_sync(const Uid& mds) const;

  private:
    /// Whether pieces of a copy travel faster packed or as they are: a slow line wants them small,
    /// on a fast one packing takes longer than sending. Both are tried in turn, by what was asked for
    /// in a given time; the better one goes on for a while.
    struct Pace {
        bool pack = true;
        uint32_t pieces = 0, rounds = 0;  // of this trial; trials of the better way in a row
        int64_t since = 0;                // mono, when this trial began
        double packed = 0, plain = 0;     // pieces a ms, as measured; 0: not yet
        void piece(int64_t now);
    };
    struct PeerState {
        Peer peer;
        std::string link_state, link_reason;
        int64_t heard_at = 0;       // mono, 0 = never since start
        int64_t told_at = 0;        // mono, when it last said where it is
        int64_t contact_wall = 0;   // wall, when it was last heard
        int64_t linked_at = 0;      // mono, when mds-sync last connected with its host
        PositionMessage last;
        std::optional<store::Position> waiting_pull;
        SyncStatus shown = SyncStatus::unreachable;
        std::string shown_state;    // "Ok" and so on, of `shown`
        int64_t shown_since = 0;
        int64_t last_good = 0;
        int64_t behind_since = 0;   // mono; one of the two lacks revision behind_rev since then, 0: none
        uint64_t behind_rev = 0;
        int64_t pulled_at = 0;      // mono, when we last asked it
        bool asked = false;         // it was asked for records once: a late answer is no attack
        bool copying = false;       // takes a full copy of this server
        bool foreign = false;       // its release writes messages that cannot be read here
        std::string refused;        // why what it last said of itself is not believed; empty: it is
        Pace pace;                  // of that copy
    };
    struct Receiving {
        Uid from;
        std::optional<CopyOffer> offer;
        /// Pieces that came; of these, `unpacking` are still being read and `received` are written.
        std::vector<bool> have;
        uint32_t received = 0, next = 0, unpacking = 0;
        /// Tells what is left of an earlier attempt from this one.
        uint64_t attempt = 0;
        /// All are here; whether they are what was sent is being found out.
        bool proving = false;
        int64_t progress_at = 0, asked_at = 0;
        Uid order;  // full_sync of an operator; nil: on its own account
        std::string by;
    };
    /// A manual synchronization that this Active has ordered.
    struct Order {
        Uid id;
        std::string by;
        int64_t asked_at = 0, alive_at = 0;
        SyncDone done;
    };
    /// The parked publish that is on its way to the Active.
    struct Handing {
        Uid to, term_id;
        uint64_t rev = 0, offset = 0;
        std::string bytes;
        int64_t again_at = 0;
    };
    /// One that arrives here.
    struct Arriving {
        Uid term_id;
        uint64_t rev = 0, size = 0;
        std::string bytes;
    };
    struct Pending {
        enum class What { none, become_active, hand_over } what = What::none;
        Uid target;
        std::string by;
        int64_t since = 0, deadline = 0, asked_at = 0;
        Done done;
    };

    /// Whether the bytes on the disk are still what was written (repair.cc).
    struct Health {
        bool checking = false;
        /// mono; when the next check is due, and the last good one (0: none yet).
        int64_t due_at = 0, good_at = 0;
        std::string damage;
        store::Verification last;
        /// Checks since the first that found damage.
        int attempts = 0;
        /// The peer that was asked for what is lost, and when (mono).
        Uid asked;
        int64_t asked_at = 0;
        /// Peers that were asked for the damaged records and have none of them whole.
        std::set<Uid> without;
        /// For whom a damaged record is not given up, as last said.
        std::string waits;
        std::vector<Verified> waiting;
    };

    History history() const;
    PeerState* find(const Uid& mds);
    const PeerState* find(const Uid& mds) const;
    bool reachable(const PeerState& p) const;
    int64_t patience(const PeerState& p) const;
    bool quiet(const PeerState& p) const;
    bool all_quiet() const;
    int64_t beat_ms(bool idle) const;
    void gone(PeerState& p);
    void send_positions();
    PositionMessage my_position() const;
    /// Whether a peer that was asked for the role at a time (mono) is heard, or may still be.
    /// Throws when this server is fenced.
    void require_no_fence() const;
    bool may_answer(const PeerState* p, int64_t asked_since) const;
    Error not_responding(const PeerState* p) const;
    void send_position(const PeerState& p);
    /// Something came from it.
    void heard(PeerState& p);
    void set_role(Role role, const std::string& why);
    void resolve_start();
    void follow();
    void step_down_if_needed(PeerState& p);
    void yield(uint64_t common_rev, const PeerState& to);
    void serve_pull(PeerState& p);
    void on_delta(PeerState& p, std::string_view payload);
    void on_position(PeerState& p, std::string_view payload);
    /// What no server of its kind says of itself (T-9), or nothing.
    std::string not_believed(const PeerState& p, const PositionMessage& m) const;
    /// Whether who began this term can be asked, and has no such term.
    bool denied(const std::vector<store::Term>& terms, size_t index) const;
    /// Whether this log server alone has a line that the Active would have to follow and nobody who can be asked
    /// knows; for long enough to be sure.
    bool stays_alone(const PeerState& active, const Comparison& c);
    /// The same of a log server's word to an Active.
    std::string hearsay(const History& theirs) const;
    /// A message that is not taken: each reason is told once in ten minutes, and not many of a sender.
    /// `priority` as Env::log takes it.
    void refuse(const Uid& mds, const std::string& name, Kind kind, const std::string& why, int priority = 4);
    void send_pull(PeerState& p);
    void adopt_term();
    /// The one server that may begin the next term without force: the Active, or, when nobody is, the
    /// one that was before. So two set-active at two places can never both succeed.
    Uid giver() const;
    bool gives_role() const;
    void progress_pending();
    void finish_pending(std::optional<Error> error);
    store::Term next_term(const Uid& active, const std::string& cause, const std::string& by) const;
    /// Commits the record of a term and takes the role that it gives to this server. The role never
    /// changes when the record could not be committed.
    void begin(const store::Term& term, Role role, const std::string& why);
    /// Keeps why nothing goes on here for Status, and says it once.
    void trouble(const std::string& what, Code code = Code::internal);
    // full_sync.cc
    void on_full_sync(PeerState& p, std::string_view payload);
    void on_full_sync_done(PeerState& p, std::string_view payload);
    void progress_orders();
    void progress_schema();
    std::string copy_step(const PeerState& p) const;
    // parked.cc
    void hand_over_parked();
    void send_parked();
    void on_parked_put(PeerState& p, std::string_view payload);
    void on_parked_ok(PeerState& p, std::string_view payload);
    // copy.cc
    void request_copy(PeerState& from, const Uid& order = {}, const std::string& by = {});
    void ask_copy();
    /// Whoever refused a copy is not asked again before (mono).
    int64_t copy_again_at_ = 0;
    /// The last copy that came whole and was not what its sender said.
    Uid refused_copy_;
    /// The copy that was made for others is of no more use.
    void stop_serving();
    /// Why nobody gets a full copy while damage is known.
    std::string damaged_here() const;
    void on_copy_request(PeerState& p, std::string_view payload);
    void on_copy_offer(PeerState& p, std::string_view payload);
    void on_copy_get(PeerState& p, std::string_view payload);
    void on_copy_chunk(PeerState& p, std::string_view payload);
    void on_copy_gone(PeerState& p, std::string_view payload);
    bool serves(uint64_t wanted_rev) const;
    void ask_chunks();
    /// Stores a piece that was unpacked and checked.
    void keep_chunk(uint32_t index, const std::string& bytes);
    void prove_copy();
    void finish_copy(const store::ProvenCopy& copy, int64_t read_at);
    void fail_copy(const std::string& why);
    // repair.cc
    void progress_health();
    void start_check();
    void on_verified(store::Verification found, int64_t begun);
    /// All of it was good when its reading began (mono ms): what came to harm behind the reader is not seen.
    void mark_good(int64_t read_at);
    void repair(const store::Verification& found);
    /// Returns whether this server's own log mended anything.
    bool repair_from_log();
    /// The best peer to ask for what is damaged here; `damaged_too`: it may be damaged itself, at another
    /// place.
    PeerState* repair_source(bool damaged_too);
    /// Whether a full copy of it would take revisions back that are here: damage is no reason for that.
    bool lacks_ours(const PeerState& p) const;
    /// Drops the log up to the newest damaged record when nobody has that one whole. Returns whether it
    /// was done.
    bool give_up_records(const store::Verification& found);
    void on_buckets(PeerState& p, std::string_view payload);
    void on_marks(PeerState& p, std::string_view payload);
    void on_lost(PeerState& p, std::string_view payload);
    void on_found(PeerState& p, std::string_view payload);
    template <class Result>
    void compute(std::function<Result()> work, std::function<void(Result)> then);
    // status.cc
    PeerStatus judge(const PeerState& p) const;
    void update_shown();

    store::PublicDb& db_;
    Env& env_;
    Identity self_;
    Timing timing_;
    std::vector<PeerState> peers_;
    /// State and reason of every link that mds-sync has told of.
    std::map<Uid, std::pair<std::string, std::string>> links_;
    Role role_ = Role::starting;
    bool collision_ = false;
    uint64_t collision_rev_ = 0;
    std::string fence_;
    uint32_t waiting_ = 0;
    int64_t waiting_since_ = 0;
    std::string failure_;
    int64_t started_at_ = 0, beat_at_ = 0;
    bool handing_over_ = false;
    Pending pending_;
    std::optional<Receiving> receiving_;
    uint64_t attempts_ = 0;
    bool making_copy_ = false;
    std::vector<Uid> copy_waiters_;
    std::optional<CopyOffer> serving_;
    int64_t serving_used_at_ = 0;
    std::map<Uid, Order> orders_;
    /// The last order that was carried out here, and what it cost.
    Uid obeyed_;
    std::string obeyed_cost_;
    std::optional<Handing> handing_;
    std::string parked_problem_;
    int64_t parked_again_at_ = 0;
    std::map<Uid, Arriving> arriving_;
    /// The server that was asked for records last: nobody else's are taken.
    Uid records_from_;
    /// The Active that denies what only this log server has, and since when (mono, 0: it does not).
    Uid alone_against_;
    int64_t alone_since_ = 0;
    /// What was told of a sender's refused messages, since when (mono).
    struct Refused {
        int64_t since = 0;
        std::set<std::string> told;
    };
    std::map<Uid, Refused> refused_;
    Health health_;
    /// Work in the background outlives a replica that was taken away meanwhile.
    std::shared_ptr<int> alive_ = std::make_shared<int>();
};

/// Runs `work` beside everything else and gives its result to `then`, unless this replica is gone by
/// then.
template <class Result>
void Replica::compute(std::function<Result()> work, std::function<void(Result)> then) {
    auto result = std::make_shared<std::optional<Result>>();
    auto problem = std::make_shared<std::string>();
    std::weak_ptr<int> alive = alive_;
    env_.in_background(
        [work = std::move(work), result, problem] {
            try {
                *result = work();
            } catch (const std::exception& e) {
                *problem = e.what();
            }
        },
        [this, alive, result, problem, then = std::move(then)] {
            if (alive.expired()) return;
            if (*result) {
                then(std::move(**result));
            } else {
                env_.log(4, "reading the database failed: " + *problem);
            }
        });
}

}  // namespace mds::repl
