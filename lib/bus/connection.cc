#include "bus/connection.hh"

#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <poll.h>

#include "log/log.hh"

namespace mds::bus {
namespace asio = boost::asio;

/// Waits for the bus's descriptors and its timeout; whichever fires, everything pending is processed.
struct Connection::Impl : std::enable_shared_from_this<Connection::Impl> {
    using Stream = asio::posix::stream_descriptor;

    explicit Impl(asio::io_context& io_context)
        : io(io_context),
          connection(sdbus::createSystemBusConnection()),
          bus_fd(io_context),
          wake_fd(io_context),
          timer(io_context) {}

    void start() {
        auto poll = connection->getEventLoopPollData();
        bus_fd.assign(dup(poll.fd));
        if (event_fd(poll) >= 0) wake_fd.assign(dup(event_fd(poll)));
        started = true;
        schedule();
    }

    void schedule() {
        if (scheduled || stopped) return;
        scheduled = true;
        asio::post(io, [self = shared_from_this()] {
            self->scheduled = false;
            self->drain();
        });
    }

    void drain() {
        if (stopped) return;
        try {
            while (process_one(*connection)) {
            }
        } catch (const sdbus::Error& e) {
            // A bus that is gone ends the process; the service manager starts it again.
            log::error(std::string("the system bus failed: ") + e.what());
            stopped = true;
            io.stop();
        }
    }

    void watch() {
        if (!started || stopped || scheduled) return;
        auto poll = connection->getEventLoopPollData();
        if (poll.events & POLLIN) wait(bus_fd, Stream::wait_read, reading);
        if (poll.events & POLLOUT) wait(bus_fd, Stream::wait_write, writing);
        if (wake_fd.is_open()) wait(wake_fd, Stream::wait_read, waking);
        int timeout = poll.getPollTimeout();
        if (timeout == 0) return schedule();
        if (timeout < 0) return;
        auto when = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout);
        // A ring too early finds nothing to do; only one that would come too late is set anew.
        if (timing && timer.expiry() <= when) return;
        timing = true;
        timer.expires_at(when);
        timer.async_wait([self = shared_from_this()](boost::system::error_code error) {
            if (error) return;  // set anew
            self->timing = false;
            self->schedule();
        });
    }

    void wait(Stream& fd, Stream::wait_type what, bool& waits) {
        if (waits) return;
        waits = true;
        fd.async_wait(what, [self = shared_from_this(), &waits](boost::system::error_code error) {
            waits = false;
            if (!error) self->schedule();
        });
    }

    asio::io_context& io;
    std::unique_ptr<sdbus::IConnection> connection;
    asio::posix::stream_descriptor bus_fd, wake_fd;
    asio::steady_timer timer;
    bool started = false, scheduled = false, stopped = false;
    bool reading = false, writing = false, waking = false, timing = false;
};

Connection::Connection(asio::io_context& io) : impl_(std::make_shared<Impl>(io)) {
    impl_->connection->setMethodCallTimeout(k_call_timeout_us);
}

Connection::~Connection() {
    impl_->stopped = true;
    boost::system::error_code ignored;
    impl_->bus_fd.close(ignored);
    impl_->wake_fd.close(ignored);
    impl_->timer.cancel();
}

sdbus::IConnection& Connection::raw() { return *impl_->connection; }

void Connection::own(const std::string& name) {
    impl_->connection->requestName(ServiceName{name});
    impl_->schedule();
}

void Connection::start() { impl_->start(); }

void Connection::watch() { impl_->watch(); }

namespace {

constexpr std::string_view k_prefix = "org.openmds.Error.";

struct CodeName {
    Code code;
    std::string_view name;
};
constexpr CodeName k_names[] = {
#define MDS_ERROR(name, word, http, exit_code) {Code::name, #name},
#include "base/errors.def"
#undef MDS_ERROR
};

}  // namespace

sdbus::Error to_bus_error(const mds::Error& error) {
    std::string text = error.message();
    for (const std::string& line : error.errors()) text += "\n" + line;
    if (!error.refusal_id().empty()) text += " [" + error.refusal_id() + "]";
    if (!error.next().empty()) text += "\nNext: " + error.next();
    std::string name(k_prefix);
    name += k_names[static_cast<size_t>(error.code())].name;
    return sdbus::Error(ErrorName{name}, text);
}

mds::Error from_bus_error(const sdbus::Error& error) {
    std::string name = error.getName();
    std::string text = error.getMessage();
    if (name.rfind(k_prefix, 0) != 0) {
        bool away = name == "org.freedesktop.DBus.Error.ServiceUnknown" ||
                    name == "org.freedesktop.DBus.Error.NameHasNoOwner" ||
                    name == "org.freedesktop.DBus.Error.NoReply" ||
                    name == "org.freedesktop.DBus.Error.Timeout";
        if (name == "org.freedesktop.DBus.Error.AccessDenied") {
            return mds::Error(Code::no_permissions, text);
        }
        return mds::Error(away ? Code::unreachable : Code::internal, text);
    }
    std::string_view word = std::string_view(name).substr(k_prefix.size());
    Code code = Code::internal;
    for (const CodeName& row : k_names) {
        if (row.name == word) code = row.code;
    }
    std::string next;
    if (size_t at = text.find("\nNext: "); at != std::string::npos) {
        next = text.substr(at + 7);
        text.resize(at);
    }
    std::string id;
    if (!text.empty() && text.back() == ']') {
        if (size_t at = text.rfind(" ["); at != std::string::npos) {
            id = text.substr(at + 2, text.size() - at - 3);
            text.resize(at);
        }
    }
    return mds::Error(code, text).refusal(id, next);
}

}  // namespace mds::bus
