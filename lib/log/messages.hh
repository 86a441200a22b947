#pragma once
#include <string_view>

#include "log/log.hh"

namespace mds::log::message {

#define MDS_MESSAGE(name, id, priority) inline constexpr Message name{id, Priority::priority};
#include "log/messages.def"
#undef MDS_MESSAGE

}  // namespace mds::log::message
