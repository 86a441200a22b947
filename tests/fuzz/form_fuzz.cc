// What a browser may send to the page before setup: a form, and a header of cookies. What is read is what was meant,
// and nothing of it steers the page that shows it again.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/ids.hh"
#include "http/form.hh"

namespace {

[[noreturn]] void fail(const char* why) {
    std::fprintf(stderr, "%s\n", why);
    std::abort();
}

std::string encoded(const std::string& text) {
    std::string out;
    for (char c : text) out += "%" + mds::hex(std::string(1, c));
    return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (auto fields = mds::http::parse_form(bytes, 8)) {
        if (fields->size() > 8) fail("more fields than wanted");
        std::string again;
        for (const auto& [name, value] : *fields) {
            again += (again.empty() ? "" : "&") + encoded(name) + "=" + encoded(value);
            for (const std::string& text : {mds::http::escape_html(name), mds::http::escape_html(value)}) {
                if (text.find_first_of("<>\"'") != text.npos) fail("text that ends its place in the page");
            }
        }
        if (mds::http::parse_form(again, 8) != fields) fail("read another time it is something else");
    }
    std::string cookie = mds::http::cookie_value(bytes, "mds-claim");
    if (!cookie.empty() && bytes.find("mds-claim=" + cookie) == bytes.npos) fail("a cookie that nobody sent");
    return 0;
}
