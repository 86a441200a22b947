// mdsctl administrator.
#include "words.hh"

namespace mds::ctl {

namespace {

/// What create and edit have in common.
CLI::App* with_fields(CLI::App* verb, AdministratorOrder& order) {
    verb->add_option("ADMINISTRATOR", order.name)->required();
    verb->add_option("--profile", order.profile, "rights in the deployment; see profile list")->type_name("PROFILE");
    verb->add_option("--permissions", order.permissions, "rights in a Domain; may be given more than once")
        ->type_name("DOMAIN=PROFILE");
    verb->add_option("--email", order.email);
    verb->add_option("--phone", order.phone);
    verb->add_option("--expires", order.expires, "the last day, like 2027-12-31")->type_name("DATE");
    verb->add_option("--comments", order.comments);
    verb->add_flag("--must-change", order.must_change, "the password is changed at the next login");
    return verb;
}

void change_words(Words& w, CLI::App* administrator) {
    Options& o = w.options;
    w.leaf(administrator, "show", "one administrator", [&](Client& c) { return administrator_show(c, o, w.name); })
        ->add_option("ADMINISTRATOR", w.name)
        ->required();
    auto& order = w.keep<AdministratorOrder>();
    CLI::App* create = with_fields(w.leaf(administrator, "create", "a new administrator; the password is asked",
                                          [&](Client& c) { return administrator_create(c, o, order); }),
                                   order);
    auto* file = create->add_option("--password-file", order.password_file, "file with the password; default: asked")
                     ->type_name("FILE");
    create->add_flag("--api-key", order.api_key, "logs in with API keys only")->excludes(file);
    CLI::App* edit = with_fields(w.leaf(administrator, "edit", "changes an administrator",
                                        [&](Client& c) { return administrator_edit(c, o, order); }),
                                 order);
    edit->add_option("--new-name", order.new_name)->type_name("NAME");
    edit->add_flag("--password", order.set_password, "a new password, which is asked");
    edit->add_option("--password-file", order.password_file, "file with the new password")->type_name("FILE");
    w.leaf(administrator, "delete", "deletes an administrator",
           [&](Client& c) { return administrator_delete(c, o, w.name); })
        ->add_option("ADMINISTRATOR", w.name)
        ->required();
    auto& keys = w.keep<KeysOrder>();
    CLI::App* key = w.leaf(administrator, "keys", "makes a key with which a program logs in, or ends one",
                           [&](Client& c) { return administrator_keys(c, o, keys); });
    key->add_option("ADMINISTRATOR", keys.name)->required();
    auto* fresh = key->add_flag("--new", keys.fresh, "a new key, shown once");
    key->add_option("--revoke", keys.revoke_file, "file with the key that is to end; - reads a line")
        ->type_name("FILE")
        ->excludes(fresh);
}

/// What create and edit of a profile have in common.
CLI::App* with_fields(CLI::App* verb, ProfileOrder& order) {
    verb->add_option("PROFILE", order.name)->required();
    verb->add_option("--set", order.fields, "a right, named as by show; repeatable")
        ->type_name("FIELD=VALUE");
    verb->add_option("--comments", order.comments);
    return verb;
}

void profile_words(Words& w, CLI::App* administrator) {
    Options& o = w.options;
    CLI::App* profile = administrator->add_subcommand("profile", "what administrators may");
    profile->require_subcommand(1);
    w.leaf(profile, "list", "all profiles", [&](Client& c) { return profile_list(c, o); });
    w.leaf(profile, "show", "one profile", [&](Client& c) { return profile_show(c, o, w.name); })
        ->add_option("PROFILE", w.name)
        ->required();
    auto& order = w.keep<ProfileOrder>();
    with_fields(w.leaf(profile, "create", "a new profile; it allows what it says",
                       [&](Client& c) { return profile_create(c, o, order); }),
                order)
        ->add_option("--of", order.of, "rights in Domains (default), or in the deployment")
        ->check(CLI::IsMember({"domains", "deployment"}));
    with_fields(w.leaf(profile, "edit", "changes a profile, for all administrators who have it",
                       [&](Client& c) { return profile_edit(c, o, order); }),
                order)
        ->add_option("--new-name", order.new_name)
        ->type_name("NAME");
    w.leaf(profile, "delete", "deletes a profile that nobody has",
           [&](Client& c) { return profile_delete(c, o, w.name); })
        ->add_option("PROFILE", w.name)
        ->required();
    Words::examples(profile, "mdsctl administrator profile show 'Super User'",
                    "mdsctl administrator profile create Installers --set access-control.install-policy=true",
                    "mdsctl administrator edit anna --permissions London=Installers");
}

}  // namespace

void add_administrator_words(Words& w) {
    Options& o = w.options;
    auto& certificate = w.keep<CertificateOrder>();
    auto& codes = w.keep<CodesOrder>();
    CLI::App* administrator = w.noun("administrator", "administrators: rights, keys, certificates, codes");
    administrator->alias("administrators")->alias("admin")->alias("admins");
    w.lists(administrator, "all administrators", [&](Client& c) { return administrator_list(c, o); });
    change_words(w, administrator);
    profile_words(w, administrator);
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
