#pragma once
#include <map>
#include <string>
#include <vector>

#include "mgmt/workspace.hh"
#include "repl/replica.hh"
#include "server/config.hh"

namespace mds::server {

/// What open_work() says, for people: one line an administrator or task, "anna has 3 unpublished
/// changes on London-2" + `what`.
struct WorkLines {
    /// Whether private changes or tasks are among them.
    bool costs = false;
    std::vector<std::string> lines;
};
struct WorkWords {
    /// What becomes of them: "; they are discarded".
    std::string changes, recovered, tasks;
};
WorkLines work_lines(const std::string& work, const std::string& server, const WorkWords& words);

/// The tasks of full copies: those that an operator orders (they go on after a restart) and those
/// that servers ask for themselves, a new one first of all (IS-1, IS-3, MD-2).
class SyncTasks {
  public:
    SyncTasks(mgmt::Workspace& workspace, repl::Replica& replica, const Config& config);

    /// Orders a full synchronization; returns its task. Throws refusals.
    Uid order(const repl::Peer& peer, const std::string& by);
    void copy_begins(const repl::Peer& peer, bool first);
    void copy_ends(const repl::Peer& peer, const std::string& problem);
    /// Progress; takes up what a restart has interrupted.
    void tick();

  private:
    struct Running {
        Uid task;
        bool ordered = false;
        int percent = -1;
        std::string step;
    };
    struct Interrupted {
        Uid task;
        std::string target, by;
        int64_t until = 0;
    };
    void start(const repl::Peer& peer, const Uid& task, const std::string& by);
    void ended(const Uid& mds, const std::string& name, const Uid& task,
               const std::optional<Error>& error, const std::string& cost);
    void take_up();
    const repl::Peer* peer_named(const std::string& name) const;

    mgmt::Workspace& workspace_;
    repl::Replica& replica_;
    const Config& config_;
    std::map<Uid, Running> running_;
    std::vector<Interrupted> interrupted_;
};

}  // namespace mds::server
