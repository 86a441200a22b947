#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/daemon.hh"
#include "mgmt/workspace.hh"
#include "repl/replica.hh"
#include "server/config.hh"
#include "store/public_db.hh"

namespace mds::server {

class Gateways;

/// One management server: its public database, its private sessions and its replica, driven by the
/// daemon's loop and connected to its peers through mds-sync. mds-domain is one of these with the
/// types of a Domain; mds-core is one with the types of the system data.
/// Everything here happens on the loop thread.
class Server {
  public:
    struct Options {
        app::Daemon* daemon = nullptr;
        /// Folder with current, gen-*, work.db.
        std::string folder;
        std::string bus_name, object_path;
        /// Channel at mds-sync: "system" or "domain/<uid>".
        std::string channel;
        const model::Catalog* catalog = nullptr;
        Config config;
        /// Every server may change this data, the Active decides (replication.md 8).
        bool shared = false;
    };
    explicit Server(Options options);
    ~Server();

    /// What people see here: with shared data, what is tentative too.
    store::PublicDb& db();
    /// Of what is committed.
    store::Position position() const;
    mgmt::Workspace& workspace();
    repl::Replica& replica();
    const Config& config() const;

    /// Registers the channel with mds-sync and starts the replica. Call when the bus object and
    /// name are there.
    void start();
    /// New peers, names or addresses.
    void reload(Config config);

    /// Body of Internal.Command1.Execute; `then` may be called later.
    void execute(const std::string& sid, const std::string& command, const std::string& version,
                 std::string body, std::map<std::string, std::string> client,
                 std::function<void(mgmt::Reply)> then);
    /// Body of Internal.Peer1.Deliver.
    void deliver(const std::string& peer, uint16_t kind, std::string payload);

    /// Status as JSON: {"domain","domain-uid","server","mds","role","primary","state","revision",
    /// "term","digest","sessions" (how many),"parked","peers":[{"server","mds","mds-name","address",
    /// "ha-state","sync-status","sync-state","revision","peer-revision","digest-equal","since",
    /// "last-contact","last-successful-sync","reason","next","percent","log-server"}]}.
    json::object status() const;
    /// A role change or full copy asked by an operator, as Domain1.HaAction: {"action":
    /// "set-active"|"set-standby"|"force-active"|"full-sync"|"verify","target":<server or MDS name, empty =
    /// this one>,"plan":bool,"confirmed":bool,"user":...}; returns {"task-id","warnings"}, or with
    /// "plan" what would be lost (HaActions). Throws refusals.
    /// Throws when nothing may be changed here: a Standby, a fenced server, a collision (RF-05).
    void require_writable() const;
    json::object ha_action(const json::object& request);
    /// The command show-gateway-managers.
    json::object gateway_managers(mgmt::Call& call);
    Gateways& gateways();
    /// The command install-database.
    json::object install_database(mgmt::Call& call);
    /// Sends a message of another use over the same channel; kind from repl::Kind::application on.
    void send(const Uid& mds, uint16_t kind, std::string payload);

    /// Called on the loop thread when role, revision or a peer's status has changed (at most every
    /// 100 ms).
    std::function<void()> on_status;
    /// The public content changed: by a publish here, by records of the Active, or as a whole.
    std::function<void()> on_content;
    /// Throws to refuse a publish by this author (nil: root) for what it changes in the state of a
    /// database; `final`: when it does not throw, it takes place.
    std::function<void(store::PublicDb&, const Uid& author, const std::vector<store::Change>&, bool final)>
        check_changes;
    /// Throws for changes that the Primary must decide before anybody sees them.
    std::function<void(const std::vector<store::Change>&)> may_be_tentative;
    /// The role changed.
    std::function<void(repl::Role)> on_role;
    /// A message sent by send() of a peer.
    std::function<void(const Uid& mds, uint16_t kind, std::string payload)> on_message;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace mds::server
