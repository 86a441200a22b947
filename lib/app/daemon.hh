#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "app/config.hh"
#include "bus/connection.hh"

namespace mds::app {

/// What every daemon of the suite is: one loop thread with the bus on it, a few worker threads
/// for blocking work, readiness, watchdog and status towards the service manager, clean stop.
class Daemon {
  public:
    Daemon(std::string name, std::string state_folder, std::vector<std::string> arguments);
    ~Daemon();

    boost::asio::io_context& io() { return io_; }
    bus::Connection& bus() { return *bus_; }
    const Config& config() const { return config_; }
    /// Arguments after the options, for example the instance name.
    const std::vector<std::string>& arguments() const { return arguments_; }
    /// Where this service keeps its files: --state, else STATE_DIRECTORY, else the built-in one.
    const std::string& state_folder() const { return state_folder_; }

    /// The line that `systemctl status` shows.
    void status(const std::string& text);
    /// Tells the service manager that the service works. Call when it does, not before.
    void ready(const std::string& status_text);
    /// Runs `work` on a worker thread.
    void work(std::function<void()> work);
    /// Runs `function` on the loop thread, later.
    void post(std::function<void()> function);
    /// Runs `function` on the loop thread and waits for its result. Never call it on the loop.
    template <class Function>
    auto on_loop(Function function) {
        using Result = decltype(function());
        auto task = std::make_shared<std::packaged_task<Result()>>(std::move(function));
        auto future = task->get_future();
        post([task] { (*task)(); });
        return future.get();
    }
    /// Calls `function` every `milliseconds` on the loop thread until the daemon stops.
    void every(int milliseconds, std::function<void()> function);
    /// A function that says itself when it wants to be called next.
    class Alarm {
      public:
        /// Calls it within `milliseconds`, if that is earlier than it wanted.
        void within(int milliseconds);

      private:
        friend class Daemon;
        Alarm(Daemon& daemon, std::function<int()> function);
        void set(std::chrono::steady_clock::time_point when);
        void ring();
        Daemon& daemon_;
        boost::asio::steady_timer timer_;
        std::function<int()> function_;
        bool set_ = false;
    };
    /// Calls `function` on the loop thread, first at once; it returns the milliseconds until it wants
    /// to be called again. For what is mostly idle: hundreds of such processes run on one host. Ends
    /// with the returned object.
    std::shared_ptr<Alarm> alarm(std::function<int()> function);
    /// Runs at a clean stop, last registered first, before the bus name is given up.
    void on_stop(std::function<void()> function);
    /// Ends the loop with an exit code.
    void stop(int exit_code = 0);
    int run();

  private:
    void watchdog();
    boost::asio::io_context io_{1};
    boost::asio::thread_pool workers_{4};
    std::string name_, state_folder_;
    std::vector<std::string> arguments_;
    Config config_;
    std::unique_ptr<bus::Connection> bus_;
    std::vector<std::function<void()>> stop_hooks_;
    int exit_code_ = 0;
    bool stopping_ = false;
};

struct Description {
    /// "core" for mds-core: the one word of the process.
    std::string word;
    /// One line for --help.
    std::string summary;
    /// Default state folder, for example "/var/lib/mds/system".
    std::string state_folder;
    /// Name of the positional argument, empty when there is none.
    std::string argument;
};

/// The `main` of every daemon: options (--help, --version, --state DIR, --debug), configuration,
/// loop, `build`, run. `build` makes the service and returns its owner; it calls daemon.ready().
/// Exit codes: 0 clean stop, 2 wrong usage, 78 the configuration is wrong (units do not restart
/// on it), 1 anything else.
int main(int argc, char** argv, const Description& description,
         const std::function<std::shared_ptr<void>(Daemon&)>& build);

}  // namespace mds::app
