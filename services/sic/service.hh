#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <memory>
#include <string>

#include "app/daemon.hh"
#include "dbus/sic-adaptor.h"
#include "enrol/responder.hh"

namespace mds::sic {

/// /org/openmds/Sic1 and the SIC port: opened while a key is valid and has tries left (K-5), each
/// connection served on a worker thread.
class Service final
    : public sdbus::AdaptorInterfaces<org::openmds::Sic1_adaptor, sdbus::Properties_adaptor> {
  public:
    explicit Service(app::Daemon& daemon);
    ~Service();

  private:
    using Bytes = std::vector<uint8_t>;
    using Fds = std::vector<sdbus::UnixFd>;

    void SetKey(sdbus::Result<>&& result, Bytes key, Fds key_fd, uint32_t valid_seconds) override;
    void Reset(sdbus::Result<>&& result, Bytes key, Fds key_fd, uint32_t valid_seconds) override;
    void take_key(sdbus::Result<>&& result, std::string key, uint32_t valid_seconds, bool reset);
    void ClearKey() override;
    void Confirm() override;
    std::string State() override;
    uint32_t TriesLeft() override;
    uint64_t ExpiresAt() override;
    std::string Fingerprint() override;

    enrol::Hello self() const;
    /// Opens or closes the port as the key says, announces what changed, ends when idle.
    void update();
    void accept();
    void serve(boost::asio::ip::tcp::socket socket);

    app::Daemon& daemon_;
    std::string etc_;
    enrol::Responder responder_;
    boost::asio::ip::tcp::acceptor acceptor_;
    /// Enrolments and new keys that are under way: it is not idle.
    int working_ = 0;
    int64_t idle_since_;
};

}  // namespace mds::sic
