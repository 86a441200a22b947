#pragma once
#include <memory>
#include <string>

#include "app/daemon.hh"
#include "server/server.hh"

namespace mds::domain {

class BusObject;

/// The owner of a Domain Server process: server.json, the management server, its address and its
/// bus object.
class Service {
  public:
    explicit Service(app::Daemon& daemon);
    ~Service();

    server::Server& server() { return *server_; }
    /// Reads server.json again.
    void reload();

  private:
    /// A new Domain's first revision with content.
    void begin_policy();
    void bring_address_up();
    void announce();

    app::Daemon& daemon_;
    std::string folder_;
    std::unique_ptr<server::Server> server_;
    std::unique_ptr<BusObject> bus_;
    std::unique_ptr<sdbus::IProxy> helper_;
};

}  // namespace mds::domain
