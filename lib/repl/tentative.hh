#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "repl/replica.hh"
#include "store/transaction.hh"

namespace mds::repl {

/// What Tentative needs from outside.
class TentativeEnv {
  public:
    virtual ~TentativeEnv() = default;
    virtual int64_t mono_ms() = 0;
    virtual int64_t wall_ms() = 0;
    virtual void send(const Uid& mds, Kind kind, std::string payload) = 0;
    /// Keeps a transaction; on the disk when it returns. Repeating is harmless.
    virtual void keep(const store::Transaction& transaction) = 0;
    virtual void drop(const Uid& id) = 0;
    virtual std::vector<store::Transaction> kept() = 0;
    /// Throws what the rules of the data say against it in the state of `db`.
    virtual void rules(store::PublicDb& db, const store::Transaction& transaction) = 0;
    /// Throws when one of these changes takes effect outside the database and so must be decided by
    /// the Primary first.
    virtual void may_be_tentative(const std::vector<store::Change>& changes) = 0;
    /// Throws when nothing may be committed on this Active at the moment (a backup keeps it).
    virtual void may_commit() = 0;
    /// A transaction of this server, or of one that is gone, does not take place: its author gets it
    /// back with the reasons. Durable when it returns, repeating is harmless.
    virtual void give_back(const store::Transaction& transaction,
                           const std::vector<std::string>& reasons) = 0;
    /// One that was given back was published all the same (its refusal was taken back with the history of an
    /// Active that was replaced): forgotten, unless its author has gone on with it.
    virtual void published_after_all(const Uid& id) = 0;
    /// This server's Active has committed what another one published.
    virtual void committed(const store::Revision& revision) = 0;
    /// What `shown` holds will be another state; it is now.
    virtual void shown_changes() = 0;
    virtual void shown_changed() = 0;
    virtual void log(int priority, const std::string& text) = 0;
    virtual void event(Event event, const std::string& text, const std::string& peer = "") = 0;
};

/// Data that every server may change, while one decides (replication.md 8): Bayou with primary commit.
/// A publish on a server that is not the Active (of the system data: the Primary) is asked of it when
/// it answers, and tentative until it does otherwise: visible here at once, told to all others, and
/// carried out by the Active in the order in which it comes there, or refused whole. What the server
/// shows is the committed state with the tentative transactions carried out on a copy of it.
class Tentative {
  public:
    /// `committed` is the replica's database; `shown` a handle of the one that people read.
    Tentative(store::PublicDb& committed, store::PublicDb& shown, std::string scratch_folder,
              Replica& replica, TentativeEnv& env);
    ~Tentative();

    void start();
    /// Does what is due.
    void tick();
    /// ms until the next tick() at the latest.
    int next_ms() const {
        return !asked_.empty() || !settling_.empty() ? 50 : pending_.empty() ? 60'000 : 500;
    }
    void receive(const Uid& mds, Kind kind, std::string_view payload);

    /// Whether this server publishes by the two calls below: it is not the Active, and may.
    bool shared() const;
    /// Throws when this server may neither publish by itself nor by these.
    void require_writable() const;
    /// Publishes at once, tentatively; returns the revision in the database that is shown. Throws
    /// what is against it in the state that is shown; nothing has changed then.
    uint64_t publish(store::PublicDb::PublishRequest request);
    /// Whether the Active decided (or a refusal: the Error, nothing has changed), or it is tentative
    /// because the Active did not answer.
    enum class Outcome { committed, tentative, refused };
    using Done = std::function<void(Outcome, std::optional<Error>)>;
    /// Asks the Active; tentative after a while without an answer.
    void ask(store::PublicDb::PublishRequest request, Done done);

    /// Calls `then` when nothing that was published tentatively waits here for an Active that answers:
    /// at once, or else soon; after a while in any case. What is asked behind it would wait with it.
    void when_settled(std::function<void()> then);

    struct Waiting {
        size_t count = 0;
        /// Wall ms of the oldest; 0: none.
        int64_t since_ms = 0;
        /// Why the first of them that does not fit what is shown does not.
        std::string problem;
    };
    Waiting waiting() const;
    /// In the order in which they are carried out here.
    std::vector<store::Transaction> pending() const;

    /// The replica has a new role, or other content: `records` that were applied, or everything
    /// (`whole`).
    void role_changed();
    void content_changed(const std::vector<store::Revision>& records) noexcept;
    /// These are about to be taken back here (Env::park). What was published on this server waits for the new
    /// Active, and what others have published is theirs to keep; the rest is returned.
    std::vector<store::Revision> park(const std::vector<store::Revision>& records);

  private:
    struct Pending {
        store::Transaction transaction;
        /// Why it cannot be carried out on what is shown; empty: it is.
        std::string problem;
    };
    using Order = decltype(std::declval<store::Transaction>().order());
    struct Asked {
        store::Transaction transaction;
        int64_t until = 0;
        Done done;
    };
    struct Settling {
        int64_t until = 0;
        std::function<void()> then;
    };
    struct Decision {
        bool later = false;
        std::optional<Error> error;
    };
    /// What a peer has on its disk and what it was told when (mono), since it was connected at `linked_at`.
    struct Peered {
        int64_t linked_at = 0;
        std::set<Uid> has;
        std::map<Uid, int64_t> told;
    };

    bool active() const { return replica_.role() == Role::active; }
    uint64_t next_clock();
    void see_clock(const store::Transaction& t);
    /// On the Active: carries it out, or refuses it, for good (`trace`: so that every server learns it
    /// from the log), or not yet.
    Decision decide(const store::Transaction& t, bool trace);
    void decide_pending();
    /// This server gives it to its author when it is refused: it is its own, or of one that is gone.
    bool gives_back(const store::Transaction& t) const;
    /// What the record of its session at this revision says; nothing when it is the transaction itself.
    std::optional<Error> told_by(const store::Transaction& t, uint64_t rev) const;
    /// The log here says what became of it.
    void decided(const Uid& id, const store::Revision& record);
    void follow_content(const std::vector<store::Revision>& records);
    void look_at_asked();
    bool settled() const;
    void look_at_settling();
    /// Keeps one that nobody has decided; false when it is kept already.
    bool keep(store::Transaction t);
    void offer();
    void carry_out(store::PublicDb& db, Pending& pending);
    std::unique_ptr<store::PublicDb> copy();
    /// Shows what should be shown; when that fails (a full disk), the old state stays and it is tried again.
    void refresh() noexcept;
    void show(std::unique_ptr<store::PublicDb> scratch);
    void on_asked(const Uid& mds, std::string_view payload);
    void on_answer(std::string_view payload);
    void on_offered(const Uid& mds, std::string_view payload);
    void on_kept(const Uid& mds, std::string_view payload);

    store::PublicDb& committed_;
    store::PublicDb& shown_;
    std::string folder_;
    Replica& replica_;
    TentativeEnv& env_;
    std::map<Order, Pending> pending_;
    std::map<Uid, Asked> asked_;
    std::vector<Settling> settling_;
    /// The committed state with what is pending; null while that is nothing. The one before stays until
    /// the next: a command may be reading it.
    std::unique_ptr<store::PublicDb> scratch_, retired_;
    int copies_ = 0;
    /// `scratch_` is not what it should be.
    bool stale_ = false;
    uint64_t clock_ = 0;
    std::set<Uid> ahead_;
    std::map<Uid, Peered> peers_;
    int64_t decide_again_at_ = 0, refresh_again_at_ = 0;
};

}  // namespace mds::repl
