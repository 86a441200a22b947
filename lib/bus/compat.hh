#pragma once
#include <sdbus-c++/sdbus-c++.h>
#include <systemd/sd-bus.h>

#include <optional>
#include <string>
#include <vector>

// sdbus-c++ 1.2 (Debian 12) and 2.x (Debian 13) from one source: every difference stands here.
// finish(proxy) ends the registration of signal handlers, which 2.x does by itself. on_match() tells of every
// message that a match rule takes, as long as the connection lives.
namespace mds::bus {

#if __has_include(<sdbus-c++/VTableItems.h>)
using ServiceName = sdbus::ServiceName;
using InterfaceName = sdbus::InterfaceName;
using MemberName = sdbus::MemberName;
using ErrorName = sdbus::Error::Name;
using ReplyError = std::optional<sdbus::Error>;
inline bool process_one(sdbus::IConnection& c) { return c.processPendingEvent(); }
inline int event_fd(const sdbus::IConnection::PollData& p) { return p.eventFd; }
inline const sdbus::Error* error_ptr(const ReplyError& e) { return e ? &*e : nullptr; }
inline void finish(sdbus::IProxy&) {}
template <class Function>
void on_match(sdbus::IConnection& c, const std::string& rule, Function told) {
    c.addMatch(rule, [told](sdbus::Message) { told(); });
}
#else
using ServiceName = std::string;
using InterfaceName = std::string;
using MemberName = std::string;
using ErrorName = std::string;
using ReplyError = const sdbus::Error*;
inline bool process_one(sdbus::IConnection& c) { return c.processPendingRequest(); }
inline int event_fd(const sdbus::IConnection::PollData&) { return -1; }
inline const sdbus::Error* error_ptr(const sdbus::Error* e) { return e; }
inline void finish(sdbus::IProxy& p) { p.finishRegistration(); }
template <class Function>
void on_match(sdbus::IConnection& c, const std::string& rule, Function told) {
    c.addMatch(rule, [told](sdbus::Message&) { told(); }, sdbus::floating_slot);
}
#endif

}  // namespace mds::bus

#if !__has_include(<sdbus-c++/VTableItems.h>)
// Version 1.2 reads and writes an array of bytes one by one, each under a lock: a request of 1 kB took
// longer than anything else that the bus does for it. 2.x does what stands here.
namespace sdbus {
namespace raw {

struct Access : Message {
    static sd_bus_message* message(Message& m) {
        return static_cast<sd_bus_message*>(m.*(&Access::msg_));
    }
};

}  // namespace raw

inline Message& operator<<(Message& message, const std::vector<uint8_t>& bytes) {
    int rc = sd_bus_message_append_array(raw::Access::message(message), 'y', bytes.data(),
                                         bytes.size());
    SDBUS_THROW_ERROR_IF(rc < 0, "an array of bytes cannot be written", -rc);
    return message;
}

inline Message& operator>>(Message& message, std::vector<uint8_t>& bytes) {
    const void* data = nullptr;
    size_t size = 0;
    int rc = sd_bus_message_read_array(raw::Access::message(message), 'y', &data, &size);
    SDBUS_THROW_ERROR_IF(rc < 0, "an array of bytes cannot be read", -rc);
    auto first = static_cast<const uint8_t*>(data);
    bytes.assign(first, first + size);
    return message;
}

}  // namespace sdbus
#endif
