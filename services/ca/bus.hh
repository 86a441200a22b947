#pragma once
#include <string>
#include <tuple>
#include <vector>

#include "bus/connection.hh"
#include "dbus/ca-adaptor.h"

namespace mds::ca {

class Service;

/// /org/openmds/Ca1: parses, calls the service, maps errors, announces changes.
class BusObject final
    : public sdbus::AdaptorInterfaces<org::openmds::Ca1_adaptor, sdbus::Properties_adaptor> {
  public:
    BusObject(bus::Connection& connection, Service& service);
    ~BusObject();

  private:
    std::string Initialize(const std::string& deployment_name) override;
    std::string Status() override;
    std::string CreateDomainAuthority(const std::string& domain_uid,
                                      const std::string& domain_name) override;
    std::tuple<std::string, std::string, std::string, std::string, std::string> IssueServer(
        const std::string& csr_identity, const std::string& csr_sealing, const std::string& name,
        const std::string& uuid, const std::string& role) override;
    std::tuple<std::string, std::string, std::string, std::string> IssueDomainServer(
        const std::string& domain_uid, const std::string& csr, const std::string& name,
        const std::string& uuid) override;
    void Revoke(const std::string& serial, const std::string& reason) override;
    std::string ListAuthorities() override;
    std::string ListCertificates(const std::string& authority) override;
    std::string RevocationList(const std::string& authority) override;
    std::string SealingCertificate() override;
    std::string Export(const std::string& recipient,
                       const std::vector<std::string>& scopes) override;
    void Import(const std::string& document) override;
    void Promote(const uint64_t& epoch) override;
    std::string Deployment() override;
    uint32_t Authorities() override;
    std::string State() override;

    /// Runs a method for a caller that may: root, mds, mds-sync, or the service's own user (tests).
    /// The bus policy says the same; this holds on a bus without a policy.
    template <class Function>
    auto allowed(Function&& function);
    void require_caller();
    void announce();

    Service& service_;
};

}  // namespace mds::ca
