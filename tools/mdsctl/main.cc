// mdsctl: runs the system (mdsctl(1)). The nouns are in words_*.cc; here is what all of them have.
#include <unistd.h>

#include "base/text.hh"
#include "base/version.hh"
#include "completion.hh"
#include "draw.hh"
#include "interrupt.hh"
#include "pager.hh"
#include "startup.hh"
#include "usage.hh"
#include "words.hh"

namespace {

using mds::ctl::Client;
using mds::ctl::Options;
using mds::ctl::Words;

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

/// Options as they are typed.
struct Typed {
    std::string colour = "auto", output, timeout;
    mds::ctl::Remote remote;
    bool no_wait = false, no_headers = false, no_pager = false;
};

void add_options(CLI::App& app, Options& o, Typed& typed) {
    app.set_help_all_flag("--help-all", "help of every verb");
    app.fallthrough();
    app.add_option("-H,--host", typed.remote.host, "another server, over its management API; HOST or HOST:PORT")
        ->type_name("HOST");
    app.add_option("--user", typed.remote.user, "with -H: the administrator; the password is asked")
        ->type_name("ADMINISTRATOR");
    app.add_option("--api-key-file", typed.remote.api_key_file, "with -H: file with an API key")->type_name("FILE");
    app.add_option("--fingerprint", typed.remote.fingerprint,
                   "with -H: the only certificate that is accepted (SHA-1)")
        ->type_name("HEX");
    app.add_flag("--json", o.json, "the same as -o json");
    app.add_option("-o,--output", typed.output, "form of the output; csv as RFC 4180, jsonl a line an object")
        ->type_name("FORM")
        ->check(CLI::IsMember({"table", "wide", "json", "jsonl", "csv", "name"}));
    app.add_flag("-y,--yes", o.yes, "no question; what loses data needs --reason then");
    app.add_option("--reason", o.reason, "stored in the audit record");
    app.add_flag("--dry-run", o.dry_run, "print the plan and what is against it, change nothing");
    app.add_flag("--no-wait,!--wait", typed.no_wait, "print the task's id instead of following it");
    app.add_option("--timeout", typed.timeout, "give up waiting after this time (90s, 5m); the task goes on")
        ->type_name("TIME")
        ->check([](const std::string& text) {
            return mds::ctl::read_seconds(text) ? std::string() : text + " is no time; for example 90s or 5m";
        });
    app.add_option("--color", typed.colour, "colours; NO_COLOR in the environment is never")
        ->type_name("WHEN")
        ->check(CLI::IsMember({"auto", "always", "never"}));
    app.add_flag("--ascii", o.ascii, "no symbols beyond ASCII");
    app.add_flag("--no-headers", typed.no_headers, "tables without their first line");
    app.add_flag("--no-pager", typed.no_pager, "long lists are not shown page by page");
    app.add_flag("-q,--quiet", o.quiet, "only errors");
    app.add_flag("-v,--verbose", o.verbose, "tell on standard error what the server is asked");
    app.set_version_flag("--version", std::string("mdsctl ") + mds::version());
}

/// What has no noun.
void add_plain_words(Words& w) {
    Options& o = w.options;
    w.leaf("status", "the whole deployment on one screen; exit 3 when something is not well",
           [&](Client& c) { return status(c, o); });
    w.leaf("watch", "the status, live: drawn again when something changes; q quits",
           [&](Client& c) { return watch(c, o); });
    auto& order = w.keep<mds::ctl::DoctorOrder>();
    CLI::App* doctor = w.leaf("doctor", "finds the cause of what is wrong, and what helps; exit 3 when something is",
                              [&](Client& c) { return doctor_verb(c, o, order); });
    doctor->add_option("SERVER", order.server, "only the way to this server, and what is on it");
    doctor->add_flag("--fix", order.fix, "does what helps and cannot lose anything");
    doctor->add_option("--report", order.report, "writes what support needs, without secrets, as tar.gz")
        ->type_name("FILE");
    Words::examples(doctor, "mdsctl doctor", "mdsctl doctor tokyo-mds-01",
                    "mdsctl doctor --fix --report /root/mds-report.tar.gz");
}

void add_last_words(Words& w) {
    Options& o = w.options;
    w.leaf("env", "shell commands that enter the context of a Domain Server (see mdsenv)", [&](Client& c) {
         return env(c, o, w.name);
     })->add_option("CONTEXT", w.name, "a Domain or a Domain Server of this host");
    CLI::App* setup = w.leaf("setup", "first-time setup of this machine, as mds-setup", [](Client&) { return 0; });
    setup->prefix_command();
    setup->callback(
        [&w, setup] { w.verb = [setup](Client& c) { return mds::ctl::run_setup(c, setup->remaining()); }; });
    w.leaf("version", "the version", [](Client&) {
        std::printf("mdsctl %s\n", mds::version());
        return 0;
    });
    auto& shell = w.keep<std::string>();
    w.leaf("completion", "the script that completes mdsctl in a shell",
           [&](Client&) {
               std::printf("%s", mds::ctl::completion_script(shell));
               return 0;
           })
        ->add_option("SHELL", shell)
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    w.leaf("help", "help of mdsctl, of a noun or of a verb", [](Client&) {
         return 0;
     })->add_option("WORDS", w.names, "a noun, or a noun and a verb");
}

void finish(Options& o, const Typed& typed) {
    o.form = mds::ctl::form_of(typed.output, o.json);
    o.json = o.form == mds::ctl::Form::json || o.form == mds::ctl::Form::jsonl;
    o.wait = !typed.no_wait;
    o.headers = !typed.no_headers;
    o.pager = !typed.no_pager && typed.output.empty() && !o.json && !o.yes;
    if (!typed.timeout.empty()) o.timeout_s = mds::ctl::read_seconds(typed.timeout);
    bool ascii = o.ascii;
    detect_terminal(o, typed.colour);
    o.ascii = o.ascii || ascii;
}

}  // namespace

