#pragma once
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <string>

#include "base/error.hh"
#include "bus/compat.hh"

namespace mds::bus {

/// A connection to the system bus that is driven by an asio loop: every handler and every reply
/// runs on the loop's thread. DBUS_SYSTEM_BUS_ADDRESS chooses another bus (tests).
class Connection {
  public:
    explicit Connection(boost::asio::io_context& io);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    sdbus::IConnection& raw();
    /// Asks for a well-known name; throws sdbus::Error when the policy or another owner forbids it.
    void own(const std::string& name);
    /// Starts moving messages. Call once, after the objects are registered.
    void start();
    /// To be called after every handler of the loop, whatever it was of: a message that was queued
    /// outside of the bus's own handlers changes what the bus waits for (room in its socket, the
    /// timeout of a call), and so does a blocking call, which may have read the messages of others.
    void watch();

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

/// The bus error for one of ours: name "org.openmds.Error.<code word in camel case>", text =
/// message, refusal id in brackets, and what to do next on a line of its own.
sdbus::Error to_bus_error(const mds::Error& error);
/// The mds::Error for a bus error: ours come back with their code, others as `unreachable`
/// (no such name, timeout) or `internal`.
mds::Error from_bus_error(const sdbus::Error& error);

/// Runs a bus handler and turns whatever it throws into a bus error: the one frame of that face.
template <class Function>
auto guarded(Function&& function) {
    try {
        return function();
    } catch (const mds::Error& e) {
        throw to_bus_error(e);
    } catch (const sdbus::Error&) {
        throw;
    } catch (const std::exception& e) {
        throw to_bus_error(mds::Error(Code::internal, e.what()));
    }
}

/// The longest a call between our services may take, in microseconds; long work is a task instead.
constexpr uint64_t k_call_timeout_us = 60'000'000;

}  // namespace mds::bus
