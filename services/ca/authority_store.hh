#pragma once
#include <SQLiteCpp/SQLiteCpp.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "json/json.hh"
#include "pki/crl.hh"
#include "pki/issue.hh"

namespace mds::ca {

/// The row of the table `counter` that grows with every change.
inline constexpr char k_state[] = "state";
/// Numbers of revocation lists and states are epoch x 2^32 + counter (K-16).
inline constexpr int k_epoch_bits = 32;

/// The authorities that this server may sign with, and what they have issued. Keys lie in the folder
/// only as CMS blobs sealed for this server (K-21); serials and revocations in a database with
/// synchronous=FULL, because a forgotten revocation must not happen (K-19).
class AuthorityStore {
  public:
    explicit AuthorityStore(std::string folder);

    const std::string& deployment_id() const { return id_; }
    const std::string& deployment_name() const { return name_; }
    size_t authorities() const { return issuers_.size(); }

    std::string initialize(const std::string& name);
    std::string create_domain(const std::string& uid, const std::string& name);

    struct Server {
        std::string identity, sealing, chain, root, crl;
    };
    Server issue_server(const std::string& csr_identity, const std::string& csr_sealing,
                        const std::string& name, const std::string& uuid);
    // administrators.cc
    struct Personal {
        std::string certificate, chain, root;
    };
    /// The certificate with which an administrator logs in; every earlier one is revoked (superseded).
    Personal issue_administrator(const std::string& csr, const std::string& name, const std::string& uuid);
    /// The administrator was deleted or logs in otherwise; returns how many were revoked.
    int revoke_administrator(const std::string& uuid, const std::string& reason);
    /// [{"uuid","serial","key" (SHA-256 of the public key, hexadecimal),"issued","not-after","revoked"}], in
    /// order of issue; of one administrator with "certificate" (PEM).
    json::array administrator_certificates(const std::string& uuid);

    // gateways.cc
    struct Gateway {
        /// `chain`: the Domain's authority and the Servers CA.
        std::string certificate, chain, root, crl;
    };
    /// For the key of a gateway's own request.
    Gateway issue_gateway(const std::string& domain, const std::string& csr, const std::string& name,
                          const std::string& uuid);
    /// Revokes the gateways' certificates (serials) of a Domain that are `gone`, and those that nobody has
    /// published within a week; returns how many.
    int settle_gateways(const std::string& domain, const std::vector<std::string>& in_effect,
                        const std::vector<std::string>& gone);

    void revoke(const std::string& serial, const std::string& reason);
    /// Every certificate of a server; none is issued to it any more.
    void revoke_server(const std::string& uuid, const std::string& reason);
    /// Of the Servers CA and the root, PEM.
    std::string revocation_lists();
    /// What servers refuse connections by, PEM: those, and of each Domain CA of which an administrator has revoked a
    /// gateway's certificate that has not ended, the authority and the list of these. Servers know by their Domains'
    /// data which gateways are gone.
    std::string server_revocations();

    // lists.cc
    /// Where the lists are served from now on, "http://HOST:PORT" of every server; what is issued later
    /// names them (K-18).
    void set_servers(const std::vector<std::string>& urls);
    /// Signs every list that is new, that lacks a revocation, that is of an earlier epoch or has used up
    /// 60 % of its life (K-16). True: some were signed. Nothing on a replica.
    bool renew_lists();
    /// Whether time alone makes a list due; costs nearly nothing.
    bool lists_are_due();
    /// {"version","after","lists":[{"name","pem"}]}: the lists that were signed after that version.
    json::object lists_after(uint64_t version);

    // recovery.cc
    /// From now on the words of the offline recovery key open every authority key as well (K-21, K-26):
    /// its certificate (PEM); empty: the administrator does not want one.
    void set_recovery(const std::string& certificate_pem);
    /// "set", "declined", or "not decided".
    std::string recovery() const;
    /// Keys lie here that this server's sealing key does not open: it was lost, or the folder is of another
    /// server. Nothing is signed until recover().
    bool locked() const { return !locked_.empty(); }
    /// Opens them with the words of the recovery key and seals them for this server; returns how many.
    /// Throws mds::Error(forbidden), and nothing has changed, when the words are of another key.
    size_t recover(std::string_view words);

