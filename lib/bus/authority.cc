#include "bus/authority.hh"

#include <map>

#include "log/log.hh"

namespace mds::bus {

Authority::Authority(Connection& connection)
    : polkit_(sdbus::createProxy(connection.raw(), ServiceName{"org.freedesktop.PolicyKit1"},
                                 sdbus::ObjectPath{"/org/freedesktop/PolicyKit1/Authority"})) {
    finish(*polkit_);
}

Authority::~Authority() = default;

void Authority::check(const std::string& sender, const std::string& action, bool interactive,
                      std::function<void(bool)> then) {
    std::map<std::string, sdbus::Variant> details{{"name", sdbus::Variant{sender}}};
    sdbus::Struct<std::string, std::map<std::string, sdbus::Variant>> subject{"system-bus-name",
                                                                              details};
    uint32_t flags = interactive ? 1 : 0;
    using Answer = sdbus::Struct<bool, bool, std::map<std::string, std::string>>;
    polkit_->callMethodAsync(MemberName{"CheckAuthorization"})
        .onInterface(InterfaceName{"org.freedesktop.PolicyKit1.Authority"})
        .withArguments(subject, action, std::map<std::string, std::string>{}, flags, std::string{})
        .uponReplyInvoke([then = std::move(then), action](ReplyError error, const Answer& answer) {
            if (const sdbus::Error* e = error_ptr(error)) {
                log::warning("polkit did not answer for " + action + ": " + e->getMessage());
                then(false);
                return;
            }
            then(std::get<0>(answer));
        });
}

}  // namespace mds::bus
