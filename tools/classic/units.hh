#pragma once
#include <memory>
#include <string>
#include <vector>

namespace sdbus {
class IConnection;
}

namespace mds::classic {

/// State of one unit as mdsstat shows it (multi-domain-ha.md 2.10).
struct UnitState {
    /// "up", "down", "pnd", "init", "N/A", "N/R".
    std::string word;
    unsigned pid = 0;
};

/// Questions and orders to the service manager.
class Units {
  public:
    Units();
    ~Units();
    UnitState state(const std::string& unit);
    /// Starts or stops a unit and waits until it is done. Throws mds::Error with the reason.
    void start(const std::string& unit);
    void stop(const std::string& unit);

  private:
    void job(const char* method, const std::string& unit, const std::string& wanted);
    std::unique_ptr<sdbus::IConnection> connection_;
};

int mdsstat(const std::vector<std::string>& arguments);

}  // namespace mds::classic
