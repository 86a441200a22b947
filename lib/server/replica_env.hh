#pragma once
#include <fcntl.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "app/daemon.hh"
#include "mgmt/parked.hh"
#include "mgmt/workspace.hh"
#include "repl/replica.hh"
#include "server/sync_link.hh"
#include "store/public_db.hh"

namespace mds::server {

/// The replica's ports on a real host: clock, mds-sync, copy files below incoming/ and outgoing/,
/// parked publishes in work.db, the journal.
class ReplicaEnv : public repl::Env {
  public:
    ReplicaEnv(app::Daemon& daemon, SyncLink& link, store::PublicDb& db, mgmt::Workspace& workspace,
               std::string folder, std::string domain_name, std::string server_name);
    ~ReplicaEnv() override;

    int64_t mono_ms() override;
    int64_t wall_ms() override;
    Uid random_id() override;
    void send(const Uid& mds, repl::Kind kind, std::string payload) override;
    void make_copy(std::function<void(std::optional<repl::CopyOffer>, std::string)> then) override;
    std::optional<std::string> read_copy(const Uid& id, uint32_t index) override;
    bool write_copy(const Uid& id, uint64_t offset, std::string_view bytes) override;
    std::string received_copy(const Uid& id) override;
    void drop_copy(const Uid& id) override;
    void in_background(std::function<void()> work, std::function<void()> then) override;
    void park(const std::vector<store::Revision>& records) override;
    uint32_t parked_count() override;
    std::optional<repl::ParkedPublish> next_parked() override;
    void handed_over(const Uid& term_id, uint64_t rev) override;
    void recover(const repl::ParkedPublish& publish) override;
    std::string open_work() override;
    std::string end_work(const std::string& why) override;
    void copy_begins(const repl::Peer& peer, bool first) override;
    void copy_ends(const repl::Peer& peer, const std::string& problem) override;
    void role_changed(repl::Role role, const std::string& why) override;
    void content_changed(const std::vector<store::Revision>& records, bool whole) override;
    void status_changed() override;
    void log(int priority, const std::string& text) override;
    void event(repl::Event event, const std::string& text, const std::string& peer) override;

    std::function<void(repl::Role, const std::string&)> on_role;
    std::function<void(const std::vector<store::Revision>&, bool whole)> on_content;
    std::function<void()> on_status;
    /// Of publishes that are to be parked, those that nobody else keeps; may be empty: all.
    std::function<std::vector<store::Revision>(const std::vector<store::Revision>&)> before_park;
    std::function<void(const repl::Peer&, bool first)> on_copy_begins;
    std::function<void(const repl::Peer&, const std::string& problem)> on_copy_ends;

    /// Whether open_work() says something else than at the last call.
    bool work_changed();
    /// Recovered sessions that nobody has gone on with wait for the next Active.
    void release_recovered();
    /// The workspace has put something that waits for the Active.
    void count_parked() { parked_ = parked_rows_.waiting(); }

  private:
    app::Daemon& daemon_;
    SyncLink& link_;
    store::PublicDb& db_;
    mgmt::Workspace& workspace_;
    mgmt::Parked parked_rows_;
    std::string folder_, domain_name_, server_name_;
    std::map<Uid, int> receiving_;
    std::map<Uid, int> serving_;
    uint32_t parked_ = 0;
    /// open_work() of this moment: it goes with every position.
    std::string work_;
    int64_t work_at_ = 0;
    std::string work_told_;
};

}  // namespace mds::server
