// The server certificate of the management API, and its fingerprints.
#include <ifaddrs.h>
#include <netdb.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <set>

#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "http/server.hh"

namespace mds::http {
namespace {

struct Free {
    void operator()(EVP_PKEY* p) const { EVP_PKEY_free(p); }
    void operator()(X509* p) const { X509_free(p); }
    void operator()(BIO* p) const { BIO_free(p); }
    void operator()(X509_EXTENSION* p) const { X509_EXTENSION_free(p); }
    void operator()(BIGNUM* p) const { BN_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

void require(bool good, const char* what) {
    if (!good) throw Error(Code::internal, std::string("server certificate: ") + what);
}

std::string alternative_names(const std::string& host_name) {
    std::string names = "DNS:" + (host_name.empty() ? "localhost" : host_name) + ",DNS:localhost";
    std::set<std::string> seen;
    ifaddrs* list = nullptr;
    if (getifaddrs(&list) == 0) {
        for (ifaddrs* i = list; i; i = i->ifa_next) {
            if (!i->ifa_addr) continue;
            int family = i->ifa_addr->sa_family;
            if (family != AF_INET && family != AF_INET6) continue;
            char text[NI_MAXHOST] = {};
            socklen_t size = family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
            if (getnameinfo(i->ifa_addr, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST)) continue;
            std::string address = text;
            address = address.substr(0, address.find('%'));
            if (seen.insert(address).second) names += ",IP:" + address;
        }
        freeifaddrs(list);
    }
    return names;
}

std::string pem(const std::function<int(BIO*)>& write) {
    Owned<BIO> bio(BIO_new(BIO_s_mem()));
    require(write(bio.get()) == 1, "cannot be written");
    char* data = nullptr;
    long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<size_t>(size)};
}

void extend(X509* certificate, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    Owned<X509_EXTENSION> extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "bad extension");
}

}  // namespace

void ensure_certificate(const std::string& certificate_file, const std::string& key_file,
                        const std::string& host_name) {
    if (access(certificate_file.c_str(), R_OK) == 0 && access(key_file.c_str(), R_OK) == 0) return;
    // P-256 and a chain of one: TLS handshakes dominate the cost of some clients, and others hash
    // the whole chain.
    Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
    Owned<X509> certificate(X509_new());
    require(key && certificate, "no key");
    X509* c = certificate.get();
    X509_set_version(c, 2);
    std::string serial = random_bytes(16);
    serial[0] &= 0x7f;
    Owned<BIGNUM> number(BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()), 16, nullptr));
    BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(c));
    X509_gmtime_adj(X509_getm_notBefore(c), -300);
    X509_gmtime_adj(X509_getm_notAfter(c), 825L * 86400);
    X509_set_pubkey(c, key.get());
    std::string name = host_name.empty() ? "localhost" : host_name;
    X509_NAME* subject = X509_get_subject_name(c);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(c, subject);
    extend(c, NID_basic_constraints, "critical,CA:FALSE");
    extend(c, NID_key_usage, "critical,digitalSignature");
    extend(c, NID_ext_key_usage, "serverAuth");
    extend(c, NID_subject_alt_name, alternative_names(name));
    require(X509_sign(c, key.get(), EVP_sha256()) > 0, "cannot be signed");
    replace_file(key_file, pem([&](BIO* b) {
                     return PEM_write_bio_PrivateKey(b, key.get(), nullptr, nullptr, 0, nullptr,
                                                     nullptr);
                 }), 0600);
    replace_file(certificate_file, pem([&](BIO* b) { return PEM_write_bio_X509(b, c); }), 0644);
}

std::string fingerprint(const std::string& certificate_file, bool sha256) {
    std::string text = read_file(certificate_file);
    Owned<BIO> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    Owned<X509> certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    require(certificate != nullptr, "cannot be read");
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    X509_digest(certificate.get(), sha256 ? EVP_sha256() : EVP_sha1(), digest, &size);
    std::string out = hex({reinterpret_cast<char*>(digest), size});
    for (char& ch : out) {
        if (ch >= 'a') ch = static_cast<char>(ch - 32);
    }
    return out;
}

}  // namespace mds::http
