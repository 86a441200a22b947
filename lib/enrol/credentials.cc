#include "enrol/credentials.hh"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/clock.hh"
#include "base/error.hh"
#include "base/ids.hh"
#include "base/text.hh"
#include "crypto/secret.hh"
#include "pki/crl.hh"
#include "pki/key.hh"
#include "pki/request.hh"
#include "pki/verify.hh"

namespace mds::enrol {
namespace fs = std::filesystem;
namespace {

constexpr char k_pending[] = "/enrol-pending";
constexpr const char* k_files[] = {"identity.key", "identity.pem", "sealing.key", "sealing.pem",
                                   "chain.pem",    "root.pem",     "crl.pem",     "deployment.json"};

[[noreturn]] void fail(const std::string& what, const std::string& path) {
    throw Error(Code::internal, what + " " + path + ": " + std::strerror(errno));
}

void make_folder(const std::string& path) {
    if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) fail("cannot create", path);
}

/// Makes `path` a link to `target`, replacing what is there in one step.
void replace_link(const std::string& target, const std::string& path) {
    std::string temporary = path + ".new";
    unlink(temporary.c_str());
    if (symlink(target.c_str(), temporary.c_str()) != 0) fail("cannot create", temporary);
    if (rename(temporary.c_str(), path.c_str()) != 0) fail("cannot replace", path);
}

std::string make_request(const std::string& folder, const std::string& file,
                         const std::string& name, const std::string& uuid) {
    pki::Key key = pki::Key::generate();
    std::string pem = key.pem();
    crypto::WipeAtEnd wipe_pem(pem);
    replace_file(folder + "/" + file, pem, 0600);
    return pki::Request::make(key, name, uuid).pem();
}

void check_one(const std::string& pem, const std::string& key_file, const char* kind,
               const std::string& uuid, const Issued& issued) {
    pki::Certificate certificate = pki::Certificate::from_pem(pem);
    std::string key_pem = read_file(key_file);
    crypto::WipeAtEnd wipe_pem(key_pem);
    if (certificate.public_der() != pki::Key::from_pem(key_pem).public_der()) {
        throw Error(Code::forbidden, "A certificate was issued for another key than ours");
    }
    pki::Expectation expected;
    expected.deployment = issued.deployment_id;
    expected.scope = issued.scope;
    expected.kind = kind;
    expected.uuid = uuid;
    expected.anchors = pki::Certificate::list_from_pem(issued.root_pem);
    expected.intermediates = pki::Certificate::list_from_pem(issued.chain_pem);
    // The clocks may differ by 5 minutes; the certificate begins 5 minutes early.
    pki::verify(certificate, expected);
}

}  // namespace

Credentials::Credentials(std::string folder) : folder_(std::move(folder)) {}

Requests Credentials::prepare(const std::string& name, const std::string& uuid) {
    make_folder(folder_);
    std::string pending = folder_ + k_pending;
    fs::remove_all(pending);
    make_folder(pending);
    Requests requests;
    requests.identity = make_request(pending, "identity.key", name, uuid);
    requests.sealing = make_request(pending, "sealing.key", name, uuid);
    replace_file(pending + "/who.json", json::text(json::object{{"name", name}, {"uuid", uuid}}),
                 0600);
    return requests;
}

void Credentials::install(const Issued& issued) {
    std::string pending = folder_ + k_pending;
    json::object who = json::parse_object(read_file(pending + "/who.json"));
    std::string uuid = json::get_string(who, "uuid");
    if (issued.of_gateway()) {
        check_one(issued.identity_cert_pem, pending + "/identity.key", "gateway", uuid, issued);
    } else {
        check_one(issued.identity_cert_pem, pending + "/identity.key", "server", uuid, issued);
        check_one(issued.sealing_cert_pem, pending + "/sealing.key", "sealing", uuid, issued);
    }
    json::object deployment{{"id", issued.deployment_id},
                            {"name", issued.deployment_name},
                            {"scope", issued.scope},
                            {"uuid", uuid},
                            {"server-name", json::get_string(who, "name")},
                            {"members", json::parse(issued.members_json)}};
    for (auto [file, content] : {std::pair<const char*, const std::string*>
                                     {"identity.pem", &issued.identity_cert_pem},
                                 {"sealing.pem", &issued.sealing_cert_pem},
                                 {"chain.pem", &issued.chain_pem},
                                 {"root.pem", &issued.root_pem},
                                 {"crl.pem", &issued.crl_pem}}) {
        replace_file(pending + "/" + file, *content, 0600);
    }
    replace_file(pending + "/deployment.json", json::pretty(deployment) + "\n", 0600);
    unlink((pending + "/who.json").c_str());

    std::string set = "set-" + std::to_string(wall_ms()) + "-" + hex(random_bytes(4));
    std::string before;
    if (fs::is_symlink(folder_ + "/current")) before = fs::read_symlink(folder_ + "/current");
    if (rename(pending.c_str(), (folder_ + "/" + set).c_str()) != 0) fail("cannot rename", pending);
    sync_folder(folder_);
    replace_link(set, folder_ + "/current");
    // The first time only; deployment.json is the last: who looks for it finds the others.
    for (const char* file : k_files) {
        std::string path = folder_ + "/" + file;
        if (!fs::is_symlink(path)) replace_link(std::string("current/") + file, path);
    }
    sync_folder(folder_);
    // The set before goes only now: until here a crash leaves it in use.
    if (!before.empty() && before.starts_with("set-")) fs::remove_all(folder_ + "/" + before);
}

