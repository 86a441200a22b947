// mdsctl ca, and the verbs of mdsctl trust that are about certificates.
#include "words.hh"

namespace mds::ctl {

void add_authority_words(Words& w) {
    Options& o = w.options;
    auto& query = w.keep<CertificateQuery>();
    CLI::App* ca =
        w.noun("ca", "certificate authorities, what they have issued and revoked")->alias("cas");
    w.lists(ca, "all authorities", [&](Client& c) { return ca_list(c, o); });
    w.leaf(ca, "show", "one authority, with its certificate",
           [&](Client& c) { return ca_show(c, o, w.name); })
        ->add_option("CA", w.name, "root, servers, or a Domain")
        ->required();
    CLI::App* certs = w.leaf(ca, "certs", "what the authorities, or one, have issued",
                             [&](Client& c) { return ca_certificates(c, o, query); });
    certs->add_option("CA", query.authority, "root, servers, or a Domain");
    certs->add_option("--kind", query.kind, "only of this kind")
        ->type_name("KIND")
        ->check(CLI::IsMember(
            {"server", "sealing", "administrator", "gateway", "servers-ca", "domain-ca"}));
    certs->add_option("--status", query.status, "only those; renewed: there is a newer one")
        ->type_name("STATUS")
        ->check(CLI::IsMember({"valid", "renewed", "revoked", "expired"}));
    certs
        ->add_option("--expiring", query.expiring,
                     "those that end within this time (60d, 12h, 2w), the next first")
        ->type_name("TIME")
        ->check([](const std::string& text) {
            return read_days(text) >= 0 ? std::string()
                                        : text + " is no time; for example 60d or 12h";
        });
    w.leaf(ca, "revoke", "revokes a certificate at once; asks first",
           [&](Client& c) { return ca_revoke(c, o, w.name); })
        ->add_option("SERIAL", w.name, "its serial number, or the first 8 digits or more")
        ->required();
    w.leaf(ca, "crl", "the revocation lists that this server gives out",
           [&](Client& c) { return ca_crl(c, o); });
    Words::examples(ca, "mdsctl ca list", "mdsctl ca certs servers --expiring 60d",
                    "mdsctl ca revoke 5c1f20aa91 --dry-run");
}

void add_trust_change_words(Words& w, CLI::App* trust) {
    Options& o = w.options;
    CLI::App* renew = w.leaf(trust, "renew", "new certificates for a server at once",
                             [&](Client& c) { return trust_renew(c, o, w.name, w.all); });
    renew->add_option("SERVER", w.name);
    renew->add_flag("--all", w.all, "for every server");
    w.leaf(trust, "test", "from here to a server: name, route, ports, handshake, clock",
           [&](Client& c) { return trust_test(c, o, w.name); })
        ->add_option("SERVER", w.name)
        ->required();
    w.leaf(trust, "revoke",
           "on the Primary: revokes every certificate of a server, which is cut off",
           [&](Client& c) { return trust_revoke(c, o, w.name); })
        ->add_option("SERVER", w.name)
        ->required();
}

}  // namespace mds::ctl
