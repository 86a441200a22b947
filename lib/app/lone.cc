#include "app/lone.hh"

#include <systemd/sd-daemon.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "log/log.hh"

namespace mds::app {
namespace asio = boost::asio;

Lone::Lone(std::string state_folder)
    : state_folder_(std::move(state_folder)), config_(Config::load()), watchdog_timer_(io_) {
    for (const std::string& line : config_.warnings()) log::warning(line);
}

void Lone::ready(const std::string& status_text) {
    sd_notify(0, ("READY=1\nSTATUS=" + status_text).c_str());
}

void Lone::watchdog() {
    uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) <= 0) return;
    sd_notify(0, "WATCHDOG=1");
    // Half the limit, as Daemon does.
    watchdog_timer_.expires_after(std::chrono::microseconds(microseconds / 2));
    watchdog_timer_.async_wait([this](boost::system::error_code error) {
        if (!error) watchdog();
    });
}

int Lone::run() {
    asio::signal_set signals(io_, SIGTERM, SIGINT);
    signals.async_wait([this](boost::system::error_code error, int) {
        if (error) return;
        sd_notify(0, "STOPPING=1\nSTATUS=Stopping");
        if (stop_hook_) stop_hook_();
        io_.stop();
    });
    std::signal(SIGPIPE, SIG_IGN);
    watchdog();
    io_.run();
    return 0;
}

int lone_main(int argc, char** argv, const Description& description,
              const std::function<std::shared_ptr<void>(Lone&)>& build) {
    std::string state;
    std::vector<std::string> arguments;
    if (auto code = read_options(argc, argv, description, state, arguments)) return *code;
    return exit_code_of([&] {
        Lone daemon(state);
        std::shared_ptr<void> service = build(daemon);
        return daemon.run();
    });
}

}  // namespace mds::app
