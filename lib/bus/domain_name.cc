#include "bus/domain_name.hh"

#include <cctype>
#include <string_view>

#include "base/ids.hh"

namespace mds::bus {

std::string domain_name(const std::string& server) {
    std::string out = "org.openmds.Domain1.";
    bool first = true;
    for (unsigned char c : server) {
        // A name element may not begin with a digit.
        if (std::isalpha(c) || (std::isdigit(c) && !first)) {
            out += static_cast<char>(c);
        } else {
            out += "_" + hex(std::string_view(reinterpret_cast<const char*>(&c), 1));
        }
        first = false;
    }
    return out;
}

}  // namespace mds::bus
