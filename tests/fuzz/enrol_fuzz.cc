// Conversations of an enrolment (security.md 1.2, T-5): the input orders how the peer of the end that is
// tried deviates from the protocol.
#include <cstdio>
#include <cstdlib>

#include "enrol_bench.hh"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static mds::test::Conversations conversations;
    std::string wrong = conversations.hold(data, size);
    if (!wrong.empty()) {
        std::fprintf(stderr, "%s\n", wrong.c_str());
        std::abort();
    }
    return 0;
}
