#pragma once
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config.hh"
#include "app/daemon.hh"

namespace mds::app {

/// A daemon that speaks on no bus: it faces everybody and asks nobody. Loop, settings, readiness, watchdog
/// and clean stop as those of Daemon.
class Lone {
  public:
    explicit Lone(std::string state_folder);

    boost::asio::io_context& io() { return io_; }
    const Config& config() const { return config_; }
    const std::string& state_folder() const { return state_folder_; }
    /// Tells the service manager that the service works, with the line that `systemctl status` shows.
    void ready(const std::string& status_text);
    /// Runs at a clean stop.
    void on_stop(std::function<void()> function) { stop_hook_ = std::move(function); }
    int run();

  private:
    void watchdog();
    boost::asio::io_context io_{1};
    std::string state_folder_;
    Config config_;
    std::function<void()> stop_hook_;
    boost::asio::steady_timer watchdog_timer_;
};

/// main() of such a daemon; options and exit codes as app::main().
int lone_main(int argc, char** argv, const Description& description,
              const std::function<std::shared_ptr<void>(Lone&)>& build);

/// What both mains share. Options: the exit code when there is nothing to run.
std::optional<int> read_options(int argc, char** argv, const Description& description, std::string& state,
                                std::vector<std::string>& arguments);
/// Runs it; what it throws becomes a line of the log and an exit code.
int exit_code_of(const std::function<int()>& run);

}  // namespace mds::app
