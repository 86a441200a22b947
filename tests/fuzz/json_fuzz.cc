// JSON of requests: whatever is accepted has one canonical text.
#include <cstdlib>

#include "base/error.hh"
#include "json/json.hh"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace mds;
    try {
        json::object first = json::parse_object({reinterpret_cast<const char*>(data), size});
        std::string text = json::canonical(first);
        if (json::canonical(json::parse(text)) != text) std::abort();
        json::parse(json::pretty(first));
        json::parse(json::text(first));
    } catch (const Error&) {
    }
    return 0;
}
