#include "trust.hh"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.hh"
#include "base/text.hh"
#include "json/json.hh"

namespace mds::sync {
namespace {

namespace fs = std::filesystem;

/// Keys that wait for their certificates; becomes k_ready with everything in it.
constexpr char k_pending[] = "/pending";
/// A complete installation whose files are being moved to their places.
constexpr char k_ready[] = "/ready";
constexpr const char* k_names[] = {"identity.key", "identity.pem",   "sealing.key",
                                   "sealing.pem",  "chain.pem",      "root.pem",
                                   "crl.pem",      "deployment.json"};

template <auto function>
struct Free {
    template <class T>
    void operator()(T* object) const {
        function(object);
    }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, Free<X509_REQ_free>>;
using CertificatePtr = std::unique_ptr<X509, Free<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Free<BIO_free_all>>;

void require(bool condition) {
    if (condition) return;
    ERR_clear_error();
    throw Error(Code::internal, "cannot make a key or a certificate request");
}

template <class Write>
std::string pem_of(Write write) {
    BioPtr bio(BIO_new(BIO_s_mem()));
    require(bio && write(bio.get()) == 1);
    char* data = nullptr;
    long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<size_t>(size)};
}

/// A new P-256 key (K-11) in `path`, and its certificate request.
std::string make_request(const std::string& path, const std::string& name, const std::string& uid) {
    KeyPtr key(EVP_EC_gen("P-256"));
    RequestPtr request(X509_REQ_new());
    require(key && request);
    X509_NAME* subject = X509_REQ_get_subject_name(request.get());
    auto add = [&](const char* field, const std::string& value) {
        require(X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                                           reinterpret_cast<const unsigned char*>(value.data()),
                                           static_cast<int>(value.size()), -1, 0) == 1);
    };
    add("CN", name);
    add("serialNumber", uid);
    require(X509_REQ_set_version(request.get(), 0) == 1 &&
            X509_REQ_set_pubkey(request.get(), key.get()) == 1 &&
            X509_REQ_sign(request.get(), key.get(), EVP_sha256()) > 0);
    replace_file(path, pem_of([&](BIO* bio) {
                     return PEM_write_bio_PKCS8PrivateKey(bio, key.get(), nullptr, nullptr, 0,
                                                          nullptr, nullptr);
                 }),
                 0600);
    return pem_of([&](BIO* bio) { return PEM_write_bio_X509_REQ(bio, request.get()); });
}

bool belongs(const std::string& certificate_pem, const std::string& key_pem) {
    BioPtr one(BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size())));
    BioPtr two(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
    CertificatePtr certificate(PEM_read_bio_X509(one.get(), nullptr, nullptr, nullptr));
    KeyPtr key(PEM_read_bio_PrivateKey(two.get(), nullptr, nullptr, nullptr));
    bool fits = certificate && key && X509_check_private_key(certificate.get(), key.get()) == 1;
    ERR_clear_error();
    return fits;
}

wire::Credentials credentials(const std::string& key, const TrustFolder::Files& files) {
    auto deployment = json::parse_object(files.deployment);
    return {key,        files.identity, files.chain,
            files.root, files.crl,      json::get_string(deployment, "id")};
}

std::string optional_file(const std::string& path) {
    return fs::exists(path) ? read_file(path) : "";
}

}  // namespace

TrustFolder::TrustFolder() {
    const char* folder = std::getenv("MDS_TRUST");
    folder_ = folder ? folder : "/var/lib/mds/trust";
}

std::shared_ptr<wire::Tls> TrustFolder::load() {
    finish_install();
    // deployment.json comes last in an enrolment too: without it there is no identity yet.
    for (const char* name : {"identity.key", "identity.pem", "deployment.json"}) {
        if (!fs::exists(folder_ + "/" + name)) return nullptr;
    }
    Files files;
    files.identity = read_file(folder_ + "/identity.pem");
    files.chain = read_file(folder_ + "/chain.pem");
    files.root = read_file(folder_ + "/root.pem");
    files.crl = optional_file(folder_ + "/crl.pem");
    files.deployment = read_file(folder_ + "/deployment.json");
    return std::make_shared<wire::Tls>(credentials(read_file(folder_ + "/identity.key"), files));
}

std::pair<std::string, std::string> TrustFolder::prepare(const std::string& name,
                                                         const std::string& uid) {
    std::string pending = folder_ + k_pending;
    fs::remove_all(pending);
    if (mkdir(pending.c_str(), 0700) != 0) {
        throw Error(Code::internal, "cannot make the folder " + pending);
    }
    std::string identity = make_request(pending + "/identity.key", name, uid);
    std::string sealing = make_request(pending + "/sealing.key", name, uid);
    return {identity, sealing};
}

void TrustFolder::install(const Files& files) {
    finish_install();
    std::string pending = folder_ + k_pending;
    if (!fs::exists(pending + "/sealing.key")) {
        throw Error(Code::ha_invalid, "no keys wait for certificates: call PrepareIdentity first");
    }
    std::string key = read_file(pending + "/identity.key");
    try {
        wire::Tls check(credentials(key, files));
    } catch (const Error& e) {
        throw Error(Code::validation_failed, e.message());
    }
    if (!belongs(files.sealing, read_file(pending + "/sealing.key"))) {
        throw Error(Code::validation_failed,
                    "the sealing certificate does not belong to the waiting key");
    }
    replace_file(pending + "/identity.pem", files.identity);
    replace_file(pending + "/sealing.pem", files.sealing);
    replace_file(pending + "/chain.pem", files.chain);
    replace_file(pending + "/root.pem", files.root);
    replace_file(pending + "/crl.pem", files.crl);
    replace_file(pending + "/deployment.json", files.deployment);
    // This rename is the commit; what follows is repeated after a power cut.
    fs::rename(pending, folder_ + k_ready);
    sync_folder(folder_);
    finish_install();
}

void TrustFolder::finish_install() {
    std::string ready = folder_ + k_ready;
    if (!fs::exists(ready)) return;
    for (const char* name : k_names) {
        if (fs::exists(ready + "/" + name)) {
            fs::rename(ready + "/" + name, folder_ + "/" + name);
        }
    }
    sync_folder(folder_);
    fs::remove_all(ready);
}

}  // namespace mds::sync
