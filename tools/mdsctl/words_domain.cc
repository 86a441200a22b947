// mdsctl domain, ds, licence, gateway.
#include "words.hh"

namespace mds::ctl {
namespace {

void domain_words(Words& w) {
    Options& o = w.options;
    CLI::App* domain = w.noun("domain", "Domains")->alias("domains");
    w.lists(domain, "the grid: a row a Domain, a column a server", [&](Client& c) {
         return domain_list(c, o, w.problems);
     })->add_flag("--problems", w.problems, "only Domains that are not well");
    w.leaf(domain, "show", "one Domain and its servers", [&](Client& c) { return domain_show(c, o, w.name); })
        ->add_option("DOMAIN", w.name)
        ->required();
    auto& create = w.keep<DomainCreate>();
    CLI::App* make = w.leaf(domain, "create", "a new Domain with its servers",
                            [&](Client& c) { return domain_create(c, o, create); });
    make->add_option("DOMAIN", create.name)->required();
    make->add_option("--on", create.on, "Multi-Domain Server of the first (Active) server")
        ->required()
        ->type_name("SERVER");
    make->add_option("--ip", create.address, "its address");
    make->add_option("--standby", create.standby, "SERVER[=ADDRESS] of a Standby; may be repeated")
        ->type_name("SERVER[=ADDRESS]");
    make->add_option("--log", create.log, "SERVER[=ADDRESS] of a log server; may be repeated")
        ->type_name("SERVER[=ADDRESS]");
    auto& edit = w.keep<DomainEdit>();
    CLI::App* change =
        w.leaf(domain, "edit", "comments and colour of a Domain", [&](Client& c) { return domain_edit(c, o, edit); });
    change->add_option("DOMAIN", edit.name)->required();
    change->add_option("--comments", edit.comments, "what it is");
    change->add_option("--colour", edit.colour, "its colour");
    CLI::App* assign = w.leaf(domain, "assign-global", "brings the published global policy to Domains",
                              [&](Client& c) { return domain_assign_global(c, o, w.names, w.all); });
    auto* some = assign->add_option("DOMAIN", w.names, "Domains with a global assignment");
    assign->add_flag("--all", w.all, "every Domain that has one")->excludes(some);
    w.leaf(domain, "gateways", "from which server each gateway has its policy; exit 3 when one has none left",
           [&](Client& c) { return domain_gateways(c, o, w.name); })
        ->add_option("DOMAIN", w.name)
        ->required();
    w.leaf(domain, "delete", "a Domain with all its servers and data",
           [&](Client& c) { return domain_delete(c, o, w.name); })
        ->add_option("DOMAIN", w.name)
        ->required();
    auto& file = w.keep<std::string>();
    CLI::App* keep = w.leaf(domain, "backup", "what is published in a Domain, as a file on this server",
                            [&](Client& c) { return domain_backup(c, o, w.name, file); });
    keep->add_option("DOMAIN", w.name)->required();
    keep->add_option("--file", file, "below /var/backups/mds; a name alone is one there")->required();
    auto& restored = w.keep<DomainRestore>();
    CLI::App* bring = w.leaf(domain, "restore", "a new Domain on this server with the content of a backup",
                             [&](Client& c) { return domain_restore(c, o, restored); });
    bring->add_option("--file", restored.file, "as domain backup has made it")->required();
    bring->add_option("--name", restored.name, "name of the Domain; default: as it was");
    bring->add_option("--server-name", restored.server_name, "name of its server; default: as it was, or NAME-1");
    bring->add_option("--ip", restored.address, "address of its server; default: as it was");
    bring->add_flag("--verify", restored.verify, "only reads all of the backup and proves it");
    Words::examples(domain, "mdsctl domain list --problems", "mdsctl domain show London",
                    "mdsctl domain create London --on london-mds-01 --standby tokyo-mds-01 --log fra-log-01");
}

void ds_words(Words& w) {
    Options& o = w.options;
    CLI::App* ds = w.noun("ds", "Domain Servers");
    w.lists(ds, "every Domain Server of the deployment", [&](Client& c) { return ds_list(c, o); });
    CLI::App* make = w.leaf(ds, "create", "another server of a Domain", [&](Client& c) {
        return ds_create(c, o, w.name, w.target, w.address, w.new_name, w.log_server);
    });
    make->add_option("DOMAIN", w.name)->required();
    make->add_option("SERVER", w.target)->required();
    make->add_option("--ip", w.address, "its address");
    make->add_option("--name", w.new_name, "its name");
    make->add_flag("--log", w.log_server, "a log server");
    CLI::App* mirror =
        w.leaf(ds, "mirror", "creates the Standbys that are missing on a server, for all Domains",
               [&](Client& c) { return ds_mirror(c, o, w.target, w.names); });
    mirror->add_option("--to", w.target, "Multi-Domain Server that gets them")
        ->required()
        ->type_name("SERVER");
    mirror
        ->add_option("--domains", w.names,
                     "only these Domains, with the address that the server of each gets")
        ->delimiter(',')
        ->type_name("DOMAINS[=ADDRESS]");
    CLI::App* drop = w.leaf(ds, "delete", "a Standby server of a Domain",
                            [&](Client& c) { return ds_delete(c, o, w.name, w.target); });
    drop->add_option("DOMAIN", w.name)->required();
    drop->add_option("SERVER", w.target)->required();
    auto process = [&](const char* word, const char* text) {
        CLI::App* verb = w.leaf(ds, word, text, [&w, word](Client& c) {
            return ds_process(c, w.options, word, w.name, w.target);
        });
        verb->add_option("DOMAIN", w.name, "the Domain; or the Domain Server's own name, alone")->required();
        verb->add_option("SERVER", w.target, "the Multi-Domain Server it is on");
    };
    process("start", "starts the process of a Domain Server, on whichever host it is");
    process("stop", "stops it; it stays stopped until it is started, or its host boots");
    process("restart", "stops and starts it");
    w.leaf(ds, "promote", "the Active server here becomes Primary when the Primary one is lost",
           [&](Client& c) { return ds_promote(c, o, w.name); })
        ->add_option("DOMAIN", w.name)
        ->required();
    Words::examples(ds, "mdsctl ds list -o csv",
                    "mdsctl ds restart London nyc-mds-01",
                    "mdsctl ds mirror --to nyc-mds-01 --domains London=10.3.0.21,Tokyo=10.3.0.22");
}

void licence_words(Words& w) {
    Options& o = w.options;
    auto& type = w.keep<std::string>();
    CLI::App* licence = w.noun("licence", "licence records of Domain Servers")->alias("license");
    licence->alias("licences")->alias("licenses");
    w.lists(licence, "the records of all Domain Servers", [&](Client& c) { return licence_list(c, o); });
    CLI::App* attach = w.leaf(licence, "attach", "records the licence of a Domain Server",
                              [&](Client& c) { return licence_attach(c, o, w.name, w.target, type); });
    attach->add_option("DOMAIN", w.name)->required();
    attach->add_option("SERVER", w.target)->required();
    attach->add_option("TYPE", type, "standard, or ha: for a second copy only")
        ->required()
        ->check(CLI::IsMember({"standard", "ha"}));
    CLI::App* detach = w.leaf(licence, "detach", "deletes the record",
                              [&](Client& c) { return licence_attach(c, o, w.name, w.target, "none"); });
    detach->add_option("DOMAIN", w.name)->required();
    detach->add_option("SERVER", w.target)->required();
    Words::examples(licence, "mdsctl licence list -o csv", "mdsctl licence attach London tokyo-mds-01 ha",
                    "mdsctl licence detach London tokyo-mds-01");
}

void gateway_words(Words& w) {
    Options& o = w.options;
    CLI::App* gateway = w.noun("gateway", "gateways of the Domains")->alias("gateways");
    auto domains = [&](CLI::App* verb) {
        verb->add_option("-D,--domain", w.in_domain, "only those of this Domain")->type_name("DOMAIN");
        return verb;
    };
    domains(w.lists(gateway, "all gateways, and from which server each has its policy",
                    [&](Client& c) { return gateway_list(c, o, w.in_domain, false); }));
    domains(w.leaf(gateway, "stale", "those whose management servers all do not answer; exit 3 when there are",
                   [&](Client& c) { return gateway_list(c, o, w.in_domain, true); }));
    auto of_domain = [&](CLI::App* verb) {
        verb->add_option("-D,--domain", w.in_domain, "the Domain of the gateway")->required()->type_name("DOMAIN");
        return verb;
    };
    of_domain(w.leaf(gateway, "show", "one gateway, its trust, and from where it has its policy",
                     [&](Client& c) { return gateway_show(c, o, w.in_domain, w.name); }))
        ->add_option("GATEWAY", w.name)
        ->required();
    CLI::App* trust = of_domain(w.leaf(gateway, "trust", "establishes trust with a gateway",
                                       [&](Client& c) { return gateway_trust(c, o, w.in_domain, w.name, w.key_file); }));
    trust->add_option("GATEWAY", w.name)->required();
    trust->add_option("--key-file", w.key_file, "file with the activation key that was set there; default: asked")
        ->type_name("FILE");
    auto& install = w.keep<InstallOrder>();
    CLI::App* policy = of_domain(w.leaf(gateway, "install-policy", "installs the published policy on gateways",
                                        [&](Client& c) {
                                            install.domain = w.in_domain;
                                            return gateway_install(c, o, install);
                                        }));
    policy->add_option("GATEWAYS", install.gateways)->required();
    policy->add_option("--package", install.package, "policy package; default: the only one")->type_name("PACKAGE");
    policy->add_flag("--preview", install.preview, "shows what would change on them, and installs nothing");
    Words::examples(gateway, "mdsctl gateway list -D London -o csv", "mdsctl gateway trust gw-1 -D London --key-file key",
                    "mdsctl gateway install-policy gw-1 gw-2 -D London --preview");
}

}  // namespace

void add_domain_words(Words& w) {
    domain_words(w);
    ds_words(w);
    licence_words(w);
    gateway_words(w);
}

}  // namespace mds::ctl
