#pragma once
#include "log/log.hh"
#include "repl/replica.hh"

namespace mds::server {

/// How the journal names what happens in a replica, which knows no journal.
const log::Message& message_of(repl::Event event);

}  // namespace mds::server
