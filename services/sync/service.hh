#pragma once
#include <dbus/sync-adaptor.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/daemon.hh"
#include "callers.hh"
#include "channels.hh"
#include "network.hh"
#include "trust.hh"

namespace mds::sync {

/// The bus face of mds-sync: object /org/openmds/Sync1.
class Service : public sdbus::AdaptorInterfaces<org::openmds::Sync1_adaptor> {
  public:
    using MemberRow = sdbus::Struct<std::string, std::string, std::string, uint16_t>;
    using PeerRow = sdbus::Struct<std::string, std::string, std::string, std::string, int64_t,
                                  int64_t, std::string, uint32_t>;

    explicit Service(app::Daemon& daemon);
    virtual ~Service();

  private:
    void Register(const std::string& channel, const sdbus::ObjectPath& path) override;
    void Send(const std::string& peer, const std::string& channel, const uint16_t& kind,
              const std::vector<uint8_t>& payload,
              const std::vector<sdbus::UnixFd>& payload_fd) override;
    void SetMembers(const std::string& self_uid, const std::vector<MemberRow>& members) override;
    void Enrol(sdbus::Result<std::string>&& result, std::vector<uint8_t> request,
               std::vector<sdbus::UnixFd> request_fd) override;
    std::tuple<std::string, std::string> PrepareIdentity(const std::string& name,
                                                         const std::string& uid) override;
    void InstallIdentity(const std::string& identity_pem, const std::string& sealing_pem,
                         const std::string& chain_pem, const std::string& root_pem,
                         const std::string& crl_pem, const std::string& deployment_json) override;
    void InstallRevocations(const std::string& crl_pem) override;
    std::tuple<std::string, std::string, std::string> Authorities() override;
    void ReloadTrust() override;
    std::vector<PeerRow> Peers() override;
    void TestPeer(sdbus::Result<std::string>&& result, std::string uid) override;
    std::string Self() override { return self_; }
    std::string Deployment() override { return deployment_; }
    std::string Certificate() override { return certificate_; }
    uint32_t Connected() override { return static_cast<uint32_t>(network_.connected()); }
    std::string State() override { return network_.state(); }
    uint64_t BytesSent() override { return network_.counters().sent; }
    uint64_t BytesReceived() override { return network_.counters().received; }

    /// Throws mds::Error(forbidden) unless what is being handled comes from one of our services.
    void require_ours();
    void load_trust();
    void peer_changed(const std::string& uid);
    /// Announces `property` and the status line soon; several changes together.
    void announce(const char* property);
    void flush();
    std::string status_line();

    app::Daemon& daemon_;
    Callers callers_;
    /// A message of a peer; the peer learns when nobody here wants it.
    void deliver(const std::string& peer, wire::Message&& message);
    /// The Domain Server of a gateway's Domain on this host is asked; `then` gets JSON in any case.
    void ask_for_gateway(const wire::PeerIdentity& gateway, const std::string& address, const std::string& request,
                         std::function<void(std::string)> then);
    Channels channels_;
    TrustFolder trust_;
    Network network_;
    sdbus::Slot names_;
    std::string self_, deployment_, certificate_ = "{}";
    std::set<std::string> changed_;
    bool announcing_ = false;
};

}  // namespace mds::sync
