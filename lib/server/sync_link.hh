#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "bus/connection.hh"
#include "base/ids.hh"

namespace mds::server {

/// This process's side of mds-sync: keeps the channel registered (also when mds-sync is restarted),
/// sends messages, and passes on what mds-sync says about the links.
class SyncLink {
  public:
    SyncLink(bus::Connection& connection, std::string channel, std::string object_path);
    ~SyncLink();

    void start();
    /// Drops the message when mds-sync is not there.
    void send(const Uid& mds, uint16_t kind, const std::string& payload);
    /// The state of the link to a peer has changed (uid, state word, reason).
    std::function<void(const Uid&, const std::string&, const std::string&)> on_link;

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace mds::server
