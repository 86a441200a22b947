// mdsctl administrator.
#include "words.hh"

namespace mds::ctl {

void add_administrator_words(Words& w) {
    Options& o = w.options;
    auto& certificate = w.keep<CertificateOrder>();
    auto& codes = w.keep<CodesOrder>();
    CLI::App* administrator = w.noun("administrator", "administrators: lock, certificates, one-time codes");
    administrator->alias("administrators")->alias("admin")->alias("admins");
    w.lists(administrator, "all administrators", [&](Client& c) { return administrator_list(c, o); });
    w.leaf(administrator, "unlock", "lets an administrator log in again who failed too often",
           [&](Client& c) { return administrator_unlock(c, o, w.name); })
        ->add_option("ADMINISTRATOR", w.name)
        ->required();
    CLI::App* personal = w.leaf(administrator, "certificate",
                                "shows the certificate with which an administrator logs in, or issues one",
                                [&](Client& c) { return administrator_certificate(c, o, certificate); });
    personal->add_option("ADMINISTRATOR", certificate.name)->required();
    auto* csr =
        personal->add_option("--csr", certificate.csr_file, "issues one for the key of this request (PKCS#10, PEM)")
            ->type_name("FILE");
    personal
        ->add_option("--p12", certificate.p12_file,
                     "issues one with a new key; this file gets both, sealed with a password")
        ->excludes(csr)
        ->type_name("FILE");
    personal
        ->add_option("--password-file", certificate.password_file,
                     "file with the password of the P12; default: asked")
        ->type_name("FILE");
    personal->add_option("--out", certificate.out_file, "file for the certificate; default: standard output")
        ->type_name("FILE");
    w.leaf(administrator, "revoke", "revokes the certificate of an administrator at once",
           [&](Client& c) { return administrator_revoke(c, o, w.name); })
        ->add_option("ADMINISTRATOR", w.name)
        ->required();
    CLI::App* totp =
        w.leaf(administrator, "totp", "shows whether an administrator logs in with one-time codes, or makes new ones",
               [&](Client& c) { return administrator_codes(c, o, codes); });
    totp->add_option("ADMINISTRATOR", codes.name)->required();
    auto* off = totp->add_flag("--off", codes.off, "the password alone is enough again");
    totp->add_flag("--new", codes.fresh, "a new secret and ten recovery codes, shown once")->excludes(off);
    Words::examples(administrator, "mdsctl administrator list",
                    "mdsctl administrator certificate anna --csr anna.csr --out anna.pem",
                    "mdsctl administrator totp anna --new");
}

}  // namespace mds::ctl
