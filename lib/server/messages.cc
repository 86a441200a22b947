#include "log/messages.hh"

#include "base/error.hh"
#include "server/messages.hh"

namespace mds::server {

const log::Message& message_of(repl::Event event) {
    using repl::Event;
    namespace message = log::message;
    switch (event) {
        case Event::collision: return message::collision;
        case Event::collision_over: return message::collision_over;
        case Event::database_damaged: return message::database_damaged;
        case Event::database_repaired: return message::database_repaired;
        case Event::database_kept: return message::database_kept;
        case Event::log_shortened: return message::log_shortened;
        case Event::full_sync_begun: return message::full_sync_begun;
        case Event::full_sync_ended: return message::full_sync_ended;
        case Event::full_sync_failed: return message::full_sync_failed;
        case Event::publishes_parked: return message::publishes_parked;
        case Event::parked_not_kept: return message::parked_not_kept;
        case Event::publish_refused: return message::publish_refused;
        case Event::disk_full: return message::disk_full;
        case Event::clock_differs: return message::clock_differs;
    }
    throw Error(Code::internal, "an event without a message");
}

}  // namespace mds::server
