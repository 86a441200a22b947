#pragma once
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>

#include "addresses.hh"
#include "app/daemon.hh"

namespace mds::helper {

/// The rules of mds-helper: checked verbs, and an end when nobody has asked for a minute. Loop thread.
class Service {
  public:
    Service(app::Daemon& daemon, std::string record);

    void add_address(const std::string& address, const std::string& interface,
                     const std::string& beside);
    void remove_address(const std::string& address);
    void set_host_name(const std::string& name);

  private:
    void used();

    app::Daemon& daemon_;
    Addresses addresses_;
    boost::asio::steady_timer idle_;
};

}  // namespace mds::helper
