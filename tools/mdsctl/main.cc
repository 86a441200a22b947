// mdsctl: runs the system (mdsctl(1)). This file alone sees CLI11.
#include <sys/ioctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <cstring>

#include "base/text.hh"
#include "base/version.hh"
#include "completion.hh"
#include "draw.hh"
#include "interrupt.hh"
#include "usage.hh"
#include "verbs.hh"

namespace {

using mds::ctl::Client;
using mds::ctl::Form;
using mds::ctl::Options;
using mds::ctl::safe;

/// "90s", "5m", "90"; 0 when it is no time.
int read_seconds(const std::string& text) {
    size_t digits = text.find_first_not_of("0123456789");
    std::string unit = digits == std::string::npos ? "s" : text.substr(digits);
    if (digits == 0 || text.empty() || text.size() > 6 || (unit != "s" && unit != "m")) return 0;
    return std::atoi(text.c_str()) * (unit == "m" ? 60 : 1);
}

Form form_of(const std::string& output, bool json) {
    if (output == "wide") return Form::wide;
    if (output == "jsonl") return Form::jsonl;
    if (output == "csv") return Form::csv;
    if (output == "name") return Form::name;
    return json || output == "json" ? Form::json : Form::table;
}

void detect_terminal(Options& o, const std::string& colour) {
    o.terminal = isatty(STDOUT_FILENO);
    winsize size{};
    if (o.terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        o.width = size.ws_col;
    }
    const char* term = std::getenv("TERM");
    bool dumb = !term || !std::strcmp(term, "dumb") || !*term;
    o.moves = o.terminal && !dumb;
    o.colour = colour == "always" ||
               (colour == "auto" && o.terminal && !dumb && !std::getenv("NO_COLOR"));
    for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
        const char* value = std::getenv(name);
        if (!value || !*value) continue;
        if (!std::strstr(value, "UTF-8") && !std::strstr(value, "utf8")) o.ascii = true;
        return;
    }
    o.ascii = true;
}

int report(const Options& o, const mds::Error& e) {
    if (o.json) {
        mds::json::object body{{"code", mds::code_word(e.code())},
                               {"message", e.message()},
                               {"hint", e.next()},
                               {"rf", e.refusal_id()}};
        std::fprintf(stderr, "%s\n", mds::json::text(body).c_str());
        return exit_code(e.code());
    }
    std::string id = e.refusal_id().empty() ? "" : "  [" + e.refusal_id() + "]";
    std::fprintf(stderr, "Error: %s%s\n", safe(e.message()).c_str(), id.c_str());
    for (const std::string& line : e.errors()) std::fprintf(stderr, "  %s\n", safe(line).c_str());
    for (const std::string& line : e.warnings()) std::fprintf(stderr, "  Warning: %s\n", safe(line).c_str());
    if (!e.next().empty()) std::fprintf(stderr, "Next:  %s\n", safe(e.next()).c_str());
    return exit_code(e.code());
}

/// "FORMAT:{csv,json}": what a parameter is called, and the values that are allowed.
void read_type(const CLI::Option& option, mds::ctl::Parameter& out) {
    std::string type = option.get_type_name();
    size_t open = type.find('{'), close = type.find('}');
    if (open != std::string::npos && close != std::string::npos) {
        out.values = mds::split(type.substr(open + 1, close - open - 1), ',');
        type = type.substr(0, open);
    }
    if (option.get_type_size() == 0) return;  // a flag
    out.kind = type.substr(0, type.find(':'));
    out.repeats = option.get_items_expected_max() > 1;
}

mds::ctl::Word describe(const CLI::App& app) {
    mds::ctl::Word word;
    word.name = app.get_name();
    word.text = app.get_description();
    word.aliases = app.get_aliases();
    word.hidden = app.get_group().empty();
    for (const CLI::Option* option : app.get_options()) {
        mds::ctl::Parameter parameter;
        parameter.text = option->get_description();
        read_type(*option, parameter);
        if (option->get_positional() && !parameter.kind.empty()) parameter.kind = option->get_name(true);
        for (const std::string& n : option->get_snames()) parameter.names.push_back("-" + n);
        for (const std::string& n : option->get_lnames()) parameter.names.push_back("--" + n);
        if (!parameter.names.empty()) word.options.push_back(parameter);
        if (!option->get_positional()) continue;
        parameter.names.clear();
        word.positionals.push_back(std::move(parameter));
    }
    for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
        word.words.push_back(describe(*sub));
    }
    return word;
}

