#include "client.hh"

#include <fmt/core.h>
#include <sdbus-c++/sdbus-c++.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <thread>

#include "base/clock.hh"
#include "bus/blob.hh"
#include "bus/connection.hh"
#include "draw.hh"
#include "interrupt.hh"

namespace mds::ctl {
namespace {

const bus::InterfaceName k_core{"org.openmds.Core1"};

Error error_of(const json::object& reply) {
    Code code = code_from_word(json::get_string(reply, "code"));
    Error error(code, json::get_string(reply, "message"));
    for (const json::value& row : json::get_array(reply, "errors")) {
        if (row.is_object()) error.add_error(json::get_string(row.get_object(), "message"));
    }
    for (const json::value& row : json::get_array(reply, "warnings")) {
        if (row.is_object()) error.add_warning(json::get_string(row.get_object(), "message"));
    }
    const json::object& refusal = json::get_object(reply, "refusal");
    return std::move(error).refusal(json::get_string(refusal, "id"),
                                    json::get_string(refusal, "next"));
}

}  // namespace

namespace {

Error unreachable(const sdbus::Error& e) {
    Error error = bus::from_bus_error(e);
    if (error.code() != Code::unreachable) return error;
    return Error(Code::unreachable, "mds-core does not answer on this host: " + error.message())
        .refusal("", "systemctl status mds-core.service");
}

}  // namespace

struct Client::Impl {
    int patience_ms = 0;
    /// Told by the bus's own thread that something has changed.
    int changed_fd = -1;
    std::unique_ptr<sdbus::IConnection> bus_connection;
    std::unique_ptr<sdbus::IProxy> core_proxy;

