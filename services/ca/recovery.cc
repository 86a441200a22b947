// The offline recovery key (security.md 4, K-21, K-26): a recipient of every sealed authority key whose private
// key is on paper.
#include <filesystem>

#include "authority_store.hh"
#include "base/error.hh"
#include "base/text.hh"
#include "crypto/secret.hh"
#include "log/log.hh"
#include "pki/recovery_key.hh"
#include "pki/seal.hh"

namespace mds::ca {
namespace {

/// The certificate of a recovery key that not every key is sealed for yet.
constexpr char k_recovery_next[] = "recovery.pem.next";

}  // namespace

std::string AuthorityStore::sealed_key(const pki::Issuer& issuer,
                                       const std::optional<pki::Certificate>& recovery) const {
    std::vector<pki::Certificate> recipients{*sealing_certificate_};
    if (recovery) recipients.push_back(*recovery);
    std::string pem = issuer.key().pem();
    crypto::WipeAtEnd wipe(pem);
    return pki::seal(pem, recipients);
}

std::string AuthorityStore::recovery() const {
    return recovery_ ? "set" : recovery_declined_ ? "declined" : "not decided";
}

void AuthorityStore::set_recovery(const std::string& certificate_pem) {
    require_authority();
    if (id_.empty()) throw Error(Code::ha_invalid, "there is no deployment yet");
    if (certificate_pem.empty()) {
        if (recovery_ || recovery_declined_) return;  // what is decided is not undone by a second setup
        recovery_declined_ = true;
    } else {
        auto certificate = pki::Certificate::from_pem(certificate_pem);
        // A certificate that nothing can be sealed for is found here, not when it is needed.
        pki::seal("probe", {certificate});
        recovery_declined_ = false;
        use_recovery(certificate);
    }
    count();
    write_deployment();
}

void AuthorityStore::seal_for(const pki::Certificate& certificate) {
    const std::string next = folder_ + "/" + k_recovery_next;
    // First: while this stands here some keys are sealed for this one and some for the one before,
    // and the next start goes on.
    replace_file(next, certificate.pem(), 0640);
    for (const auto& [word, issuer] : issuers_) {
        replace_file(folder_ + "/" + word + ".cms", sealed_key(issuer, certificate), 0600);
    }
    std::filesystem::rename(next, folder_ + "/recovery.pem");
    sync_folder(folder_);
    recovery_ = certificate;
}

void AuthorityStore::use_recovery(const pki::Certificate& certificate) {
    try {
        seal_for(certificate);
    } catch (...) {
        // Whoever is told that this failed keeps the paper he had.
        for (const auto& [word, issuer] : issuers_) {
            try {
                replace_file(folder_ + "/" + word + ".cms", sealed_key(issuer, recovery_), 0600);
            } catch (const std::exception& e) {
                log::error(e.what());
            }
        }
        std::error_code ignored;
        std::filesystem::remove(folder_ + "/" + k_recovery_next, ignored);
        throw;
    }
}

void AuthorityStore::go_on_with_recovery() {
    const std::string next = folder_ + "/" + k_recovery_next;
    if (locked() || !std::filesystem::exists(next)) return;
    try {
        seal_for(pki::Certificate::from_pem(read_file(next)));
    } catch (const std::exception& e) {
        // An authority that signs is worth more; the next start tries again.
        log::error(std::string("the keys are not sealed for the new recovery key: ") + e.what());
    }
}

void AuthorityStore::take_recovery(const json::object& state) {
    recovery_declined_ = json::get_bool(state, "recovery-declined");
    std::string pem = json::get_string(state, "recovery");
    if (pem.empty() || (recovery_ && recovery_->pem() == pem)) return;
    use_recovery(pki::Certificate::from_pem(pem));
}

size_t AuthorityStore::recover(std::string_view words) {
    if (!locked()) throw Error(Code::ha_invalid, "this server can open the keys of its authorities; nothing to recover");
    if (!recovery_) {
        throw Error(Code::forbidden, "these keys were never sealed for a recovery key");
    }
    pki::Key key = pki::RecoveryKey::from_words(words).key();
    std::vector<std::pair<std::string, pki::Issuer>> opened;
    for (const std::string& word : locked_) {
        std::string pem;
        crypto::WipeAtEnd wipe(pem);
        try {
            pem = pki::open_sealed(read_file(folder_ + "/" + word + ".cms"), *recovery_, key);
        } catch (const Error& e) {
            if (e.code() != Code::forbidden) throw;
            throw Error(Code::forbidden, "these words are a recovery key, but not the one of deployment " + name_);
        }
        opened.emplace_back(word, pki::Issuer(pki::Certificate::from_pem(read_file(folder_ + "/" + word + ".pem")),
                                              pki::Key::from_pem(pem)));
    }
    for (const auto& [word, issuer] : opened) keep(word, issuer);
    locked_.clear();
    go_on_with_recovery();
    count();
    return opened.size();
}

}  // namespace mds::ca
