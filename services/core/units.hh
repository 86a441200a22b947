#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "bus/connection.hh"

namespace mds::core {

/// Starts and stops the processes of Domain Servers.
class UnitControl {
  public:
    virtual ~UnitControl() = default;
    /// Asks for the start (stop) of mds-domain@NAME; `then` gets an error text or "".
    virtual void start(const std::string& server, std::function<void(std::string)> then) = 0;
    virtual void stop(const std::string& server, std::function<void(std::string)> then) = 0;

    /// "start", "stop", "restart"; `then` is called when it is done, unlike above: with an error text or "".
    virtual void run(const std::string& verb, const std::string& server, std::function<void(std::string)> then) = 0;

    /// Starts mds-backup.service; `then` gets an error text when that cannot be.
    virtual void start_backup(std::function<void(std::string)> then) = 0;

    /// The service manager; or, with MDS_DOMAIN_LAUNCHER=fork (a private bus without one), child
    /// processes of mds-core.
    static std::unique_ptr<UnitControl> make(bus::Connection& connection,
                                             const std::string& servers_folder);
};

}  // namespace mds::core
