#include "units.hh"

#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

#include "log/log.hh"

extern char** environ;

namespace mds::core {
namespace {

const char k_manager[] = "org.freedesktop.systemd1.Manager";

class SystemdUnits final : public UnitControl {
  public:
    explicit SystemdUnits(bus::Connection& connection)
        : manager_(sdbus::createProxy(connection.raw(), bus::ServiceName{"org.freedesktop.systemd1"},
                                      sdbus::ObjectPath{"/org/freedesktop/systemd1"})) {
        manager_->uponSignal(bus::MemberName{"JobRemoved"})
            .onInterface(bus::InterfaceName{k_manager})
            .call([this](const uint32_t&, const sdbus::ObjectPath& job, const std::string&, const std::string& result) {
                ended(job, result);
            });
        bus::finish(*manager_);
    }
    void run(const std::string& verb, const std::string& server, std::function<void(std::string)> then) override {
        const char* method = verb == "start" ? "StartUnit" : verb == "stop" ? "StopUnit" : "RestartUnit";
        order(method, "mds-domain@" + server + ".service",
              [this, then = std::move(then)](const std::string& error, const std::string& job) {
                  if (!error.empty()) return then(error);
                  jobs_[job] = then;
              });
    }
    void start(const std::string& server, std::function<void(std::string)> then) override {
        order("StartUnit", "mds-domain@" + server + ".service", ordered(std::move(then)));
    }
    void stop(const std::string& server, std::function<void(std::string)> then) override {
        order("StopUnit", "mds-domain@" + server + ".service", ordered(std::move(then)));
    }
    void start_backup(std::function<void(std::string)> then) override {
        order("StartUnit", "mds-backup.service", ordered(std::move(then)));
    }

  private:
    using Ordered = std::function<void(const std::string& error, const std::string& job)>;
    static Ordered ordered(std::function<void(std::string)> then) {
        return [then = std::move(then)](const std::string& error, const std::string&) { then(error); };
    }
    void order(const char* method, const std::string& unit, Ordered then) {
        manager_->callMethodAsync(bus::MemberName{method})
            .onInterface(bus::InterfaceName{k_manager})
            .withArguments(unit, std::string("replace"))
            .uponReplyInvoke([then = std::move(then)](bus::ReplyError error, const sdbus::ObjectPath& job) {
                const sdbus::Error* e = bus::error_ptr(error);
                then(e ? e->getMessage() : std::string(), e ? std::string() : std::string(job));
            });
    }
    void ended(const std::string& job, const std::string& result) {
        auto it = jobs_.find(job);
        if (it == jobs_.end()) return;
        auto then = std::move(it->second);
        jobs_.erase(it);
        then(result == "done" ? "" : "the service manager says: " + result);
    }
    std::unique_ptr<sdbus::IProxy> manager_;
    /// Who waits for the end of a job of the service manager; its reply comes before that.
    std::map<std::string, std::function<void(std::string)>> jobs_;
};

class ChildUnits final : public UnitControl {
  public:
    explicit ChildUnits(std::string servers_folder) : folder_(std::move(servers_folder)) {}
    ~ChildUnits() override {
        for (auto& [name, pid] : children_) {
            kill(pid, SIGTERM);
            waitpid(pid, nullptr, 0);
        }
    }
    void start(const std::string& server, std::function<void(std::string)> then) override {
        if (auto it = children_.find(server); it != children_.end()) {
            if (waitpid(it->second, nullptr, WNOHANG) == 0) return then("");
        }
        const char* folder = std::getenv("MDS_LIBEXEC");
        std::string program = std::string(folder ? folder : "/usr/lib/mds") + "/mds-domain";
        const char* argv[] = {program.c_str(), "--state", folder_.c_str(), server.c_str(), nullptr};
        pid_t pid = 0;
        int rc = posix_spawn(&pid, program.c_str(), nullptr, nullptr,
                             const_cast<char* const*>(argv), environ);
        if (rc == 0) children_[server] = pid;
        then(rc == 0 ? "" : program + ": " + std::strerror(rc));
    }
    void stop(const std::string& server, std::function<void(std::string)> then) override {
        auto it = children_.find(server);
        if (it != children_.end()) {
            kill(it->second, SIGTERM);
            waitpid(it->second, nullptr, 0);
            children_.erase(it);
        }
        then("");
    }

    void run(const std::string& verb, const std::string& server, std::function<void(std::string)> then) override {
        if (verb == "start") return start(server, std::move(then));
        stop(server, [this, verb, server, then](const std::string&) {
            if (verb == "stop") return then("");
            start(server, then);
        });
    }
    void start_backup(std::function<void(std::string)> then) override {
        then("there is no service manager");
    }

  private:
    std::string folder_;
    std::map<std::string, pid_t> children_;
};

}  // namespace

std::unique_ptr<UnitControl> UnitControl::make(bus::Connection& connection,
                                               const std::string& servers_folder) {
    const char* launcher = std::getenv("MDS_DOMAIN_LAUNCHER");
    if (launcher && !std::strcmp(launcher, "fork")) {
        return std::make_unique<ChildUnits>(servers_folder);
    }
    return std::make_unique<SystemdUnits>(connection);
}

}  // namespace mds::core
