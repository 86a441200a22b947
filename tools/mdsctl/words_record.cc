// mdsctl session, task, audit, backup.
#include "words.hh"

namespace mds::ctl {
namespace {

CLI::App* in_domain(Words& w, CLI::App* verb, const char* what) {
    verb->add_option("-D,--domain", w.in_domain, what)->type_name("DOMAIN");
    return verb;
}

void session_words(Words& w) {
    Options& o = w.options;
    CLI::App* session = w.noun("session", "sessions of administrators and what they have not published");
    session->alias("sessions");
    auto where = [&](CLI::App* verb) { return in_domain(w, verb, "sessions of this Domain; default: System Data"); };
    where(w.lists(session, "open sessions", [&](Client& c) {
        return session_list(c, o, w.in_domain, w.all);
    }))->add_flag("--all", w.all, "of System Data and of every Domain with a server here");
    auto verb = [&](const char* word, const char* text, int (*run)(Client&, const Options&, const SessionName&)) {
        CLI::App* sub = where(w.leaf(session, word, text, [&w, &o, run](Client& c) {
            return run(c, o, {w.in_domain, w.id});
        }));
        sub->add_option("SESSION", w.id, "its uid, or the first characters of it")->required();
        return sub;
    };
    verb("show", "one session", session_show);
    verb("diff", "what it holds that is not published", session_diff);
    verb("publish", "publishes what it holds", session_publish);
    verb("discard", "discards what it holds", session_discard);
    verb("disconnect", "ends its connection; what is not published stays", session_disconnect);
    verb("hand-over", "on a server that is no longer the Active: gives what it holds to the one that is",
         session_hand_over);
    auto& to = w.keep<std::string>();
    CLI::App* over = where(w.leaf(session, "take-over", "gives a session to another administrator", [&](Client& c) {
        return session_take_over(c, o, {w.in_domain, w.id}, to);
    }));
    over->add_option("SESSION", w.id, "its uid, or the first characters of it")->required();
    over->add_option("--to", to, "who goes on with it")->required()->type_name("ADMINISTRATOR");
    Words::examples(session, "mdsctl session list --all", "mdsctl session diff 7c1 -D London",
                    "mdsctl session take-over 7c1 -D London --to anna");
}

void task_words(Words& w) {
    Options& o = w.options;
    CLI::App* task = w.noun("task", "tasks")->alias("tasks");
    auto where = [&](CLI::App* verb) { return in_domain(w, verb, "tasks of this Domain; default: System Data"); };
    where(w.lists(task, "running and ended tasks", [&](Client& c) { return task_list(c, o, w.in_domain); }));
    where(w.leaf(task, "show", "one task", [&](Client& c) { return task_show(c, o, w.in_domain, w.id); }))
        ->add_option("TASK", w.id)
        ->required();
    where(w.leaf(task, "watch", "follows a task to its end",
                 [&](Client& c) { return task_watch(c, o, w.in_domain, w.id); }))
        ->add_option("TASK", w.id)
        ->required();
    Words::examples(task, "mdsctl task list", "mdsctl task watch 9f2c", "mdsctl task list --domain London -o jsonl");
}

void audit_words(Words& w) {
    Options& o = w.options;
    CLI::App* audit = w.noun("audit", "the audit trails");
    auto& query = w.keep<AuditQuery>();
    auto asked = [&](CLI::App* verb) {
        verb->add_option("--since", query.since, "today, 2h, 7d, or a time like 2026-11-30T12:00")->type_name("TIME");
        verb->add_option("--by", query.by, "only what this administrator did")->type_name("ADMINISTRATOR");
        verb->add_option("--object", query.object, "only what was done to this")->type_name("NAME");
        verb->add_option("-D,--domain", query.domain, "the trail of this Domain; default: System Data")
            ->type_name("DOMAIN");
        verb->add_flag("--all", query.all, "the trails of System Data and of every Domain with a server here");
        return verb;
    };
    CLI::App* list =
        asked(w.lists(audit, "who did what, newest first", [&](Client& c) { return audit_list(c, o, query); }));
    list->add_option("--limit", query.limit, "at most so many rows (100)")->check(CLI::Range(1, 200000));
    asked(w.leaf(audit, "export", "every record as a line of JSON, oldest first, for an archive",
                 [&](Client& c) { return audit_export(c, o, query); }));
    w.leaf(audit, "verify",
           "compares the trails with what the other servers have seen; exit 3 when one is not "
           "as it was written",
           [&](Client& c) { return mds::ctl::audit_verify(c, o, w.name); })
        ->add_option("SERVER", w.name, "only the trails of this server");
    Words::examples(audit, "mdsctl audit list --since today", "mdsctl audit export --all --since 7d",
                    "mdsctl audit verify london-mds-01");
}

void backup_words(Words& w) {
    Options& o = w.options;
    auto& saved = w.keep<Backup>();
    auto& file = w.keep<std::string>();
    auto& no_logs = w.keep<bool>();
    auto& alone = w.keep<bool>();
    CLI::App* backup = w.noun("backup", "backups of all Multi-Domain Servers")->alias("backups");
    CLI::App* save =
        w.leaf(backup, "create", "one moment of every Multi-Domain Server, a file on each", [&](Client& c) {
            saved.logs = !no_logs;
            return backup_create(c, o, saved);
        });
    save->add_option("--directory", saved.directory, "where the file of this server goes")->type_name("DIRECTORY");
    save->add_flag("--no-logs", no_logs, "without the audit trail");
    save->add_flag("--plan", saved.plan, "only shows what would be backed up");
    save->add_flag("--ignore-silent", saved.ignore_silent, "also when other servers do not answer");
    w.lists(backup, "the backups on this host", [&](Client& c) { return backup_list(c, o, saved.directory); })
        ->add_option("--directory", saved.directory, "where to look")
        ->type_name("DIRECTORY");
    w.leaf(backup, "verify", "reads a backup and says whether it is whole and whose it is",
           [&](Client& c) { return mds::ctl::backup_verify(c, file); })
        ->add_option("FILE", file)
        ->required();
    CLI::App* put_back = w.leaf(backup, "restore", "brings this server back to what a backup has",
                                [&](Client& c) { return backup_restore(c, o, file, alone); });
    put_back->add_option("FILE", file)->required();
    put_back->add_flag("--alone", alone, "only this server is restored; it follows the others then");
    Words::examples(backup, "mdsctl backup create --plan", "mdsctl backup create --directory /srv/backups",
                    "mdsctl backup list -o json");
}

}  // namespace

void add_record_words(Words& w) {
    session_words(w);
    task_words(w);
    audit_words(w);
    backup_words(w);
}

}  // namespace mds::ctl
