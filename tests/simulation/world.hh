#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

#include "simulation/chronicle.hh"
#include "simulation/random.hh"
#include "simulation/server.hh"

namespace mds::simulation {

/// What a run does, drawn from its seed. Each kind of fault is on in some runs only: many faults at
/// once hide what few of them find.
struct Plan {
    explicit Plan(Random& random);
    int servers;
    bool log_server;
    int64_t duration_ms, tick_ms;
    int64_t latency_ms, jitter_ms;
    /// The replica's own times are divided by this: more happens in an hour.
    int haste;
    /// Mean pauses between faults, and between acts of administrators and operators.
    int64_t fault_every_ms, publish_every_ms, operator_every_ms;
    bool crashes, power_cuts, deaths, partitions, one_way, stalls, pauses, full_disks,
        failing_disks, clock_jumps, snapshots, bad_lines, damaged_files, corrupted, slow_copies,
        failing_copies, purges, forcing, full_syncs, reordering;
    /// Drawn from a stream of its own: older seeds without it are the runs that they were.
    bool flips = false;
    /// A record of the log may be altered on two disks at once; a stream of its own as well.
    bool doubles = false;
    std::string text() const;
};

struct Outcome {
    uint64_t steps = 0, publishes = 0, faults = 0, acts = 0, parked = 0, copies = 0;
    int64_t virtual_ms = 0;
    std::string violation;  ///< empty: none
    int number = -1;
    uint64_t trace_hash = 0;
};

struct RunOptions {
    uint64_t seed = 1;
    /// Ends the faults after so many steps; 0: as the plan says.
    uint64_t steps = 0;
    bool trace = false;
    /// Where the disks are; a memory file system.
    std::string folder;
};

/// One run: servers, network, time, faults, people, and the rules that must hold.
class World {
  public:
    explicit World(const RunOptions& options);
    ~World();
    Outcome run();
    const std::vector<std::string>& lines() const { return lines_; }

    // For the servers.
    Random random;
    Plan plan;
    repl::Timing timing;
    int64_t now() const { return now_; }
    std::string folder() const { return options_.folder; }
    void trace(const Server& server, const std::string& text);
    void send(Server& from, const Uid& to, repl::Kind kind, std::string payload);
    /// Runs `then` inside the server, unless its process has ended by then.
    void later(Server& server, int64_t delay_ms, std::function<void()> then);
    std::vector<repl::Peer> peers_of(const Server& server) const;

  private:
    struct Event {
        int64_t at;
        uint64_t order;
        std::function<void()> act;
        bool operator<(const Event& o) const { return at != o.at ? at > o.at : order > o.order; }
    };
    struct Line {
        bool cut = false;
        int64_t held_until = 0, last_arrival = 0;
    };
    struct Published {
        const Entry* entry;
        /// Disks that had lost what they held when it was published.
        int losses = 0;
        /// The only copy was on a disk that was lost.
        bool excused = false;
        /// A zero-loss publish would have been answered.
        bool confirmed = false;
    };

    void at(int64_t when, std::function<void()> act);
    void loop(const std::function<bool()>& until);
    Line& line(const Server& from, const Server& to) {
        return lines_between_[{from.index, to.index}];
    }
    bool lost_network(const Server& a, const Server& b);

    // world.cc: processes
    void start(Server& server);
    void tick(Server& server, uint64_t life);
    void crash(Server& server, bool power, int64_t off_ms);
    void inside(Server& server, const std::function<void()>& act);
    void links_changed(const Server& server);
    void tell_link(Server& here, Server& there);
    void deliver(Server& from, Server& to, uint64_t life, repl::Kind kind,
                 const std::string& payload);

    // faults.cc
    void fault();
    void partition();
    void restore_snapshot(Server& server);
    void damage(Server& server);
    void flip();
    void alter_record(const Server& server, uint64_t rev);
    void alter_twin(const Server& server, uint64_t rev);
    void excuse(const Server& server);
    void heal();

    // people.cc
    void administrator();
    void publish(Server& server);
    std::vector<store::Change> some_changes(const State& state);
    void purge(Server& server);
    void operate();
    void force(Server& server);
    void act(Server& server, const std::string& what, const std::function<void(Server&)>& how);
    repl::Replica::Done told(Server& server, const std::string& what, bool becomes_active);
    void choose();

    // checks.cc
    void check(Server& server);
    void check_tail(Server& server, const Entry* before);
    /// What the databases hold that were kept whole at `server`.
    void look_at_kept(Server& server);
    void check_status(Server& server);
    void check_actives();
    void check_confirmed(Server& server);
    void check_damaged(Server& server);
    bool kept(const Entry* entry, const Server* except = nullptr) const;
    void check_kept();
    bool settled();
    std::string describe();
    void finish();

    RunOptions options_;
    Chronicle chronicle_;
    std::vector<std::unique_ptr<Server>> servers_;
    std::priority_queue<Event> events_;
    std::map<std::pair<int, int>, Line> lines_between_;
    int64_t now_ = 0;
    uint64_t order_ = 0;
    bool healing_ = false, forced_ = false, damaged_once_ = false;
    int64_t chosen_at_ = 0, choice_open_since_ = 0;
    uint64_t loss_percent_ = 0, twice_percent_ = 0;
    int names_ = 0, losses_ = 0;
    Random flips_, doubles_;
    /// A full synchronization that an operator has ordered of this Active; null: it ended.
    struct Ordered {
        const Server* by;
        uint64_t life;
    };
    std::vector<std::shared_ptr<Ordered>> ordered_;
    std::vector<Published> published_;
    std::vector<std::string> lines_;
    Outcome outcome_;
};

}  // namespace mds::simulation
