#include "trust.hh"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "base/error.hh"
#include "base/text.hh"
#include "crypto/secret.hh"
#include "json/json.hh"
#include "pki/certificate.hh"
#include "pki/crl.hh"

namespace mds::sync {
namespace {

namespace fs = std::filesystem;

std::string chosen_folder() {
    const char* folder = std::getenv("MDS_TRUST");
    return folder ? folder : "/var/lib/mds/trust";
}

}  // namespace

TrustFolder::TrustFolder() : folder_(chosen_folder()), credentials_(folder_) {}

std::shared_ptr<wire::Tls> TrustFolder::load() {
    // deployment.json comes last: without it there is no identity yet.
    for (const char* name : {"identity.key", "identity.pem", "deployment.json"}) {
        if (!fs::exists(folder_ + "/" + name)) return nullptr;
    }
    auto file = [&](const char* name) { return read_file(folder_ + "/" + name); };
    wire::Credentials parts;
    parts.key = file("identity.key");
    crypto::WipeAtEnd wipe_key(parts.key);
    parts.certificate = file("identity.pem");
    parts.chain = file("chain.pem");
    parts.root = file("root.pem");
    if (fs::exists(folder_ + "/crl.pem")) parts.crl = file("crl.pem");
    parts.deployment = json::get_string(credentials_.deployment(), "id");
    return std::make_shared<wire::Tls>(parts);
}

std::string TrustFolder::deployment() const {
    return credentials_.present() ? read_file(folder_ + "/deployment.json") : "";
}

std::string TrustFolder::certificate() const {
    auto identity = pki::Certificate::from_pem(read_file(folder_ + "/identity.pem"));
    uint64_t number = 0;
    if (fs::exists(folder_ + "/crl.pem")) {
        auto authority = pki::Certificate::from_pem(read_file(folder_ + "/chain.pem"));
        for (const pki::Crl& crl : pki::Crl::list_from_pem(read_file(folder_ + "/crl.pem"))) {
            if (crl.is_from(authority)) number = std::max(number, crl.number());
        }
    }
    return json::text(json::object{{"serial", identity.serial()},
                                   {"not-before", identity.not_before()},
                                   {"not-after", identity.not_after()},
                                   {"revocations", number}});
}

std::array<std::string, 3> TrustFolder::authorities() const {
    if (!credentials_.present()) return {};
    auto file = [&](const char* name) { return read_file(folder_ + "/" + name); };
    return {file("chain.pem"), file("root.pem"),
            fs::exists(folder_ + "/crl.pem") ? file("crl.pem") : std::string()};
}

bool TrustFolder::install_revocations(const std::string& crl_pem) {
    return credentials_.install_revocations(crl_pem);
}

std::pair<std::string, std::string> TrustFolder::prepare(const std::string& name,
                                                         const std::string& uid) {
    enrol::Requests requests = credentials_.prepare(name, uid);
    return {requests.identity, requests.sealing};
}

void TrustFolder::install(const enrol::Issued& issued) {
    if (!credentials_.waiting()) {
        throw Error(Code::ha_invalid, "no keys wait for certificates: call PrepareIdentity first");
    }
    try {
        credentials_.install(issued);
    } catch (const Error& e) {
        throw Error(Code::validation_failed, e.message());
    }
}

}  // namespace mds::sync
