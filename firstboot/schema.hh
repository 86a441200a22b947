#pragma once
#include <string>

namespace mds::firstboot {

/// The keys of an answers file as JSON Schema: an object of sections, each an object of keys.
std::string answers_schema();

}  // namespace mds::firstboot
