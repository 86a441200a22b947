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

class SystemdUnits final : public UnitControl {
  public:
    explicit SystemdUnits(bus::Connection& connection)
        : manager_(sdbus::createProxy(connection.raw(), bus::ServiceName{"org.freedesktop.systemd1"},
                                      sdbus::ObjectPath{"/org/freedesktop/systemd1"})) {
        bus::finish(*manager_);
    }
    void start(const std::string& server, std::function<void(std::string)> then) override {
        order("StartUnit", "mds-domain@" + server + ".service", std::move(then));
    }
    void stop(const std::string& server, std::function<void(std::string)> then) override {
        order("StopUnit", "mds-domain@" + server + ".service", std::move(then));
    }
    void start_backup(std::function<void(std::string)> then) override {
        order("StartUnit", "mds-backup.service", std::move(then));
    }

  private:
    void order(const char* method, const std::string& unit,
               std::function<void(std::string)> then) {
        manager_->callMethodAsync(bus::MemberName{method})
            .onInterface(bus::InterfaceName{"org.freedesktop.systemd1.Manager"})
            .withArguments(unit, std::string("replace"))
            .uponReplyInvoke([then = std::move(then)](bus::ReplyError error,
                                                      const sdbus::ObjectPath&) {
                const sdbus::Error* e = bus::error_ptr(error);
                then(e ? e->getMessage() : std::string());
            });
    }
    std::unique_ptr<sdbus::IProxy> manager_;
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
