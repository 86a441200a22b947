#pragma once
#include <optional>
#include <string>

#include "mgmt/workspace.hh"
#include "repl/replica.hh"
#include "server/config.hh"
#include "server/sync_tasks.hh"

namespace mds::server {

/// Changes of role and full copies that operators ask for (Domain1.HaAction): what they would cost
/// (the plan), whether they may be done, and the task of the ones that are.
class HaActions {
  public:
    HaActions(mgmt::Workspace& workspace, repl::Replica& replica, SyncTasks& sync_tasks,
              const Config& config, std::string folder);

    /// {"action","target","plan":bool,"confirmed":bool,"user"} ->
    /// {"task-id","warnings","saved-to"}. With "plan" nothing is done:
    /// {"server","target","warnings":[text],"costs":bool,
    /// "revisions":[{"revision","time","author","session","changes"}]}. "costs": private changes,
    /// tasks or revisions are lost or left behind. Throws refusals; full-sync with costs that are
    /// not confirmed is one of them (MA-6).
    json::object run(const json::object& request);
    /// The step of a running change of the Active, in its task.
    void tick();

  private:
    struct Plan {
        std::vector<std::string> warnings;
        bool costs = false;
        json::array revisions;
    };
    bool is_self(const std::string& name) const;
    const repl::Peer* peer_of(const std::string& target) const;
    Plan plan(const std::string& action, const repl::Peer* peer) const;
    Plan plan_full_sync(const repl::Peer& peer) const;
    /// CA-11: the revisions that only this side of a collision has.
    json::array revisions_since_collision() const;
    std::string save_revisions(const json::array& revisions, const std::string& by) const;
    Uid start(const std::string& action, const repl::Peer* peer, const std::string& user);
    /// Reads the database of this server anew; a task.
    Uid verify(const std::string& user);
    repl::Replica::Done task_end(const Uid& task, const std::string& done_text);

    mgmt::Workspace& workspace_;
    repl::Replica& replica_;
    SyncTasks& sync_tasks_;
    const Config& config_;
    std::string folder_;
    /// Task of the change of the Active that runs, and the step it shows.
    Uid changing_;
    std::string step_;
};

}  // namespace mds::server
