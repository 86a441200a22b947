#pragma once
#include <memory>

#include "app/daemon.hh"
#include "http/server.hh"
#include "router.hh"

namespace mds::api {

class BusObject;

/// The owner of mds-api's state: certificate, listening socket, router, bus object.
class Service {
  public:
    explicit Service(app::Daemon& daemon);
    ~Service();
    http::Server& server() { return *server_; }
    std::string certificate_file() const { return certificate_; }
    uint16_t port() const { return port_; }

  private:
    std::string certificate_;
    uint16_t port_ = 0;
    Router router_;
    std::unique_ptr<http::Server> server_;
    std::unique_ptr<BusObject> bus_;
};

}  // namespace mds::api