bool Credentials::install_revocations(const std::string& crl_pem) {
    if (!present()) throw Error(Code::ha_invalid, "there are no credentials to put lists to");
    // Not through the link: it would become a file.
    bool sets = fs::exists(folder_ + "/current");
    std::string path = folder_ + (sets ? "/current/crl.pem" : "/crl.pem");
    std::string before = fs::exists(path) ? read_file(path) : "";
    if (before == crl_pem) return false;
    std::vector<pki::Certificate> authorities =
        pki::Certificate::list_from_pem(read_file(folder_ + "/chain.pem"));
    const std::vector<pki::Certificate> roots = pki::Certificate::list_from_pem(read_file(folder_ + "/root.pem"));
    authorities.insert(authorities.end(), roots.begin(), roots.end());
    // Authorities of Domains come with their lists; the root says which are.
    std::vector<pki::Certificate> of_domains;
    for (pki::Certificate& shown : pki::Certificate::list_from_pem(crl_pem)) {
        bool ours = shown.is_authority() &&
                    std::any_of(roots.begin(), roots.end(), [&](const pki::Certificate& r) { return shown.is_from(r); });
        if (!ours) throw Error(Code::forbidden, "a revocation list of a stranger, " + shown.subject());
        of_domains.push_back(std::move(shown));
    }
    std::vector<pki::Crl> lists = pki::Crl::list_from_pem(crl_pem);
    std::vector<pki::Crl> old = pki::Crl::list_from_pem(before);
    auto number_of = [](const std::vector<pki::Crl>& all, const pki::Certificate& authority) {
        uint64_t number = 0;
        for (const pki::Crl& crl : all) {
            if (crl.is_from(authority)) number = std::max(number, crl.number());
        }
        return number;
    };
    bool newer = false;
    authorities.insert(authorities.end(), of_domains.begin(), of_domains.end());
    for (const pki::Certificate& authority : authorities) {
        uint64_t now = number_of(lists, authority), was = number_of(old, authority);
        if (now < was) {
            throw Error(Code::forbidden, "the revocation list " + std::to_string(now) + " of " +
                                             authority.subject() + " is older than the one in use, " +
                                             std::to_string(was));
        }
        newer |= now > was;
    }
    for (const pki::Crl& crl : lists) {
        bool known = std::any_of(authorities.begin(), authorities.end(),
                                 [&](const pki::Certificate& a) { return crl.is_from(a); });
        if (!known) throw Error(Code::forbidden, "a revocation list of a stranger");
    }
    if (!newer) return false;
    replace_file(path, crl_pem, 0600);
    return true;
}

void Credentials::forget() {
    // First the one whose absence says that there is nothing.
    fs::remove(folder_ + "/deployment.json");
    sync_folder(folder_);
    std::string set;
    if (fs::is_symlink(folder_ + "/current")) set = fs::read_symlink(folder_ + "/current");
    for (const char* file : k_files) fs::remove(folder_ + "/" + file);
    fs::remove(folder_ + "/current");
    if (set.starts_with("set-")) fs::remove_all(folder_ + "/" + set);
    fs::remove_all(folder_ + k_pending);
    sync_folder(folder_);
}

bool Credentials::waiting() const { return fs::exists(folder_ + k_pending + "/who.json"); }

bool Credentials::present() const { return fs::exists(folder_ + "/deployment.json"); }

json::object Credentials::deployment() const {
    if (!present()) return {};
    return json::parse_object(read_file(folder_ + "/deployment.json"));
}

std::string Credentials::fingerprint() const {
    if (!present()) return {};
    return hex(pki::Certificate::from_pem(read_file(folder_ + "/identity.pem")).fingerprint());
}

}  // namespace mds::enrol
