#pragma once
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "repl/replica.hh"
#include "simulation/chronicle.hh"
#include "simulation/disk.hh"

namespace mds::simulation {

class World;

/// One simulated server of the Domain: the real database and the real replica; the rest is here.
class Server : public repl::Env {
  public:
    Server(World& world, int index, std::string name, bool log_server);
    ~Server() override;

    /// While it lives, system calls, clocks and randomness are this server's.
    class Inside {
      public:
        explicit Inside(Server& server);
        ~Inside();
        Inside(const Inside&) = delete;
        Inside& operator=(const Inside&) = delete;
    };

    /// Starts the process; false when it could not.
    bool boot(bool founder);
    /// Ends the process without any goodbye.
    void kill();
    bool up() const { return replica != nullptr; }
    repl::Peer as_peer() const;
    repl::SyncStatus status_of(const Server& other) const;

    // repl::Env
    int64_t mono_ms() override;
    int64_t wall_ms() override;
    Uid random_id() override;
    void send(const Uid& mds, repl::Kind kind, std::string payload) override;
    void make_copy(std::function<void(std::optional<repl::CopyOffer>, std::string)> then) override;
    std::optional<std::string> read_copy(const Uid& id, uint32_t chunk) override;
    bool write_copy(const Uid& id, uint64_t offset, std::string_view bytes) override;
    std::string received_copy(const Uid& id) override;
    void drop_copy(const Uid& id) override;
    void in_background(std::function<void()> work, std::function<void()> then) override;
    void park(const std::vector<store::Revision>& records) override;
    uint32_t parked_count() override;
    std::optional<repl::ParkedPublish> next_parked() override;
    void handed_over(const Uid& term_id, uint64_t rev) override;
    void recover(const repl::ParkedPublish& publish) override;
    std::string open_work() override { return ""; }
    std::string end_work(const std::string&) override { return ""; }
    void copy_begins(const repl::Peer&, bool) override {}
    void copy_ends(const repl::Peer&, const std::string&) override {}
    void role_changed(repl::Role role, const std::string& why) override;
    void content_changed(const std::vector<store::Revision>& records, bool whole) override;
    void status_changed() override {}
    void log(int priority, const std::string& text) override;
    void event(repl::Event event, const std::string& text, const std::string& peer) override;

    /// What another server has last told about itself here.
    struct Told {
        int64_t heard_at = -1;  ///< monotonic
        store::Position position;
    };
    using ParkedKey = std::pair<Uid, uint64_t>;

    World& world;
    const int index;
    const std::string name;
    const bool log_server;
    Uid mds, uid;
    std::unique_ptr<Disk> disk;
    std::unique_ptr<store::PublicDb> db;
    std::unique_ptr<repl::Replica> replica;
    /// Counts processes: what belongs to an earlier one never arrives.
    uint64_t life = 0;
    int64_t mono_offset = 0, wall_offset = 0;
    int64_t paused_until = 0;
    /// What is known to be on the disk, also while the process is not there.
    const Entry* head = nullptr;
    std::map<ParkedKey, store::Revision> parked;
    /// Those that the Active has said to keep; forgotten at a restart, so that they are sent again.
    std::set<ParkedKey> handed;
    bool content_replaced = false;
    /// Databases that were kept whole when a copy took their place, by folder; read anew when not known.
    std::map<std::string, const Entry*> kept;
    bool kept_known = false;
    bool keeps_whole(const Entry* entry) const;
    /// The oldest record of its log when it was last looked at.
    uint64_t oldest = 0;
    /// When a byte on its disk was altered, while that is not repaired; -1 otherwise.
    int64_t altered_at = -1;
    /// Publishes of this process that no Standby has confirmed yet: places in World's list.
    std::vector<size_t> unconfirmed;
    std::map<int, Told> told;
    bool has_snapshot = false;
    const Entry* snapshot_head = nullptr;
    std::string snapshot_folder() const { return disk->root() + ".snapshot"; }

  private:
    void load_parked();
    int file(const std::string& path, bool make);
    std::map<Uid, int> receiving_, serving_;
    int64_t parked_bytes_ = 0;
};

}  // namespace mds::simulation
