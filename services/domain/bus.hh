#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bus/connection.hh"
#include "dbus/command-adaptor.h"
#include "dbus/domain-adaptor.h"
#include "dbus/gateway-adaptor.h"
#include "dbus/peer-adaptor.h"
#include "json/json.hh"

namespace mds::domain {

class Service;

/// /org/openmds/Domain1: parses, calls the service, maps errors.
class BusObject final
    : public sdbus::AdaptorInterfaces<org::openmds::Domain1_adaptor,
                                      org::openmds::Internal::Command1_adaptor,
                                      org::openmds::Internal::Peer1_adaptor,
                                      org::openmds::Internal::Gateway1_adaptor,
                                      sdbus::Properties_adaptor> {
  public:
    BusObject(bus::Connection& connection, Service& service);
    ~BusObject();

    /// Announces what differs between this status and the one before.
    void changed(const json::object& status);

  private:
    using Bytes = std::vector<uint8_t>;
    using Fds = std::vector<sdbus::UnixFd>;
    using PeerRow = sdbus::Struct<std::string, std::string, std::string, std::string, uint64_t>;

    std::string Status() override;
    std::string OpenSession(const std::string& request) override;
    std::string EndSessions(const std::string& request) override;
    std::string HaAction(const std::string& request) override;
    std::string CheckAudit(const std::string& request) override;
    std::string Task(const std::string& id) override;
    void Reload() override;
    std::string Domain() override;
    std::string DomainUid() override;
    std::string Server() override;
    std::string Role() override;
    bool Primary() override;
    std::string State() override;
    uint64_t Revision() override;
    uint64_t Term() override;
    std::string Digest() override;
    std::vector<PeerRow> Peers() override;
    uint32_t Sessions() override;

    void Execute(sdbus::Result<uint16_t, Bytes, Fds>&& result, std::string sid,
                 std::string command, std::string version, Bytes body, Fds body_fd,
                 std::map<std::string, std::string> client) override;
    void Deliver(const std::string& peer, const std::string& channel, const uint16_t& kind,
                 const Bytes& payload, const Fds& payload_fd) override;

    void Ask(sdbus::Result<Bytes, Fds>&& result, std::string gateway, std::string request) override;

    json::object status() const;

    Service& service_;
    json::object shown_;
};

}  // namespace mds::domain
