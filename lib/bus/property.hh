#pragma once
#include <string>
#include <utility>

#include "bus/compat.hh"

namespace mds::bus {

/// Reads a property of another service without waiting for it: `then` gets the value, or nullptr when
/// the service did not answer or the property is of another type. The proxy outlives the answer.
template <typename Value, typename Then>
void get_property(sdbus::IProxy& proxy, const std::string& interface, const std::string& name,
                  Then then) {
    proxy.callMethodAsync(MemberName{"Get"})
        .onInterface(InterfaceName{"org.freedesktop.DBus.Properties"})
        .withArguments(interface, name)
        .uponReplyInvoke([then = std::move(then)](ReplyError failed, const sdbus::Variant& value) {
            if (error_ptr(failed) || !value.containsValueOfType<Value>()) return then(nullptr);
            const Value got = value.get<Value>();
            then(&got);
        });
}

}  // namespace mds::bus
