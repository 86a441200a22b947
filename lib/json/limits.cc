#include "json/limits.hh"

#include "base/error.hh"

namespace mds::json {
namespace {

void require_arrays_of(const value& v, size_t most) {
    if (const array* a = v.if_array()) {
        if (a->size() > most) {
            throw Error(Code::payload_too_large, "A list of the request has " + std::to_string(a->size()) +
                                                     " elements; " + std::to_string(most) + " are the most");
        }
        for (const value& element : *a) require_arrays_of(element, most);
    } else if (const object* o = v.if_object()) {
        for (const auto& member : *o) require_arrays_of(member.value(), most);
    }
}

}  // namespace

void require_arrays_of(const object& o, size_t most) {
    for (const auto& member : o) require_arrays_of(member.value(), most);
}

}  // namespace mds::json
