#pragma once
#include <cstdint>
#include <memory>
#include <string>

namespace sdbus {
class IConnection;
}

namespace mds::control {

/// State of one unit as mdsstat shows it (multi-domain-ha.md 2.10).
struct UnitState {
    /// "up", "down", "pnd", "init", "N/A", "N/R".
    std::string word;
    unsigned pid = 0;
};

/// A service as a list of processes tells it.
struct UnitRun {
    unsigned pid = 0;
    /// The service manager holds it active or is starting it.
    bool runs = false;
    /// How often it was started again by itself; when it was started last, wall ms, 0 = never since
    /// the boot.
    unsigned restarts = 0;
    int64_t since = 0;
};

/// Questions and orders to the service manager.
class Units {
  public:
    Units();
    ~Units();
    UnitState state(const std::string& unit);
    UnitRun run(const std::string& unit);
    /// Of any kind of unit: "active", "inactive", "failed", "activating", ...
    std::string active_state(const std::string& unit);
    /// Starts, stops or restarts a unit and waits until it is done. Throws mds::Error with the
    /// reason.
    void start(const std::string& unit);
    void stop(const std::string& unit);
    void restart(const std::string& unit);
    /// Asks for the start; does not wait.
    void order_start(const std::string& unit);

  private:
    void job(const char* method, const std::string& unit, const std::string& wanted);
    std::unique_ptr<sdbus::IConnection> connection_;
};

}  // namespace mds::control
