#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bus/authority.hh"
#include "bus/connection.hh"
#include "dbus/command-adaptor.h"
#include "dbus/core-adaptor.h"
#include "dbus/peer-adaptor.h"
#include "dbus/trust-adaptor.h"
#include "mgmt/workspace.hh"

namespace mds::core {

class Service;

/// /org/openmds/Core1: parses, authorizes (polkit; root is always allowed), calls, maps errors.
class BusObject final
    : public sdbus::AdaptorInterfaces<org::openmds::Core1_adaptor,
                                      org::openmds::Internal::Command1_adaptor,
                                      org::openmds::Internal::Peer1_adaptor,
                                      org::openmds::Internal::Trust1_adaptor,
                                      sdbus::Properties_adaptor> {
  public:
    BusObject(bus::Connection& connection, Service& service);
    ~BusObject();

    /// Announces the properties that differ from what was announced last.
    void changed();

  private:
    using Bytes = std::vector<uint8_t>;
    using Fds = std::vector<sdbus::UnixFd>;
    using Answer = sdbus::Result<uint16_t, Bytes, Fds>;
    using PeerRow = sdbus::Struct<std::string, std::string, std::string, std::string, int64_t>;

    void Run(Answer&& result, std::string domain, std::string command, Bytes body,
             Fds body_fd) override;
    void LoginLocal(sdbus::Result<std::string>&& result, std::string request) override;
    void Grid(sdbus::Result<std::string>&& result) override;
    void Setup(sdbus::Result<std::string>&& result, Bytes answers, Fds answers_fd) override;
    std::string State() override;
    std::string Role() override;
    std::string Name() override;
    std::string Uid() override;
    std::string Deployment() override;
    std::string DeploymentId() override;
    uint64_t Revision() override;
    std::vector<PeerRow> Peers() override;
    uint32_t Domains() override;
    uint32_t DomainServers() override;
    std::string LoginAuthorities() override;

    void Execute(Answer&& result, std::string sid, std::string command, std::string version,
                 Bytes body, Fds body_fd, std::map<std::string, std::string> client) override;
    void Deliver(const std::string& peer, const std::string& channel, const uint16_t& kind,
                 const Bytes& payload, const Fds& payload_fd) override;

    void EnrolGateway(sdbus::Result<std::string>&& result, Bytes request, Fds request_fd) override;
    void CertifyGateway(sdbus::Result<std::string>&& result, std::string request) override;
    void SettleGateways(sdbus::Result<std::string>&& result, std::string request) override;

    /// Calls `then` when the sender of the present message may do the action, `refuse` when not.
    void authorize(const std::string& action, std::function<void()> then,
                   std::function<void(const Error&)> refuse);

    Service& service_;
    bus::Authority authority_;
    std::map<std::string, std::string> shown_;
};

}  // namespace mds::core
