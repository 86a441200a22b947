#pragma once
#include <sdbus-c++/sdbus-c++.h>
#include <systemd/sd-bus.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

// sdbus-c++ 1.2 (Debian 12) and 2.x (Debian 13) from one source: every difference stands here.
// finish(proxy) ends the registration of signal handlers, which 2.x does by itself. match() tells of every
// message that a match rule takes as long as the slot lives, on_match() as long as the connection does.
// emit_changed() sends PropertiesChanged. current_message() points to what an object is called with at the moment,
// if it is.
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
sdbus::Slot match(sdbus::IConnection& c, const std::string& rule, Function told) {
    return c.addMatch(rule, std::move(told), sdbus::return_slot);
}
template <class Function>
void on_match(sdbus::IConnection& c, const std::string& rule, Function told) {
    c.addMatch(rule, [told](sdbus::Message) { told(); });
}
inline void emit_changed(sdbus::IObject& o, const char* interface, const std::vector<std::string>& names) {
    o.emitPropertiesChangedSignal(interface, std::vector<sdbus::PropertyName>(names.begin(), names.end()));
}
inline std::optional<sdbus::Message> current_message(const sdbus::IObject& o) {
    sdbus::Message message = o.getCurrentlyProcessedMessage();
    return message.isValid() ? std::optional(std::move(message)) : std::nullopt;
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
sdbus::Slot match(sdbus::IConnection& c, const std::string& rule, Function told) {
    return c.addMatch(rule, std::move(told));
}
template <class Function>
void on_match(sdbus::IConnection& c, const std::string& rule, Function told) {
    c.addMatch(rule, [told](sdbus::Message&) { told(); }, sdbus::floating_slot);
}
inline void emit_changed(sdbus::IObject& o, const char* interface, const std::vector<std::string>& names) {
    o.emitPropertiesChangedSignal(interface, names);
}
inline const sdbus::Message* current_message(const sdbus::IObject& o) {
    return o.getCurrentlyProcessedMessage();
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
