#pragma once
#include <memory>
#include <string>

#include "bus/blob.hh"
#include "bus/connection.hh"

namespace mds::core {

/// Synchronous bus calls on a connection of its own, for workflows on worker threads. Never used on
/// the loop thread. Errors come as mds::Error.
class BlockingBus {
  public:
    BlockingBus() : connection_(sdbus::createSystemBusConnection()) {
        connection_->setMethodCallTimeout(60'000'000);
    }

    /// Calls a method of one of our services: "org.openmds.Ca1" has its object at /org/openmds/Ca1.
    template <class... Results, class... Arguments>
    std::tuple<Results...> call(const std::string& service, const std::string& method,
                                const Arguments&... arguments) {
        std::string path = "/" + service;
        for (char& c : path) {
            if (c == '.') c = '/';
        }
        return call_at<Results...>(service, path, service, method, arguments...);
    }

    /// The same for a method whose first argument is a secret, which the bus does not get to see.
    template <class... Results, class... Arguments>
    std::tuple<Results...> call_secret(const std::string& service, const std::string& method,
                                       const std::string& secret, const Arguments&... arguments) {
        bus::Blob blob = bus::pack_secret(secret);
        return call<Results...>(service, method, blob.bytes, blob.fds, arguments...);
    }

    template <class... Results, class... Arguments>
    std::tuple<Results...> call_at(const std::string& service, const std::string& path,
                                   const std::string& interface, const std::string& method,
                                   const Arguments&... arguments) {
        try {
            auto proxy = sdbus::createProxy(*connection_, bus::ServiceName{service},
                                            sdbus::ObjectPath{path});
            std::tuple<Results...> results;
            // The invoker keeps references: the names must outlive it.
            const bus::MemberName member{method};
            const bus::InterfaceName where{interface};
            auto invoker = proxy->callMethod(member);
            invoker.onInterface(where).withArguments(arguments...);
            std::apply([&](auto&... out) { invoker.storeResultsTo(out...); }, results);
            return results;
        } catch (const sdbus::Error& e) {
            mds::Error error = bus::from_bus_error(e);
            if (error.code() == Code::unreachable) {
                throw mds::Error(Code::unreachable, service + " does not answer: " + error.message());
            }
            throw error;
        }
    }

    std::string property(const std::string& service, const std::string& name) {
        std::string path = "/" + service;
        for (char& c : path) {
            if (c == '.') c = '/';
        }
        auto [value] = call_at<sdbus::Variant>(service, path, "org.freedesktop.DBus.Properties",
                                               "Get", service, name);
        return value.template get<std::string>();
    }

  private:
    std::unique_ptr<sdbus::IConnection> connection_;
};

}  // namespace mds::core