    sdbus::IConnection& connection() {
        if (bus_connection) return *bus_connection;
        try {
            bus_connection = sdbus::createSystemBusConnection();
        } catch (const sdbus::Error& e) {
            throw Error(Code::unreachable, "the system bus of this host does not answer: " + e.getMessage())
                .refusal("", "systemctl status dbus.service");
        }
        bus_connection->setMethodCallTimeout(static_cast<uint64_t>(patience_ms) * 1000);
        return *bus_connection;
    }
    sdbus::IProxy& core() {
        if (!core_proxy) {
            core_proxy = sdbus::createProxy(connection(), bus::ServiceName{"org.openmds.Core1"},
                                            sdbus::ObjectPath{"/org/openmds/Core1"});
        }
        return *core_proxy;
    }
};

Client::Client(std::string reason, int patience_ms)
    : impl_(std::make_unique<Impl>()), reason_(std::move(reason)) {
    impl_->patience_ms = patience_ms;
}

Client::~Client() {
    if (impl_->changed_fd < 0) return;
    impl_->bus_connection->leaveEventLoop();
    close(impl_->changed_fd);
}

int Client::watch() {
    impl_->changed_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int fd = impl_->changed_fd;
    auto news = [fd] { eventfd_write(fd, 1); };
    // Roles and synchronization are told by the Domain Servers, links by mds-sync, the rest by mds-core. Who
    // comes and goes matters too.
    bus::on_match(impl_->connection(),
                  "type='signal',interface='org.freedesktop.DBus.Properties',member='PropertiesChanged',"
                  "path_namespace='/org/openmds'", news);
    bus::on_match(impl_->connection(),
                  "type='signal',sender='org.freedesktop.DBus',interface='org.freedesktop.DBus',"
                  "member='NameOwnerChanged',arg0namespace='org.openmds'", news);
    impl_->connection().enterEventLoopAsync();
    return fd;
}

void Client::watched() {
    eventfd_t count = 0;
    eventfd_read(impl_->changed_fd, &count);
}

json::object Client::run(const std::string& domain, const std::string& command,
                         const json::object& body) {
    json::object request = body;
    if (!reason_.empty() && domain.empty() && command.rfind("show-", 0) != 0) request["reason"] = reason_;
    bus::Blob blob = bus::pack_body(json::text(request));
    uint16_t status = 0;
    std::vector<uint8_t> reply;
    std::vector<sdbus::UnixFd> reply_fd;
    try {
        impl_->core().callMethod(bus::MemberName{"Run"})
            .onInterface(k_core)
            .withArguments(domain, command, blob.bytes, blob.fds)
            .storeResultsTo(status, reply, reply_fd);
    } catch (const sdbus::Error& e) {
        throw unreachable(e);
    }
    json::object answer = json::parse_object(bus::unpack(reply, reply_fd));
    if (status != 200) throw error_of(answer);
    return answer;
}

json::object Client::grid() {
    std::string text;
    try {
        impl_->core().callMethod(bus::MemberName{"Grid"}).onInterface(k_core).storeResultsTo(text);
    } catch (const sdbus::Error& e) {
        throw unreachable(e);
    }
    return json::parse_object(text);
}

void Client::set_key(const std::string& key, uint32_t valid_seconds) {
    auto sic = sdbus::createProxy(impl_->connection(), bus::ServiceName{"org.openmds.Sic1"},
                                  sdbus::ObjectPath{"/org/openmds/Sic1"});
    bus::Blob blob = bus::pack_secret(key);
    try {
        sic->callMethod(bus::MemberName{"SetKey"})
            .onInterface(bus::InterfaceName{"org.openmds.Sic1"})
            .withArguments(blob.bytes, blob.fds, valid_seconds)
            .storeResultsTo();
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
}

std::string Client::sic_property(const std::string& name) {
    auto sic = sdbus::createProxy(impl_->connection(), bus::ServiceName{"org.openmds.Sic1"},
                                  sdbus::ObjectPath{"/org/openmds/Sic1"});
    try {
        return sic->getProperty(name).onInterface("org.openmds.Sic1").get<std::string>();
    } catch (const sdbus::Error& e) {
        throw bus::from_bus_error(e);
    }
}

bool confirm(const Options& options, const std::string& question) {
    if (options.yes) return true;
    if (!isatty(STDIN_FILENO)) return false;
    std::fprintf(stderr, "%s [y/N] ", question.c_str());
    std::string line;
    return std::getline(std::cin, line) && (line == "y" || line == "Y" || line == "yes");
}

json::object follow(Client& client, const Options& options, const std::string& domain,
                    const std::string& task_id) {
    if (!options.wait) {
        std::printf("%s\n", task_id.c_str());
        return {};
    }
    std::string watch = "mdsctl task watch " + (domain.empty() ? "" : "-D " + shell_word(domain) + " ") + task_id;
    say_when_interrupted("Still running; come back with: " + watch);
    std::string shown;
    int64_t begin = mono_ms();
    for (;;) {
        json::object reply = client.run(
            domain, "show-task", {{"task-id", task_id}, {"details-level", "full"}});
        const json::array& tasks = json::get_array(reply, "tasks");
        if (tasks.empty()) throw Error(Code::object_not_found, "no task " + task_id);
        json::object task = tasks.front().as_object();
        std::string status = json::get_string(task, "status");
        std::string step = json::get_string(task, "progress-description");
        bool live = isatty(STDERR_FILENO) && !options.quiet;
        if (status == "in progress") {
            int percent = static_cast<int>(json::get_int(task, "progress-percentage"));
            std::string line = bar(options, percent) + fmt::format("  {:3} %  ", percent) + safe(step);
            if (live && line != shown) {
                std::fprintf(stderr, "\r\033[K  %s", cut(line, options.width - 3).c_str());
            }
            if (!live && !options.quiet && step != shown && !step.empty()) {
                std::fprintf(stderr, "  %s\n", safe(step).c_str());
            }
            shown = live ? line : step;
        } else {
            if (live && !shown.empty()) std::fprintf(stderr, "\r\033[K");
            say_when_interrupted("");
            if (status == "failed") {
                std::string why = json::get_string(task, "comments");
                throw Error(Code::ha_invalid, why.empty() ? "the task failed" : why);
            }
            return task;
        }
        if (options.timeout_s && mono_ms() - begin > options.timeout_s * 1000) {
            throw Error(Code::timed_out, "the task goes on after " +
                                             std::to_string(options.timeout_s) + " s")
                .refusal("", watch);
        }
        // The task's progress is polled: it may run on another host, where no signal reaches us.
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
}

}  // namespace mds::ctl
