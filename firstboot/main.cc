#include <getopt.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>

#include "again.hh"
#include "answers.hh"
#include "answers_file.hh"
#include "app/socket.hh"
#include "apply.hh"
#include "base/environment.hh"
#include "base/error.hh"
#include "base/roles.hh"
#include "base/shell.hh"
#include "base/text.hh"
#include "base/version.hh"
#include "boot.hh"
#include "claim_code.hh"
#include "claim_page.hh"
#include "claim_server.hh"
#include "consoles.hh"
#include "dialog.hh"
#include "face_full.hh"
#include "face_plain.hh"
#include "log.hh"
#include "probes.hh"
#include "recovery.hh"
#include "reset.hh"
#include "schema.hh"
#include "turn.hh"
#include "wrap.hh"

// mds-setup: first-time setup of this server. mds-setup(8).
namespace {

using namespace mds::firstboot;

constexpr int k_done = 0, k_failed = 1, k_wrong = 2, k_no_permission = 4;
const std::string k_etc = mds::environment("MDS_ETC", "/etc/mds");
const std::string k_state = mds::environment("MDS_STATE", "/var/lib/mds");
/// Where running programs find each other.
const std::string k_run = mds::environment("MDS_RUN", "/run/mds");
const std::string k_done_file = k_state + "/setup.json";
/// The claim code and the certificate of its page, for this boot.
const std::string k_claim = k_run + "/claim";
/// Where what a reset takes away is kept.
const std::string k_backups = mds::environment("MDS_BACKUPS", "/var/backups/mds");
/// Answers of somebody who left before the end.
const std::string k_draft_file = k_state + "/setup-draft.conf";
/// Answers that somebody wanted as a file.
const std::string k_kept_file = k_state + "/answers.conf";

struct Options {
    std::vector<std::string> sets;
    std::string answers, check, config_file, config_string, template_file, change_role, confirm, console, give_back,
        recovery_certificate;
    bool has_config_string = false, dry_run = false, firstboot = false, plain = false, schema = false, reset = false,
         yes = false, recovery_key = false, recover = false, claim_code = false, new_claim_code = false, claim = false;
};

void print_help() {
    std::puts(
        "Usage: mds-setup [options]\n\n"
        "Sets up this server. Without options it asks; run it as root.\n\n"
        "  --answers FILE        answers from FILE instead of /etc/mds/setup.conf\n"
        "  --set KEY=VALUE       one answer, for example --set Server.Role=secondary\n"
        "  --check FILE          checks FILE, also for another machine and without root\n"
        "  --print-schema        the keys of an answers file as JSON Schema\n"
        "  --dry-run             shows what would be done\n"
        "  --config-file FILE    answers in the classic form\n"
        "  --config-string TEXT  the same, key=value joined by &; - reads standard input\n"
        "  --create-template FILE  writes an answers file to fill in\n"
        "  --change-role ROLE    sets this server up anew as primary, secondary or log-server,\n"
        "                        as long as it has joined nobody and has no Domain\n"
        "  --reset               takes everything back; asks for the host name, or give it\n"
        "                        with --confirm NAME\n"
        "  --yes                 changes what differs and can still change, without asking\n"
        "  --recovery-key        makes an offline recovery key for the authority of this Primary\n"
        "  --make-recovery-key FILE  makes one for servers to come: words on standard output,\n"
        "                        certificate in FILE\n"
        "  --recover             opens the keys of the authority with the words of its\n"
        "                        recovery key, when this server cannot\n"
        "  --claim-code          shows where a browser can answer the questions, and the code for it\n"
        "  --new-claim-code      makes a new one; the old one and what was begun with it end\n"
        "  --plain               asks one line after another, also where a full screen is possible\n"
        "  -h, --help            this text\n"
        "      --version         the version\n\n"
        "Exit code 0 done or nothing to do, 1 failed, 2 answers missing or wrong, 4 not root.");
}

/// Something was said that stands nowhere else, and that a login prompt would wipe from a virtual
/// terminal.
bool g_to_read = false;

void wait_for_reader() {
    tcflush(STDIN_FILENO, TCIFLUSH);  // typed before it was there
    std::printf("\nPress Enter for the login prompt.");
    std::fflush(stdout);
    std::string line;
    std::getline(std::cin, line);
}

int refuse(const Answers& answers, const std::string& end = "Nothing was changed.") {
    g_to_read = true;
    print_problems(answers, end);
    return k_wrong;
}

void print_notes(const Answers& answers) {
    for (const std::string& note : answers.notes()) std::fputs(indented_for(stderr, "Note: " + note, "").c_str(), stderr);
}

int check(const Options& options) {
    Answers answers;
    for (const std::string& one : options.sets) answers.set(one, "--set");
    answers.read_ini_file(options.check);
    answers.resolve({}, true);
    print_notes(answers);
    if (!answers.problems().empty()) {
        return refuse(answers, options.check + " cannot be used.");
    }
    std::printf("%s: complete, for a %s.\n", options.check.c_str(),
                mds::role_title(answers.get("role")).c_str());
    return k_done;
}

int write_template(const std::string& path) {
    mds::replace_file(path, answers_template(), 0600);
    return k_done;
}

/// Not in a container: its kernel is the host's, and so is what stands on its command line.
std::string kernel_command_line() {
    const char* proc = std::getenv("MDS_PROC");
    if (!proc && access("/run/systemd/container", F_OK) == 0) return "";
    std::string path = std::string(proc ? proc : "/proc") + "/cmdline";
    return access(path.c_str(), R_OK) == 0 ? mds::read_file(path) : "";
}

void collect(const Options& options, Answers& answers) {
    for (const std::string& one : options.sets) answers.set(one, "--set");
    if (const char* folder = std::getenv("CREDENTIALS_DIRECTORY")) answers.read_credentials(folder);
    answers.read_kernel(kernel_command_line());
    if (!options.answers.empty()) answers.read_ini_file(options.answers);
    if (!options.config_file.empty()) answers.read_classic_file(options.config_file);
    if (options.has_config_string) {
        bool input = options.config_string == "-";
        std::string text = options.config_string;
        if (input) text.assign(std::istreambuf_iterator<char>(std::cin), {});
        answers.read_classic(input ? "standard input" : "--config-string", text, input);
    }
    if (options.answers.empty() && options.config_file.empty() && !options.has_config_string) {
        answers.read_etc(k_etc);
    }
    std::string debconf = mds::environment("MDS_DEBCONF", "/var/cache/debconf") + "/config.dat";
    if (access(debconf.c_str(), R_OK) == 0) answers.read_debconf(debconf, mds::read_file(debconf));
}

void keep_draft(const std::string& file) {
    try {
        mds::replace_file(k_draft_file, file, 0600);
    } catch (const mds::Error& e) {
        std::fprintf(stderr, "Note: the answers are not kept: %s\n", e.what());
    }
}

/// The questions, on the face that this terminal can show. What people have answered when they leave
/// is suggested the next time.
Dialog::End ask_once(const Options& options, Answers& answers, const HostFacts& host, Turn& turn) {
    Answers earlier;
    if (access(k_draft_file.c_str(), R_OK) == 0) earlier.read_ini_file(k_draft_file);
    Dialog dialog(answers, host, std::move(earlier),
                  [&host](const Question& question, const std::string& text, const Answers& others) {
                      return probe(host, question, text, others);
                  });
    dialog.invite(claim_invitation(k_claim, host));
    auto keep = [](const std::string& file) -> std::string {
        try {
            mds::replace_file(k_kept_file, file, 0600);
        } catch (const mds::Error& e) {
            return std::string("Not written: ") + e.what() + ".";
        }
        return "Written to " + k_kept_file + ", without secrets.";
    };
    bool plain = options.plain || (!options.console.empty() && !is_virtual_terminal(options.console));
    Dialog::End end = !plain && full_screen_possible()
                          ? FullFace(keep, &turn).run(dialog)
                          : PlainFace(stdin, stdout, !options.console.empty(), keep, &turn).run(dialog);
    if (end != Dialog::End::leave || answers.values().empty()) return end;
    keep_draft(dialog.file());
    return end;
}

/// Until somebody here has answered or left. `elsewhere`: it was set up on another terminal meanwhile.
Dialog::End ask_people(const Options& options, Answers& answers, const HostFacts& host, Turn& turn) {
    const Answers given = answers;
    for (;;) {
        answers = given;
        Dialog::End end = ask_once(options, answers, host, turn);
        if (end != Dialog::End::elsewhere) return end;
        std::string holder = turn.other();
        if (!holder.empty()) {
            end = PlainFace(stdin, stdout, !options.console.empty(), {}, &turn).wait(holder);
            if (end == Dialog::End::leave) return end;
        }
        if (!read_done(k_done_file).exists) continue;
        std::printf("This server was set up on %s.\n", holder.empty() ? "another terminal" : holder.c_str());
        return Dialog::End::elsewhere;
    }
}

/// Two at a time would make half of each.
void take(Turn& turn) {
    if (turn.take()) return;
    const std::string holder = turn.other();
    const std::vector<std::string> all = consoles();
    std::string next = "leave there, or wait until it has ended";
    if (std::find(all.begin(), all.end(), holder) != all.end()) {
        next += "; when nobody is there: systemctl stop mds-firstboot-console@" +
                mds::shell_word(escaped(holder));
    }
    throw std::move(
        mds::Error(mds::Code::ha_invalid, "first-time setup is being answered on " + holder))
        .refusal("", next);
}

std::string this_terminal(const Options& options) {
    if (!options.console.empty()) return options.console;
    const char* name = ttyname(STDIN_FILENO);
    std::string text = name ? name : "";
    return text.starts_with("/dev/") ? text.substr(5) : options.firstboot ? "the boot" : "another process";
}

/// Whoever types the name of this host knows which one it is.
bool confirmed(const Options& options, const std::string& name) {
    if (!options.confirm.empty()) return options.confirm == name;
    if (!isatty(STDIN_FILENO)) return false;
    std::printf("Everything on this server is taken back: its Domains, its keys, its trust.\n"
                "Type its name, %s, to go on: ", name.c_str());
    std::fflush(stdout);
    std::string typed;
    std::getline(std::cin, typed);
    return mds::trim(typed) == name;
}

/// What setup leaves before setup.json, which it writes last: a setup that was cut off leaves these
/// alone, and then other answers are refused.
bool is_begun() {
    for (const char* file : {"/system/identity.json", "/ca/deployment.json"}) {
        if (access((k_state + file).c_str(), F_OK) == 0) return true;
    }
    return false;
}

int reset_all(const Options& options, const Done& done) {
    if (!done.exists && !is_begun()) {
        std::puts("Not set up, no change");
        return k_done;
    }
    require_alone();
    auto name = done.answers.find("host_name");
    std::string host = name == done.answers.end() ? host_facts().host_name : name->second;
    if (!confirmed(options, host)) {
        std::fprintf(stderr, "mds-setup: not confirmed; nothing was changed.\nNext: mds-setup --reset --confirm %s\n",
                     host.c_str());
        return k_wrong;
    }
    Turn turn(k_run, this_terminal(options));
    take(turn);
    log_line("taking everything back, by --reset");
    reset(stdout, k_state, k_backups);
    write_issue({}, {});
    std::puts("This server is not set up any more. Run: mds-setup");
    return k_done;
}

/// The answers of a server whose role changes that stay as they were, whatever other sources say.
void keep_for_role(const Done& done, const std::string& role, Answers& answers) {
    answers.offer("role", role, "--change-role");
    for (const char* id : {"host_name", "address", "interface"}) {
        auto it = done.answers.find(id);
        if (it != done.answers.end()) answers.offer(id, it->second, "as before");
    }
}

/// A service that starts with the machine, and what it leaves for people when answers are missing.
/// `can_ask`: people can complete what is given; what is wrong in it they cannot.
int nothing_to_apply(const Answers& given, const Answers& complete, const HostFacts& host, bool can_ask) {
    std::vector<std::string> asked;
    // Before the consoles, which show its code.
    open_claim_page(k_claim, host);
    if (can_ask) asked = ask_on_consoles();
    write_issue(complete.problems(), asked);
    std::string where = asked.empty() ? "" : "; asking on " + mds::join(asked, " and ");
    if (given.empty()) {
        std::printf("Not set up, and no answers are given%s. Run: mds-setup\n", where.c_str());
        return k_done;
    }
    print_notes(complete);
    return refuse(complete, "Nothing was changed" + where + ".");
}

int set_up(const Options& options, const Answers& answers, const HostFacts& host, bool other_role) {
    Answers complete = answers;
    complete.resolve(host, false);
    bool ask = !options.firstboot && isatty(STDIN_FILENO) != 0;
    // An answers file that is wrong is not completed by asking: all of it is said at once.
    bool files = !options.answers.empty() || !options.config_file.empty() || options.has_config_string;
    bool asked = !complete.problems().empty() || (ask && answers.empty() && !other_role);
    if (!asked) {
        probe_all(host, complete);
        if (!complete.problems().empty() && options.firstboot) return nothing_to_apply(answers, complete, host, false);
        if (!complete.problems().empty()) return print_notes(complete), refuse(complete);
    } else if (options.firstboot) {
        return nothing_to_apply(answers, complete, host, answers.problems().empty());
    } else if (!ask || files || options.dry_run || !answers.problems().empty()) {
        print_notes(complete);
        return refuse(complete);
    }
    if (options.dry_run) {
        print_notes(complete);
        print_plan(stdout, complete);
        return k_done;
    }
    Turn turn(k_run, this_terminal(options));
    if (asked) {
        complete = answers;
        Dialog::End end = ask_people(options, complete, host, turn);
        if (end == Dialog::End::leave) std::puts("Nothing was changed.");
        if (end != Dialog::End::apply) return k_done;
        complete.resolve(host, false);
        // What people have answered was looked at when they did.
        if (complete.problems().empty()) probe_all(host, complete, &answers);
        if (!complete.problems().empty()) {
            keep_draft(answers_file(complete));
            return refuse(complete);
        }
    }
    print_notes(complete);
    take(turn);
    if (other_role) {
        std::printf("%s is set up anew, as %s\n", complete.get("host_name").c_str(),
                    mds::role_title(options.change_role).c_str());
        reset(stdout, k_state, k_backups);
    }
    g_to_read = true;
    apply(stdout, complete, host, k_done_file);
    remove_issue();
    close_claim_page(k_claim);
    unlink(k_draft_file.c_str());
    return k_done;
}

int tell_claim_code(bool fresh) {
    if (print_claim_code(k_claim, host_facts(), fresh)) return k_done;
    std::fputs("mds-setup: there is no claim code: the page is up from the boot of a server that is not set up\n"
               "Next: mds-setup, or restart this server\n", stderr);
    return k_failed;
}

/// The side of the claim page that is root, with the socket of mds-firstboot-claim.socket.
int serve_claims(const Options& options) {
    int socket = mds::app::passed_socket("claim");
    if (socket < 0) throw mds::Error(mds::Code::internal, "only systemctl start mds-firstboot-claim.socket starts this");
    ClaimCode code(k_claim);
    WebFace::Around around{k_run, k_draft_file, k_done_file, mds::join(consoles(), " and "),
                           [&options](Answers& answers) { collect(options, answers); },
                           host_facts, probe, probe_all, {}};
    ClaimServer(code, std::move(around), k_claim).run(socket);
    return k_done;
}

int run(const Options& options) {
    if (options.schema) {
        std::puts(answers_schema().c_str());
        return k_done;
    }
    if (!options.check.empty()) return check(options);
    if (!options.template_file.empty()) return write_template(options.template_file);
    if (!options.recovery_certificate.empty()) {
        make_recovery_key(options.recovery_certificate);
        return k_done;
    }
    if (geteuid() != 0 && !options.dry_run) {
        std::fputs("mds-setup: only root can set up this server: sudo mds-setup\n", stderr);
        return k_no_permission;
    }
    if (!options.give_back.empty()) {
        give_console_back(options.give_back);
        return k_done;
    }
    if (options.claim_code || options.new_claim_code) return tell_claim_code(options.new_claim_code);
    if (!options.dry_run) open_log(k_state + "/setup.log");
    if (options.recovery_key) return new_recovery_key() ? k_done : k_failed;
    if (options.recover) {
        recover_authority();
        return k_done;
    }
    if (options.claim) return serve_claims(options);
    Done done = read_done(k_done_file);
    if (options.reset) return reset_all(options, done);
    Answers answers;
    bool other_role = !options.change_role.empty() && done.exists && done.answers.count("role") &&
                      done.answers["role"] != options.change_role;
    if (other_role) require_empty();
    if (!options.change_role.empty()) keep_for_role(done, options.change_role, answers);
    collect(options, answers);
    HostFacts host = host_facts();
    if (!other_role && done.exists && done.answers.count("role")) {
        switch (again(answers, done, host, k_done_file, options.yes, options.dry_run)) {
            case Again::nothing:
            case Again::done: return k_done;
            case Again::refused: return k_wrong;
            case Again::new_key: break;
        }
        apply(stdout, answers, host, k_done_file);
        return k_done;
    }
    return set_up(options, answers, host, other_role);
}

}  // namespace

