#include "crypto/openssl.hh"

#include <openssl/err.h>

#include "base/error.hh"

namespace mds::crypto {

std::string openssl_reason() {
    unsigned long first = ERR_get_error();
    ERR_clear_error();
    if (first == 0) return {};
    const char* reason = ERR_reason_error_string(first);
    return reason ? reason : "error " + std::to_string(first);
}

void openssl_fail(std::string_view what) {
    std::string text(what);
    std::string reason = openssl_reason();
    if (!reason.empty()) text += ": " + reason;
    throw Error(Code::internal, text);
}

}  // namespace mds::crypto
