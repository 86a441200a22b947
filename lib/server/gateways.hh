#pragma once
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "app/daemon.hh"
#include "mgmt/workspace.hh"
#include "repl/replica.hh"
#include "server/config.hh"

namespace mds::server {

/// The gateways of a Domain, as its servers deal with them (LS-7): the Active establishes trust with one when it
/// is added or changed with a one-time-password; every server, Standby too, gives a gateway the policy that was
/// installed for it last; the Active tells the authority which certificates are in effect.
class Gateways {
  public:
    Gateways(app::Daemon& daemon, mgmt::Workspace& workspace, repl::Replica& replica, const Config& config);
    ~Gateways();

    /// add-simple-gateway and set-simple-gateway: as the workspace does it, and then trust.
    void register_commands();
    using Answer = std::function<void(std::optional<Error>, std::string reply)>;
    /// Internal.Gateway1: JSON in and out. Throws mds::Error(forbidden) for a gateway that the published data does
    /// not trust (any more): deleted, reset, or enrolled anew with another certificate.
    void ask(const std::string& gateway, const std::string& request, Answer then);
    mgmt::Hooks::GatewayContact contact(const Uid& gateway) const;
    void tick();

  private:
    using Then = std::function<void(mgmt::Reply)>;
    void change(const std::string& command, mgmt::Call& call, Then then);
    void establish(mgmt::Call& call, const mgmt::View& gateway, const std::string& key, Then then);
    std::string policy_for(mgmt::Call& published, const mgmt::View& gateway, const std::string& has);
    /// The certificate that follows the one a gateway has. Both count until it has come with the new one: the
    /// answer may be lost.
    void renew(const mgmt::View& gateway, const std::string& csr, Answer then);
    /// It has come with the new one.
    void has_renewed(const mgmt::View& gateway, const std::string& serial);
    void settle();
    sdbus::IProxy& core();

    app::Daemon& daemon_;
    mgmt::Workspace& workspace_;
    repl::Replica& replica_;
    const Config& config_;
    std::unique_ptr<sdbus::IProxy> core_;
    std::map<Uid, mgmt::Hooks::GatewayContact> contacts_;
    /// Of the certificates in effect: what the published data says at `settled_at_`, and those that ended and
    /// about which the authority has not been told.
    std::optional<std::set<std::string>> serials_;
    std::set<std::string> gone_;
    std::string settled_at_;
    bool settling_ = false, told_ = true;
    int64_t again_at_ = 0;
    /// Answers of mds-core that come after the end of this object are not for it.
    std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace mds::server
