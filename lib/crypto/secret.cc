#include "crypto/secret.hh"

#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/prctl.h>

namespace mds::crypto {

bool equal(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void wipe(std::string& secret) {
    secret.resize(secret.capacity());
    OPENSSL_cleanse(secret.data(), secret.size());
    secret.clear();
}

bool protect_process() {
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

}  // namespace mds::crypto
