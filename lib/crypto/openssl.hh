#pragma once
#include <memory>
#include <string>
#include <string_view>

// What lib/crypto, lib/pki, lib/enrol, lib/wire and mgmt_cli share about OpenSSL; nobody else includes this.
namespace mds::crypto {

/// Deleter for std::unique_ptr that calls a C free function.
template <auto Free>
struct Deleter {
    template <class T>
    void operator()(T* pointer) const {
        Free(pointer);
    }
};
/// Owner of an OpenSSL object: Handle<EVP_PKEY, EVP_PKEY_free>.
template <class T, auto Free>
using Handle = std::unique_ptr<T, Deleter<Free>>;

/// The first reason in this thread's OpenSSL error queue, "" when it is empty; empties the queue.
std::string openssl_reason();
/// Throws mds::Error(internal) "what: reason" with openssl_reason().
[[noreturn]] void openssl_fail(std::string_view what);
/// Throws as openssl_fail() when `ok` is false.
inline void require(bool ok, std::string_view what) {
    if (!ok) openssl_fail(what);
}
/// The pointer itself; throws as openssl_fail() when it is null.
template <class T>
T* require_ptr(T* pointer, std::string_view what) {
    if (!pointer) openssl_fail(what);
    return pointer;
}

inline const unsigned char* as_bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
inline unsigned char* as_bytes(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

/// TLS between hosts, K-12. The one place that names suites and groups (K-11: post-quantum groups
/// are added here).
inline constexpr char k_tls13_suites[] =
    "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
inline constexpr char k_tls_groups[] = "X25519:P-256:P-384";

}  // namespace mds::crypto