/// Whether errors are told to a program, of a command line that the parser did not read to its end.
bool wants_json(const std::vector<std::string>& words) {
    std::string line = " " + mds::join(words, " ") + " ";
    for (const char* option : {" --json ", " -o json ", " -o jsonl ", " -ojson ", " --output json ", " --output=json "}) {
        if (line.find(option) != std::string::npos) return true;
    }
    return false;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Runs an OpenMDS deployment: servers, Domains, High Availability, tasks."};
    app.name("mdsctl");
    app.require_subcommand(1);
    app.set_help_all_flag("--help-all", "help of every verb");
    app.fallthrough();
    Options o;
    std::string colour = "auto", output, timeout;
    bool no_wait = false, no_headers = false;
    app.add_flag("--json", o.json, "the same as -o json");
    app.add_option("-o,--output", output, "form of the output; csv as RFC 4180, jsonl a line an object")
        ->type_name("FORM")
        ->check(CLI::IsMember({"table", "wide", "json", "jsonl", "csv", "name"}));
    app.add_flag("-y,--yes", o.yes, "no question");
    app.add_option("--reason", o.reason, "stored in the audit record");
    app.add_flag("--no-wait", no_wait, "print the task's id instead of following it");
    app.add_option("--timeout", timeout, "give up waiting after this time (90s, 5m); the task goes on")
        ->type_name("TIME")
        ->check([](const std::string& text) {
            return read_seconds(text) ? std::string() : text + " is no time; for example 90s or 5m";
        });
    app.add_option("--color", colour, "colours; NO_COLOR in the environment is never")
        ->type_name("WHEN")
        ->check(CLI::IsMember({"auto", "always", "never"}));
    app.add_flag("--ascii", o.ascii, "no symbols beyond ASCII");
    app.add_flag("--no-headers", no_headers, "tables without their first line");
    app.add_flag("-q,--quiet", o.quiet, "only errors");
    app.set_version_flag("--version", std::string("mdsctl ") + mds::version());

    std::function<int(Client&)> verb;
    auto leaf = [&](CLI::App* noun, const char* name, const char* text,
                    std::function<int(Client&)> run) {
        CLI::App* sub = noun->add_subcommand(name, text);
        sub->callback([&verb, run] { verb = run; });
        return sub;
    };
    // The verb that a noun alone stands for.
    auto lists = [&](CLI::App* noun, const char* text, std::function<int(Client&)> run, const char* word = "list") {
        noun->require_subcommand(0, 1);
        noun->callback([&verb, run] {
            if (!verb) verb = run;
        });
        return leaf(noun, word, text, run);
    };
    leaf(&app, "status", "the whole deployment on one screen; exit 3 when something is not well",
         [&](Client& c) { return status(c, o); });

    leaf(&app, "watch", "the status, live: drawn again when something changes; q quits",
         [&](Client& c) { return watch(c, o); });

    std::string name, target, address, id, key_file, new_name, in_domain;
    bool problems = false, log_server = false, generate = false, all = false;
    mds::ctl::DomainCreate create;

    CLI::App* domain = app.add_subcommand("domain", "Domains")->alias("domains");
    lists(domain, "the grid: a row a Domain, a column a server",
          [&](Client& c) { return domain_list(c, o, problems); })
        ->add_flag("--problems", problems, "only Domains that are not well");
    leaf(domain, "show", "one Domain and its servers",
         [&](Client& c) { return domain_show(c, o, name); })
        ->add_option("DOMAIN", name)->required();
    CLI::App* make = leaf(domain, "create", "a new Domain with its servers",
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
    std::vector<std::string> dependents;
    CLI::App* assign = leaf(domain, "assign-global", "brings the published global policy to Domains", [&](Client& c) {
        return domain_assign_global(c, o, dependents, all);
    });
    auto* some = assign->add_option("DOMAIN", dependents, "Domains with a global assignment");
    assign->add_flag("--all", all, "every Domain that has one")->excludes(some);
    leaf(domain, "gateways", "from which server each gateway has its policy; exit 3 when one has none left",
         [&](Client& c) { return domain_gateways(c, o, name); })
        ->add_option("DOMAIN", name)->required();
    leaf(domain, "delete", "a Domain with all its servers and data",
         [&](Client& c) { return domain_delete(c, o, name); })
        ->add_option("DOMAIN", name)->required();

    std::string domain_file;
    CLI::App* keep = leaf(domain, "backup", "what is published in a Domain, as a file on this server",
                          [&](Client& c) { return domain_backup(c, o, name, domain_file); });
    keep->add_option("DOMAIN", name)->required();
    keep->add_option("--file", domain_file, "below /var/backups/mds; a name alone is one there")->required();
    mds::ctl::DomainRestore restored;
    CLI::App* bring = leaf(domain, "restore", "a new Domain on this server with the content of a backup",
                           [&](Client& c) { return domain_restore(c, o, restored); });
    bring->add_option("--file", restored.file, "as domain backup has made it")->required();
    bring->add_option("--name", restored.name, "name of the Domain; default: as it was");
    bring->add_option("--server-name", restored.server_name, "name of its server; default: as it was, or NAME-1");
    bring->add_option("--ip", restored.address, "address of its server; default: as it was");
    bring->add_flag("--verify", restored.verify, "only reads all of the backup and proves it");

    CLI::App* ds = app.add_subcommand("ds", "Domain Servers");
    lists(ds, "every Domain Server of the deployment", [&](Client& c) { return ds_list(c, o); });
    CLI::App* ds_make = leaf(ds, "create", "another server of a Domain", [&](Client& c) {
        return ds_create(c, o, name, target, address, new_name, log_server);
    });
    ds_make->add_option("DOMAIN", name)->required();
    ds_make->add_option("SERVER", target)->required();
    ds_make->add_option("--ip", address, "its address");
    ds_make->add_option("--name", new_name, "its name");
    ds_make->add_flag("--log", log_server, "a log server");
    CLI::App* ds_drop = leaf(ds, "delete", "a Standby server of a Domain",
                             [&](Client& c) { return ds_delete(c, o, name, target); });
    ds_drop->add_option("DOMAIN", name)->required();
    ds_drop->add_option("SERVER", target)->required();

    leaf(ds, "promote", "the Active server here becomes Primary when the Primary one is lost",
         [&](Client& c) { return ds_promote(c, o, name); })
        ->add_option("DOMAIN", name)->required();

    CLI::App* server = app.add_subcommand("server", "Multi-Domain Servers and log servers")
                           ->alias("servers");
    lists(server, "all servers", [&](Client& c) { return server_list(c, o); });
    leaf(server, "show", "one server", [&](Client& c) { return server_show(c, o, name); })
        ->add_option("SERVER", name)->required();
    CLI::App* add = leaf(server, "add", "connects a machine that was set up as Secondary or log server",
                         [&](Client& c) { return server_add(c, o, name, address, log_server, key_file); });
    add->add_option("SERVER", name)->required();
    add->add_option("--ip", address, "its address; default: what DNS says");
    add->add_flag("--log", log_server, "it is a log server");
    add->add_option("--key-file", key_file, "file with the activation key; default: asked")->type_name("FILE");

    leaf(server, "delete", "takes a server that is stopped or lost out of the deployment",
         [&](Client& c) { return server_delete(c, o, name); })
        ->add_option("SERVER", name)->required();
    leaf(server, "uses", "what refers to a server or to its Domain Servers: rules, groups, gateways",
         [&](Client& c) { return server_uses(c, o, name); })
        ->add_option("SERVER", name, "a Multi-Domain Server, or a Domain Server")->required();
    leaf(server, "readmit", "takes a server that was replaced by a promotion back as Secondary",
         [&](Client& c) { return server_readmit(c, o, name); })
        ->add_option("SERVER", name)->required();

    mds::ctl::CertificateOrder certificate;
    CLI::App* administrator = app.add_subcommand("administrator", "certificates and one-time codes of administrators");
    administrator->alias("administrators")->alias("admin")->alias("admins");
    lists(administrator, "all administrators", [&](Client& c) { return administrator_list(c, o); });
    CLI::App* personal = leaf(administrator, "certificate",
                              "shows the certificate with which an administrator logs in, or issues one",
                              [&](Client& c) { return administrator_certificate(c, o, certificate); });
    personal->add_option("ADMINISTRATOR", certificate.name)->required();
    auto* csr = personal->add_option("--csr", certificate.csr_file,
                                     "issues one for the key of this request (PKCS#10, PEM)")
                    ->type_name("FILE");
    personal->add_option("--p12", certificate.p12_file,
                         "issues one with a new key; this file gets both, sealed with a password")
        ->excludes(csr)
        ->type_name("FILE");
    personal->add_option("--password-file", certificate.password_file,
                         "file with the password of the P12; default: asked")
        ->type_name("FILE");
    personal->add_option("--out", certificate.out_file, "file for the certificate; default: standard output")
        ->type_name("FILE");
    leaf(administrator, "revoke", "revokes the certificate of an administrator at once",
         [&](Client& c) { return administrator_revoke(c, o, name); })
        ->add_option("ADMINISTRATOR", name)->required();
    mds::ctl::CodesOrder codes;
    CLI::App* totp = leaf(administrator, "totp",
                          "shows whether an administrator logs in with one-time codes, or makes new ones",
                          [&](Client& c) { return administrator_codes(c, o, codes); });
    totp->add_option("ADMINISTRATOR", codes.name)->required();
    auto* off = totp->add_flag("--off", codes.off, "the password alone is enough again");
    totp->add_flag("--new", codes.fresh, "a new secret and ten recovery codes, shown once")->excludes(off);

    std::string licence_type;
    CLI::App* licence = app.add_subcommand("licence", "licence records of Domain Servers")->alias("license");
    licence->alias("licences")->alias("licenses");
    lists(licence, "the records of all Domain Servers", [&](Client& c) { return licence_list(c, o); });
    CLI::App* attach = leaf(licence, "attach", "records the licence of a Domain Server", [&](Client& c) {
        return licence_attach(c, o, name, target, licence_type);
    });
    attach->add_option("DOMAIN", name)->required();
    attach->add_option("SERVER", target)->required();
    attach->add_option("TYPE", licence_type, "standard, or ha: for a second copy only")
        ->required()
        ->check(CLI::IsMember({"standard", "ha"}));
    CLI::App* detach = leaf(licence, "detach", "deletes the record", [&](Client& c) {
        return licence_attach(c, o, name, target, "none");
    });
    detach->add_option("DOMAIN", name)->required();
    detach->add_option("SERVER", target)->required();

    mds::ctl::Promote promotion;
    CLI::App* promote = leaf(&app, "promote", "makes this Secondary the Primary when that one is lost",
                             [&](Client& c) { return mds::ctl::promote(c, o, promotion); });
    promote->add_flag("--plan", promotion.plan, "only shows what would happen");
    promote->add_option("--domains", promotion.domains,
                        "all (default), none, or the Domains that are taken over")
        ->delimiter(',')
        ->type_name("DOMAINS");
    promote->add_flag("--ignore-silent", promotion.ignore_silent,
                      "also when other servers do not answer");

    // For the classic registry tools; no verb of its own.
    std::string path, value;
    CLI::App* registry = app.add_subcommand("registry", "values of the classic registry")->group("");
    registry->require_subcommand(1);
    leaf(registry, "show", "all values", [&](Client& c) { return registry_show(c, o); });
    leaf(registry, "is-primary", "1 on the Primary, else 0",
         [&](Client& c) { return registry_is_primary(c); });
    auto entry = [&](const char* word, const char* text, const std::string* given) {
        CLI::App* sub = leaf(registry, word, text, [&, given](Client& c) {
            return registry_set(c, o, path, name, given);
        });
        sub->add_option("PATH", path)->required();
        sub->add_option("NAME", name)->required();
        return sub;
    };
    entry("set", "sets a value", &value)->add_option("VALUE", value)->required();
    entry("delete", "deletes a value", nullptr);

    CLI::App* trust = app.add_subcommand("trust", "trust between servers");
    lists(trust, "the certificate of every server", [&](Client& c) { return trust_status(c, o); }, "status");
    leaf(trust, "set-key", "sets the activation key of this machine",
         [&](Client& c) { return trust_set_key(c, o, generate); })
        ->add_flag("--generate", generate, "make one and print it");
    leaf(trust, "state", "where the trust of this server stands", [](Client& c) { return trust_state(c); });
    leaf(trust, "reset", "forgets the trust of this server, with a new activation key; data is kept",
         [&](Client& c) { return trust_reset(c, o, key_file); })
        ->add_option("--key-file", key_file, "file with the key; default: asked")->type_name("FILE");
    CLI::App* reconnect = leaf(trust, "connect", "on the Primary: connects a server whose trust was reset",
                               [&](Client& c) { return trust_connect(c, o, name, key_file); });
    reconnect->add_option("SERVER", name)->required();
    reconnect->add_option("--key-file", key_file, "file with the activation key; default: asked")->type_name("FILE");

    CLI::App* ha = app.add_subcommand("ha", "High Availability");
    lists(ha, "roles and synchronization; exit 3 when something is not well",
          [&](Client& c) { return ha_status(c, o, name); }, "status")
        ->add_option("DOMAIN", name);
    CLI::App* set_active =
        leaf(ha, "set-active",
             "orderly: SERVER becomes Active, the present Active becomes Standby; "
             "with --all, every Domain that has a server there",
             [&](Client& c) {
                 if (all) return ha_set_active_all(c, o, target);
                 return ha_action(c, o, name, "set-active", target);
             });
    auto* one = set_active->add_option("DOMAIN", name);
    set_active->add_option("SERVER,--to,--on", target);
    auto* every = set_active->add_flag("--all", all, "all Domains at once; needs --on SERVER");
    every->excludes(one);
    auto action = [&](const char* word, const char* text, const char* what, bool needs_target) {
        CLI::App* sub = leaf(ha, word, text,
                             [&, what](Client& c) { return ha_action(c, o, name, what, target); });
        sub->add_option("DOMAIN", name)->required();
        auto* option = sub->add_option("SERVER,--to", target);
        if (needs_target) option->required();
    };
    action("set-standby", "the Active becomes Standby; nobody is Active", "set-standby", false);
    action("force-active", "SERVER becomes Active without the old one, which does not answer",
           "force-active", true);
    action("verify", "a server reads its whole database anew and repairs what is damaged", "verify",
           false);
    action("sync", "replaces the content of a peer with a full copy", "full-sync", true);

    mds::ctl::Backup saved;
    bool no_logs = false, alone = false;
    std::string file;
    CLI::App* backup = app.add_subcommand("backup", "backups of all Multi-Domain Servers");
    backup->alias("backups");
    CLI::App* save = leaf(backup, "create", "one moment of every Multi-Domain Server, a file on each",
                          [&](Client& c) {
                              saved.logs = !no_logs;
                              return backup_create(c, o, saved);
                          });
    save->add_option("--directory", saved.directory, "where the file of this server goes")->type_name("DIRECTORY");
    save->add_flag("--no-logs", no_logs, "without the audit trail");
    save->add_flag("--plan", saved.plan, "only shows what would be backed up");
    save->add_flag("--ignore-silent", saved.ignore_silent, "also when other servers do not answer");
    lists(backup, "the backups on this host", [&](Client&) { return backup_list(o, saved.directory); })
        ->add_option("--directory", saved.directory, "where to look")->type_name("DIRECTORY");
    leaf(backup, "verify", "reads a backup and says whether it is whole and whose it is",
         [&](Client&) { return mds::ctl::backup_verify(file); })
        ->add_option("FILE", file)->required();
    CLI::App* put_back = leaf(backup, "restore", "brings this server back to what a backup has",
                              [&](Client&) { return backup_restore(o, file, alone); });
    put_back->add_option("FILE", file)->required();
    put_back->add_flag("--alone", alone, "only this server is restored; it follows the others then");

    CLI::App* audit = app.add_subcommand("audit", "the audit trails");
    audit->require_subcommand(1);
    leaf(audit, "verify", "reads them and compares them with what the other servers have seen; exit 3 when "
                          "one is not as it was written",
         [&](Client& c) { return mds::ctl::audit_verify(c, o, name); })
        ->add_option("SERVER", name, "only the trails of this server");

    CLI::App* task = app.add_subcommand("task", "tasks")->alias("tasks");
    auto with_domain = [&](CLI::App* sub) {
        sub->add_option("-D,--domain", in_domain, "tasks of this Domain; default: System Data")
            ->type_name("DOMAIN");
        return sub;
    };
    with_domain(lists(task, "running and ended tasks", [&](Client& c) { return task_list(c, o, in_domain); }));
    with_domain(leaf(task, "show", "one task", [&](Client& c) { return task_show(c, o, in_domain, id); }))
        ->add_option("TASK", id)->required();
    with_domain(leaf(task, "watch", "follows a task to its end",
                     [&](Client& c) { return task_watch(c, o, in_domain, id); }))
        ->add_option("TASK", id)->required();
    leaf(&app, "env", "shell commands that enter the context of a Domain Server (see mdsenv)",
         [&](Client& c) { return env(c, o, name); })
        ->add_option("CONTEXT", name, "a Domain or a Domain Server of this host");
    leaf(&app, "version", "the version", [](Client&) {
        std::printf("mdsctl %s\n", mds::version());
        return 0;
    });

    // The help of every noun ends with what people do with it.
    auto examples = [](CLI::App* noun, const char* first, const char* second, const char* third) {
        noun->footer(std::string("Examples:\n  ") + first + "\n  " + second + "\n  " + third);
    };
    examples(domain, "mdsctl domain list --problems", "mdsctl domain show London",
             "mdsctl domain create London --on london-mds-01 --standby tokyo-mds-01 --log fra-log-01");
    examples(ds, "mdsctl ds list -o csv", "mdsctl ds create London nyc-mds-01 --ip 10.3.0.21",
             "mdsctl ds delete London nyc-mds-01");
    examples(server, "mdsctl server list -o wide", "mdsctl server add tokyo-mds-01 --ip 10.2.0.11",
             "mdsctl server uses tokyo-mds-01");
    examples(administrator, "mdsctl administrator list", "mdsctl administrator certificate anna --csr anna.csr --out anna.pem",
             "mdsctl administrator totp anna --new");
    examples(licence, "mdsctl licence list -o csv", "mdsctl licence attach London tokyo-mds-01 ha",
             "mdsctl licence detach London tokyo-mds-01");
    examples(trust, "mdsctl trust status", "mdsctl trust set-key --generate", "mdsctl trust connect tokyo-mds-01");
    examples(ha, "mdsctl ha status London", "mdsctl ha set-active London tokyo-mds-01",
             "mdsctl ha set-active --all --on tokyo-mds-01 --reason 'London is serviced'");
    examples(backup, "mdsctl backup create --plan", "mdsctl backup create --directory /srv/backups",
             "mdsctl backup list -o json");
    examples(audit, "mdsctl audit verify", "mdsctl audit verify london-mds-01", "mdsctl audit verify -o csv");
    examples(task, "mdsctl task list", "mdsctl task watch 9f2c", "mdsctl task list --domain London -o jsonl");

    std::string shell;
    leaf(&app, "completion", "the script that completes mdsctl in a shell",
         [&](Client&) {
             std::printf("%s", mds::ctl::completion_script(shell));
             return 0;
         })
        ->add_option("SHELL", shell)
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    // What these scripts ask; before the parser, which would take the words that are completed for its own.
    if (argc > 1 && std::string_view(argv[1]) == "__complete") {
        return mds::ctl::complete_main(describe(app), {argv + 2, argv + argc});
    }

    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        // Usage is 2, never 1 (C-7); help and version are 0.
        if (e.get_exit_code() == 0) return app.exit(e);
        std::vector<std::string> words(argv + 1, argv + argc);
        o.json = wants_json(words);
        return report(o, mds::ctl::usage_error(describe(app), words, e.what()));
    }
    o.form = form_of(output, o.json);
    o.json = o.form == Form::json || o.form == Form::jsonl;
    o.wait = !no_wait;
    o.headers = !no_headers;
    if (!timeout.empty()) o.timeout_s = read_seconds(timeout);
    bool ascii = o.ascii;
    detect_terminal(o, colour);
    o.ascii = o.ascii || ascii;
    if (set_active->parsed() && (target.empty() || (name.empty() && !all))) {
        return report(o, mds::Error(mds::Code::missing_parameters, "set-active needs DOMAIN SERVER, or --all --on SERVER")
                             .refusal("", "mdsctl ha set-active --help"));
    }
    mds::ctl::leave_on_interrupt();
    try {
        Client client(o.reason);
        return verb(client);
    } catch (const mds::Error& e) {
        return report(o, e);
    } catch (const std::exception& e) {
        return report(o, mds::Error(mds::Code::internal, e.what()));
    }
}
