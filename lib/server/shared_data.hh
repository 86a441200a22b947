#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mgmt/workspace.hh"
#include "repl/tentative.hh"
#include "server/sync_link.hh"

namespace mds::server {

/// Data that every server may change (replication.md 8), beside the replica of a Server: transactions
/// that nobody has decided, kept in work.db, and the locks of sessions on other servers.
class SharedData final : private repl::TentativeEnv {
  public:
    struct Outside {
        /// Rules of the data; `final`: this server decides, and the changes take place if they hold.
        std::function<void(store::PublicDb&, const Uid& author, const std::vector<store::Change>&, bool final)>
            rules;
        std::function<void(const std::vector<store::Change>&)> may_be_tentative;
        std::function<void()> may_commit;
        /// The content that people see is another.
        std::function<void()> on_content;
    };
    SharedData(SyncLink& link, store::PublicDb& committed, store::PublicDb& shown,
               mgmt::Workspace& workspace, repl::Replica& replica, const std::string& folder,
               Outside outside);

    void start();
    /// Does what is due; ms until the next time at the latest.
    int tick();
    /// A message of the kinds transaction_ask to locks.
    void receive(const Uid& mds, repl::Kind kind, std::string_view payload);
    /// Tells the others which objects are locked here, when that has changed; `then` when all that answer
    /// know it, or after a moment: who hears of a lock finds it on every server.
    void tell_locks(std::function<void()> then = {});
    std::optional<mgmt::LockElsewhere> locked(const Uid& object) const;
    /// {"count","since","problem","publishes":[{"session","author","server" uid,"time","changes"}]} of what
    /// waits for the Primary.
    json::object status() const;

    repl::Tentative& tentative() { return tentative_; }
    const repl::Tentative& tentative() const { return tentative_; }

  private:
    int64_t mono_ms() override;
    int64_t wall_ms() override;
    void send(const Uid& mds, repl::Kind kind, std::string payload) override;
    void keep(const store::Transaction& transaction) override;
    void drop(const Uid& id) override;
    std::vector<store::Transaction> kept() override;
    void rules(store::PublicDb& db, const store::Transaction& transaction) override;
    void may_be_tentative(const std::vector<store::Change>& changes) override;
    void may_commit() override;
    void give_back(const store::Transaction& transaction,
                   const std::vector<std::string>& reasons) override;
    void published_after_all(const Uid& id) override;
    void committed(const store::Revision& revision) override;
    void shown_changes() override;
    void shown_changed() override;
    void log(int priority, const std::string& text) override;
    void event(repl::Event event, const std::string& text, const std::string& peer) override;
    void on_locks(const Uid& mds, std::string_view payload);
    bool all_know(uint64_t version) const;
    void release_waiting();

    SyncLink& link_;
    const store::PublicDb& committed_;
    mgmt::Workspace& workspace_;
    repl::Replica& replica_;
    Outside outside_;
    /// What was told to whom: the version of the locks here, and when it was connected (mono).
    struct Told {
        uint64_t version = 0;
        int64_t linked_at = 0, at = 0;
    };
    std::map<Uid, Told> told_;
    std::map<Uid, uint64_t> seen_;
    struct Telling {
        uint64_t version = 0;
        int64_t until = 0;
        std::function<void()> then;
    };
    std::vector<Telling> telling_;
    std::map<Uid, std::map<Uid, mgmt::LockElsewhere>> locks_;
    repl::Tentative tentative_;
};

}  // namespace mds::server
