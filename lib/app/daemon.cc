#include "app/daemon.hh"

#include <getopt.h>
#include <malloc.h>
#include <systemd/sd-daemon.h>

#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "app/lone.hh"
#include "app/stack.hh"
#include "base/version.hh"
#include "log/log.hh"

namespace mds::app {
namespace asio = boost::asio;

Daemon::Daemon(std::string name, std::string state_folder, std::vector<std::string> arguments)
    : name_(std::move(name)),
      state_folder_(std::move(state_folder)),
      arguments_(std::move(arguments)),
      config_(Config::load()),
      bus_(std::make_unique<bus::Connection>(io_)) {
    for (const std::string& line : config_.warnings()) log::warning(line);
}

Daemon::~Daemon() {
    workers_.stop();
    workers_.join();
}

void Daemon::status(const std::string& text) { sd_notify(0, ("STATUS=" + text).c_str()); }

void Daemon::ready(const std::string& status_text) {
    sd_notify(0, ("READY=1\nSTATUS=" + status_text).c_str());
}

void Daemon::work(std::function<void()> work) {
    asio::post(workers_, [work = std::move(work)] {
        work();
        wipe_stack();
    });
}

void Daemon::post(std::function<void()> function) { asio::post(io_, std::move(function)); }

void Daemon::every(int milliseconds, std::function<void()> function) {
    auto timer = std::make_shared<asio::steady_timer>(io_);
    auto again = std::make_shared<std::function<void()>>();
    *again = [this, timer, again, milliseconds, function = std::move(function)] {
        timer->expires_after(std::chrono::milliseconds(milliseconds));
        timer->async_wait([this, again, function](boost::system::error_code error) {
            if (error || stopping_) return;
            function();
            (*again)();
        });
    };
    (*again)();
}

Daemon::Alarm::Alarm(Daemon& daemon, std::function<int()> function)
    : daemon_(daemon), timer_(daemon.io_), function_(std::move(function)) {}

void Daemon::Alarm::within(int milliseconds) {
    auto when = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
    if (!set_ || when < timer_.expiry()) set(when);
}

void Daemon::Alarm::set(std::chrono::steady_clock::time_point when) {
    set_ = true;
    timer_.expires_at(when);
    timer_.async_wait([this](boost::system::error_code error) {
        if (!error) ring();  // else it was set anew, or is gone
    });
}

void Daemon::Alarm::ring() {
    set_ = false;
    if (daemon_.stopping_) return;
    within(function_());
}

std::shared_ptr<Daemon::Alarm> Daemon::alarm(std::function<int()> function) {
    std::shared_ptr<Alarm> alarm(new Alarm(*this, std::move(function)));
    alarm->within(0);
    return alarm;
}

void Daemon::on_stop(std::function<void()> function) { stop_hooks_.push_back(std::move(function)); }

void Daemon::stop(int exit_code) {
    post([this, exit_code] {
        if (stopping_) return;
        stopping_ = true;
        exit_code_ = exit_code;
        sd_notify(0, "STOPPING=1\nSTATUS=Stopping");
        for (auto hook = stop_hooks_.rbegin(); hook != stop_hooks_.rend(); ++hook) (*hook)();
        io_.stop();
    });
}

void Daemon::watchdog() {
    uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) <= 0) return;
    // Half the limit: a loop that is blocked for longer than the limit is a dead service.
    every(static_cast<int>(microseconds / 2000), [] { sd_notify(0, "WATCHDOG=1"); });
}

int Daemon::run() {
    asio::signal_set signals(io_, SIGTERM, SIGINT);
    signals.async_wait([this](boost::system::error_code error, int) {
        if (!error) stop();
    });
    std::signal(SIGPIPE, SIG_IGN);
    watchdog();
    bus_->start();
    auto keep = asio::make_work_guard(io_);
    for (;;) {
        if (io_.poll_one() == 0) {
            // Nothing to do: it waits, and nothing of what was done stays behind meanwhile.
            wipe_stack();
            if (io_.run_one() == 0) break;
        }
        bus_->watch();
    }
    return exit_code_;
}

namespace {

void print_help(const Description& d) {
    std::printf("Usage: mds-%s [options]%s%s\n\n%s\n\nOptions:\n"
                "  -h, --help        this text\n"
                "      --version     the version\n"
                "      --state DIR   keep the files in DIR (default %s)\n"
                "      --debug       log more\n",
                d.word.c_str(), d.argument.empty() ? "" : " ", d.argument.c_str(),
                d.summary.c_str(), d.state_folder.c_str());
}

}  // namespace

std::optional<int> read_options(int argc, char** argv, const Description& d, std::string& state,
                                std::vector<std::string>& arguments) {
    const char* from_manager = std::getenv("STATE_DIRECTORY");
    state = from_manager ? from_manager : d.state_folder;
    static const option k_options[] = {{"help", no_argument, nullptr, 'h'},
                                       {"version", no_argument, nullptr, 'V'},
                                       {"state", required_argument, nullptr, 's'},
                                       {"debug", no_argument, nullptr, 'd'},
                                       {nullptr, 0, nullptr, 0}};
    for (int c; (c = getopt_long(argc, argv, "h", k_options, nullptr)) != -1;) {
        switch (c) {
            case 'h': print_help(d); return 0;
            case 'V': std::printf("mds-%s %s\n", d.word.c_str(), version()); return 0;
            case 's': state = optarg; break;
            case 'd': log::set_debug(true); break;
            default: return 2;
        }
    }
    arguments.assign(argv + optind, argv + argc);
    if (arguments.size() != (d.argument.empty() ? 0u : 1u)) {
        std::fprintf(stderr, "mds-%s: expected %s\n", d.word.c_str(),
                     d.argument.empty() ? "no argument" : ("one argument: " + d.argument).c_str());
        return 2;
    }
    // Hundreds of these processes run on a host: their few threads share the memory they free.
    mallopt(M_ARENA_MAX, 2);
    return std::nullopt;
}

int exit_code_of(const std::function<int()>& run) {
    try {
        return run();
    } catch (const mds::Error& e) {
        log::error(e.message() + (e.next().empty() ? "" : ". Next: " + e.next()));
        return e.code() == Code::invalid_parameter || e.code() == Code::not_set_up ? 78 : 1;
    } catch (const std::exception& e) {
        log::error(e.what());
        return 1;
    }
}

int main(int argc, char** argv, const Description& d,
         const std::function<std::shared_ptr<void>(Daemon&)>& build) {
    std::string state;
    std::vector<std::string> arguments;
    if (auto code = read_options(argc, argv, d, state, arguments)) return *code;
    return exit_code_of([&] {
        Daemon daemon("mds-" + d.word, state, arguments);
        std::shared_ptr<void> service = build(daemon);
        return daemon.run();
    });
}

}  // namespace mds::app