int main(int argc, char** argv) {
    mds::ctl::leave_on_interrupt();
    CLI::App app{"Runs an OpenMDS deployment: servers, Domains, High Availability, tasks."};
    app.name("mdsctl");
    app.require_subcommand(1);
    Options o;
    Typed typed;
    add_options(app, o, typed);
    Words words(app, o);
    add_plain_words(words);
    mds::ctl::add_domain_words(words);
    mds::ctl::add_server_words(words);
    mds::ctl::add_authority_words(words);
    mds::ctl::add_administrator_words(words);
    mds::ctl::add_registry_words(words);
    mds::ctl::add_ha_words(words);
    mds::ctl::add_record_words(words);
    mds::ctl::add_config_words(words);
    add_last_words(words);
    // What the scripts of the shells ask; before the parser, which would take the words that are completed for its
    // own.
    if (argc > 1 && std::string_view(argv[1]) == "__complete") {
        return mds::ctl::complete_main(describe(app), {argv + 2, argv + argc});
    }
    std::vector<std::string> line(argv + 1, argv + argc);
    if (!line.empty() && line[0] == "help") {
        line.erase(line.begin());
        mds::ctl::Word grammar = describe(app);
        if (!mds::ctl::walk(grammar, line).unknown.empty()) {
            return report(o, mds::ctl::usage_error(grammar, line, ""));
        }
        line.emplace_back("--help");
    }
    try {
        app.parse(std::vector<std::string>(line.rbegin(), line.rend()));
    } catch (const CLI::ParseError& e) {
        // Usage is 2, never 1 (C-7); help and version are 0.
        if (e.get_exit_code() == 0) return app.exit(e);
        o.json = mds::ctl::wants_json(line);
        return report(o, mds::ctl::usage_error(describe(app), line, e.what()));
    }
    finish(o, typed);
    try {
        for (const auto& check : words.checks) check();
        Client client(typed.remote.host.empty()
                          ? mds::ctl::local_transport(o.reason, Client::k_patience_ms)
                          : mds::ctl::remote_transport(typed.remote, o.reason, Client::k_patience_ms),
                      o);
        mds::ctl::Pager pager(o, words.paged);
        return words.verb(client);
    } catch (const mds::Error& e) {
        return report(o, e);
    } catch (const std::exception& e) {
        return report(o, mds::Error(mds::Code::internal, e.what()));
    }
}