    // replica.cc
    /// Whether this is a copy of another server's authority that may not sign.
    bool replica() const { return replica_; }
    /// Grows with every change.
    uint64_t number();
    std::string sealing_certificate() const { return sealing_certificate_->pem(); }
    std::string export_for(const std::string& recipient_pem);
    void import(std::string_view sealed);
    void activate();
    /// What only another copy of the authority knew; returns how many revocations were new.
    size_t merge(std::string_view sealed);
    void retire();
    // listing.cc
    /// [{"name","kind","subject","serial","not-before","not-after","key" (it is opened here),"issued","counts":{"valid",
    /// "renewed","revoked","expired"}}]; of one (`only`) with "certificate" (PEM) and "fingerprint".
    json::array find_authorities(const std::string& only);
    /// Conditions of `query`, each of which may be missing: "authority", "kind", "state", "uuid", "serial" (its
    /// beginning), "text" (in subject or serial), "until" (ms: it ends by then; in that order), "offset", "limit".
    /// {"certificates":[{"serial","authority","subject","uuid","kind","issued","not-before","not-after","state"
    /// ("valid", "renewed", "revoked", "expired"),"revoked-at","reason","part"}],"total"}.
    json::object find_certificates(const json::object& query);
    json::array list_authorities();
    json::array list_certificates(const std::string& authority);

  private:
    void load(const std::string& word);
    void keep(const std::string& word, const pki::Issuer& issuer);
    /// The key of an authority for this server and a recovery key (K-21).
    std::string sealed_key(const pki::Issuer& issuer,
                           const std::optional<pki::Certificate>& recovery) const;
    /// Seals every key anew, for this recipient in place of the one before.
    void seal_for(const pki::Certificate& certificate);
    /// The same; when it throws, the one before opens everything.
    void use_recovery(const pki::Certificate& certificate);
    /// After a power cut in the middle of use_recovery().
    void go_on_with_recovery();
    /// What another copy of this authority says of the recovery key.
    void take_recovery(const json::object& state);
    const pki::Issuer& issuer(const std::string& word) const;
    /// Throws on a replica.
    void require_authority() const;
    static void check_reason(const std::string& reason);
    /// Something was changed.
    void count();
    void write_deployment();
    /// Numbers of lists and state from the next epoch on, past this one too.
    void go_ahead_of(uint64_t past);
    /// Another mds-ca's export, which must be of this deployment when there is one.
    json::object opened(std::string_view sealed) const;
    /// A part of an authority's certificates, small enough for one list: they stay in it for ever. Two
    /// authorities of a split number theirs apart, because their epochs differ.
    struct Part {
        int64_t epoch = 0, number = 1;
        std::string text() const { return std::to_string(epoch) + "-" + std::to_string(number); }
    };
    /// Revokes what is in effect of somebody, of this kind ("" any); returns how many. In a transaction.
    int revoke_of(const std::string& uuid, const std::string& kind, const std::string& reason);
    void record(const std::string& authority, const pki::Certificate& certificate, const Part& part,
                const std::string& uuid, const std::string& kind);
    /// The part of the next certificate of an authority.
    Part next_part(const std::string& authority);
    pki::CrlPoint point(const std::string& authority, const Part& part) const;
    /// Certificates that were issued before there were parts.
    void assign_parts();
    int64_t epoch();
    pki::Crl crl(const std::string& authority, bool by_hand = false);

    std::string folder_, id_, name_;
    bool replica_ = false;
    std::unique_ptr<SQLite::Database> database_;
    std::optional<pki::Key> sealing_key_;
    std::optional<pki::Certificate> sealing_certificate_;
    /// The recipient that is no server; `recovery_declined_`: nobody wanted one.
    std::optional<pki::Certificate> recovery_;
    bool recovery_declined_ = false;
    /// Authorities whose keys cannot be opened.
    std::vector<std::string> locked_;
    /// "root", "servers", or a Domain's uid.
    std::map<std::string, pki::Issuer> issuers_;
    /// set_servers().
    std::vector<std::string> urls_;
};

}  // namespace mds::ca
