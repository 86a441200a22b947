#pragma once
#include "json/json.hh"

namespace mds::json {

/// Throws Error(payload_too_large) when an array of the document has more than `most` elements.
void require_arrays_of(const object& o, size_t most);

}  // namespace mds::json
