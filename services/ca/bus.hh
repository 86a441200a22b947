#pragma once
#include <string>
#include <tuple>

#include "app/daemon.hh"
#include "authority_store.hh"
#include "dbus/ca-adaptor.h"

namespace mds::ca {

/// /org/openmds/Ca1. Who may call is decided by the bus policy (org.openmds.Ca1.conf).
class BusObject final
    : public sdbus::AdaptorInterfaces<org::openmds::Ca1_adaptor, sdbus::Properties_adaptor> {
  public:
    explicit BusObject(app::Daemon& daemon);
    ~BusObject();
    std::string status_line();

  private:
    using Five = std::tuple<std::string, std::string, std::string, std::string, std::string>;
    std::string Initialize(const std::string& deployment_name) override;
    std::string CreateDomainAuthority(const std::string& domain_uid,
                                      const std::string& domain_name) override;
    Five IssueServer(const std::string& csr_identity, const std::string& csr_sealing,
                     const std::string& name, const std::string& uuid,
                     const std::string& role) override;
    std::tuple<std::string, std::string, std::string> IssueAdministrator(
        const std::string& csr, const std::string& name, const std::string& uuid) override;
    void RevokeAdministrator(const std::string& uuid, const std::string& reason) override;
    std::string AdministratorCertificates(const std::string& uuid) override;
    std::tuple<std::string, std::string, std::string, std::string> IssueGateway(
        const std::string& domain, const std::string& csr, const std::string& name,
        const std::string& uuid) override;
    uint32_t SettleGateways(const std::string& domain, const std::vector<std::string>& in_effect,
                            const std::vector<std::string>& gone) override;
    void Revoke(const std::string& serial, const std::string& reason) override;
    void RevokeServer(const std::string& uuid, const std::string& reason) override;
    std::string ListAuthorities() override;
    std::tuple<std::vector<uint8_t>, std::vector<sdbus::UnixFd>> FindAuthorities(const std::string& name) override;
    std::tuple<std::vector<uint8_t>, std::vector<sdbus::UnixFd>> FindCertificates(const std::string& query) override;
    std::string RevocationLists() override;
    void SetListServers(const std::vector<std::string>& urls) override;
    std::tuple<std::vector<uint8_t>, std::vector<sdbus::UnixFd>> ListsAfter(
        const uint64_t& version) override;
    std::vector<uint8_t> Export(const std::string& recipient) override;
    void Import(const std::vector<uint8_t>& sealed) override;
    void SetRecovery(const std::string& certificate) override;
    uint32_t Recover(const std::vector<uint8_t>& words, const std::vector<sdbus::UnixFd>& words_fd) override;
    std::string Recovery() override;
    void Activate() override;
    void Retire() override;
    void Merge(const std::vector<uint8_t>& sealed) override;
    std::string Authority() override;
    std::string ListCertificates(const std::string& authority) override;
    std::string Deployment() override;
    uint32_t Authorities() override;
    std::string State() override;
    /// What was done is kept; the lists follow it, and who is interested is told.
    void changed();
    /// Whether lists were signed.
    bool renew_lists();

    app::Daemon& daemon_;
    AuthorityStore store_;
    /// They could not be signed the last time.
    bool lists_missing_ = true;
};

}  // namespace mds::ca