int main(int argc, char** argv) {
    std::setlocale(LC_ALL, "");
    umask(0077);
    // A name that nobody knows is looked up while somebody waits.
    setenv("RES_OPTIONS", "timeout:1 attempts:1", 0);
    enum { k_answers = 256, k_set, k_check, k_dry, k_file, k_string, k_template, k_plain, k_first,
           k_console, k_schema, k_version, k_role, k_reset, k_confirm, k_yes, k_key, k_make, k_recover,
           k_give_back, k_claim_code, k_new_claim_code, k_claim_side };
    static const option k_options[] = {{"answers", required_argument, nullptr, k_answers},
                                       {"set", required_argument, nullptr, k_set},
                                       {"check", required_argument, nullptr, k_check},
                                       {"dry-run", no_argument, nullptr, k_dry},
                                       {"config-file", required_argument, nullptr, k_file},
                                       {"config-string", required_argument, nullptr, k_string},
                                       {"create-template", required_argument, nullptr, k_template},
                                       {"plain", no_argument, nullptr, k_plain},
                                       {"firstboot", no_argument, nullptr, k_first},
                                       {"console", required_argument, nullptr, k_console},
                                       {"give-back", required_argument, nullptr, k_give_back},
                                       {"claim-code", no_argument, nullptr, k_claim_code},
                                       {"new-claim-code", no_argument, nullptr, k_new_claim_code},
                                       {"claim", no_argument, nullptr, k_claim_side},
                                       {"yes", no_argument, nullptr, k_yes},
                                       {"recovery-key", no_argument, nullptr, k_key},
                                       {"make-recovery-key", required_argument, nullptr, k_make},
                                       {"recover", no_argument, nullptr, k_recover},
                                       {"print-schema", no_argument, nullptr, k_schema},
                                       {"change-role", required_argument, nullptr, k_role},
                                       {"reset", no_argument, nullptr, k_reset},
                                       {"confirm", required_argument, nullptr, k_confirm},
                                       {"version", no_argument, nullptr, k_version},
                                       {"help", no_argument, nullptr, 'h'},
                                       {nullptr, 0, nullptr, 0}};
    Options options;
    for (int c; (c = getopt_long(argc, argv, "h", k_options, nullptr)) != -1;) {
        switch (c) {
            case k_answers: options.answers = optarg; break;
            case k_set: options.sets.emplace_back(optarg); break;
            case k_check: options.check = optarg; break;
            case k_dry: options.dry_run = true; break;
            case k_file: options.config_file = optarg; break;
            case k_string: options.config_string = optarg; options.has_config_string = true; break;
            case k_template: options.template_file = optarg; break;
            case k_plain: options.plain = true; break;
            case k_first: options.firstboot = true; break;
            case k_console: options.console = optarg; break;
            case k_give_back: options.give_back = optarg; break;
            case k_claim_code: options.claim_code = true; break;
            case k_new_claim_code: options.new_claim_code = true; break;
            case k_claim_side: options.claim = true; break;
            case k_yes: options.yes = true; break;
            case k_key: options.recovery_key = true; break;
            case k_make: options.recovery_certificate = optarg; break;
            case k_recover: options.recover = true; break;
            case k_schema: options.schema = true; break;
            case k_role: options.change_role = optarg; break;
            case k_reset: options.reset = true; break;
            case k_confirm: options.confirm = optarg; break;
            case k_version: std::printf("mds-setup %s\n", mds::version()); return k_done;
            case 'h': print_help(); return k_done;
            default: return k_wrong;
        }
    }
    if (optind < argc) {
        std::fprintf(stderr, "mds-setup: unexpected argument %s\n", argv[optind]);
        return k_wrong;
    }
    int code = k_failed;
    try {
        code = run(options);
    } catch (const mds::Error& e) {
        tell_failure(stderr, e);
        std::fputs("Setup is not complete. Run it again: it continues where it stopped.\n", stderr);
        code = e.code() == mds::Code::invalid_parameter ? k_wrong : k_failed;
        g_to_read = true;
    } catch (const std::exception& e) {
        tell_failure(stderr, e);
        g_to_read = true;
    }
    if (g_to_read && !options.console.empty()) wait_for_reader();
    return code;
}
