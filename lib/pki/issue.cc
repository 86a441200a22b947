#include "pki/issue.hh"

#include "base/error.hh"
#include "base/ids.hh"
#include "pki/extensions.hh"

namespace mds::pki {
using namespace crypto;
namespace {

constexpr int64_t k_day = 86'400'000;
constexpr int64_t k_early = 300'000;

CertificateHandle draft(EVP_PKEY* public_key, const X509_NAME* subject, const X509_NAME* issuer,
                        int64_t now, int64_t lifetime) {
    CertificateHandle certificate(require_ptr(X509_new(), "certificate"));
    X509* x = certificate.get();
    std::string serial = random_bytes(16);
    // Positive, and always 16 bytes long.
    serial[0] = static_cast<char>((serial[0] & 0x3f) | 0x40);
    IntegerHandle number = serial_of(hex(serial));
    TimeHandle begin = time_of(now - k_early), end = time_of(now + lifetime);
    require(X509_set_version(x, X509_VERSION_3) == 1 &&
                X509_set_serialNumber(x, number.get()) == 1 &&
                X509_set1_notBefore(x, begin.get()) == 1 &&
                X509_set1_notAfter(x, end.get()) == 1 && X509_set_subject_name(x, subject) == 1 &&
                X509_set_issuer_name(x, issuer) == 1 && X509_set_pubkey(x, public_key) == 1,
            "certificate");
    return certificate;
}

void sign(X509* certificate, const Key& key) {
    require(X509_sign(certificate, key.get(), digest_for(key.get())) > 0, "signature");
}

bool is_authority_kind(Kind kind) {
    return kind == Kind::root || kind == Kind::servers_ca || kind == Kind::domain_ca;
}

/// What an authority of this scope may issue.
bool may_issue(const std::string& scope, Kind kind) {
    if (is_authority_kind(kind)) return scope == "deployment" && kind != Kind::root;
    if (scope == "deployment") return false;
    bool of_a_domain = kind == Kind::domain_server || kind == Kind::gateway;
    return of_a_domain == (scope != "servers");
}

}  // namespace

std::string_view kind_text(Kind kind) {
    switch (kind) {
        case Kind::root: return "root";
        case Kind::servers_ca: return "servers-ca";
        case Kind::domain_ca: return "domain-ca";
        case Kind::server: return "server";
        case Kind::sealing: return "sealing";
        case Kind::console: return "console";
        case Kind::domain_server: return "domain-server";
        case Kind::administrator: return "administrator";
        case Kind::gateway: return "gateway";
    }
    return "";
}

std::string_view uri_kind(Kind kind) {
    return is_authority_kind(kind) ? "authority" : kind_text(kind);
}

int64_t lifetime_ms(Kind kind) {
    // The calendar's leap days included: 20 years are 7305 days.
    if (kind == Kind::root) return 7305 * k_day;
    if (is_authority_kind(kind)) return 3652 * k_day;
    return (kind == Kind::administrator || kind == Kind::gateway ? 365 : 180) * k_day;
}

Issuer::Issuer(Certificate certificate, Key key)
    : certificate_(std::move(certificate)), key_(std::move(key)) {
    if (certificate_.public_der() != key_.public_der()) {
        throw Error(Code::internal, "The key of an authority does not belong to its certificate");
    }
}

Issuer Issuer::make_root(const std::string& deployment, const std::string& name, int64_t now) {
    Key key = Key::generate(Curve::p384);
    NameHandle subject = make_name(deployment, "", name + " Root");
    CertificateHandle x =
        draft(key.get(), subject.get(), subject.get(), now, lifetime_ms(Kind::root));
    add_usages(x.get(), Kind::root);
    add_names(x.get(),
              {"root", "deployment", deployment, std::string(uri_kind(Kind::root)),
               Uid::make().text()},
              {});
    add_key_ids(x.get(), x.get());
    sign(x.get(), key);
    return {Certificate(x.release()), key};
}

Issuer Issuer::make_authority(Kind kind, const std::string& scope, const std::string& name,
                              int64_t now, const CrlPoint& crl) const {
    Uri mine = certificate_.uri();
    if (!is_authority_kind(kind) || !may_issue(mine.scope, kind) ||
        (kind == Kind::servers_ca) != (scope == "servers")) {
        throw Error(Code::forbidden, "This authority must not make such an authority");
    }
    Key key = Key::generate();
    std::string title = kind == Kind::servers_ca ? "Servers CA" : name + " CA";
    NameHandle subject = make_name(mine.deployment, scope, title);
    CertificateHandle x = draft(key.get(), subject.get(),
                                X509_get_subject_name(certificate_.get()), now, lifetime_ms(kind));
    add_usages(x.get(), kind);
    Uri uri{label(kind == Kind::servers_ca ? "servers-ca" : name), scope, mine.deployment,
            std::string(uri_kind(kind)), Uid::make().text()};
    add_names(x.get(), Uri::parse(uri.text()), {});
    add_constraints(x.get(), mine.deployment, scope);
    add_crl_point(x.get(), crl, mine);
    add_key_ids(x.get(), certificate_.get());
    sign(x.get(), key_);
    return {Certificate(x.release()), key};
}

Certificate Issuer::issue(Kind kind, const Request& request, const Subject& subject,
                          int64_t now) const {
    return issue_public(kind, X509_REQ_get0_pubkey(request.get()), subject, now);
}

Certificate Issuer::issue(Kind kind, const Key& key, const Subject& subject, int64_t now) const {
    return issue_public(kind, key.get(), subject, now);
}

Certificate Issuer::issue_public(Kind kind, void* public_key, const Subject& subject,
                                 int64_t now) const {
    Uri mine = certificate_.uri();
    if (is_authority_kind(kind) || !may_issue(mine.scope, kind)) {
        throw Error(Code::forbidden, "The authority \"" + mine.scope +
                                         "\" must not issue a certificate for a " +
                                         std::string(kind_text(kind)));
    }
    if (kind != Kind::console && (!subject.dns_names.empty() || !subject.addresses.empty())) {
        throw Error(Code::forbidden, "Only console certificates have host names");
    }
    // Parsed again: a name that would not be accepted at the other end is refused here.
    Uri uri = Uri::parse(Uri{label(subject.name), mine.scope, mine.deployment,
                             std::string(uri_kind(kind)), subject.uuid}
                             .text());
    NameHandle name = make_name(mine.deployment, mine.scope, subject.name);
    int64_t lifetime = std::min(lifetime_ms(kind), certificate_.not_after() - now);
    CertificateHandle x = draft(static_cast<EVP_PKEY*>(public_key), name.get(),
                                X509_get_subject_name(certificate_.get()), now, lifetime);
    add_usages(x.get(), kind);
    add_names(x.get(), uri, subject);
    add_crl_point(x.get(), subject.crl, mine);
    add_key_ids(x.get(), certificate_.get());
    sign(x.get(), key_);
    return Certificate(x.release());
}

Certificate self_signed(const Key& key, Kind kind, std::string_view name, int64_t now, int days) {
    NameHandle subject = make_name("", "", std::string(name));
    CertificateHandle x = draft(key.get(), subject.get(), subject.get(), now, days * k_day);
    add_usages(x.get(), kind);
    add_key_ids(x.get(), x.get());
    sign(x.get(), key);
    Certificate shared = Certificate::share(x.get());
    return shared;
}

}  // namespace mds::pki
