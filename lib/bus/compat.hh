#pragma once
#include <sdbus-c++/sdbus-c++.h>

#include <optional>
#include <string>

// sdbus-c++ 1.2 (Debian 12) and 2.x (Debian 13) from one source: every difference stands here.
// finish(proxy) ends the registration of signal handlers, which 2.x does by itself.
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
#endif

}  // namespace mds::bus
