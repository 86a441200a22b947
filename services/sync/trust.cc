#include "trust.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.hh"
#include "base/text.hh"
#include "json/json.hh"
#include "pki/certificate.hh"
#include "pki/key.hh"
#include "pki/request.hh"

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

/// A new key in `path`, and its certificate request.
std::string make_request(const std::string& path, const std::string& name, const std::string& uid) {
    pki::Key key = pki::Key::generate();
    replace_file(path, key.pem(), 0600);
    return pki::Request::make(key, name, uid).pem();
}

bool belongs(const std::string& certificate_pem, const std::string& key_pem) {
    return pki::Certificate::from_pem(certificate_pem).public_der() ==
           pki::Key::from_pem(key_pem).public_der();
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

std::string TrustFolder::deployment() const {
    std::string path = folder_ + "/deployment.json";
    return fs::exists(path) ? read_file(path) : "";
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
