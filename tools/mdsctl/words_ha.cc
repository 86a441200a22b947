// mdsctl ha, promote.
#include "words.hh"

namespace mds::ctl {
namespace {

/// set-active and force-active: one Domain, or all at once.
void change_active(Words& w, CLI::App* ha, const char* word, const char* text) {
    auto& many = w.keep<ManyChanges>();
    CLI::App* verb = w.leaf(ha, word, text, [&w, &many, word](Client& c) {
        many.action = word;
        if (w.all) return ha_change_all(c, w.options, many);
        return ha_action(c, w.options, w.name, word, many.on);
    });
    auto* one = verb->add_option("DOMAIN", w.name);
    verb->add_option("SERVER,--to,--on", many.on);
    auto* from =
        verb->add_option("--from", many.from, "with --all: only what is Active on this server")->type_name("SERVER");
    verb->add_flag("--all", w.all, "all Domains at once; needs --on SERVER or --from SERVER")->excludes(one);
    w.require([&w, verb, from, word, &many] {
        if (!verb->parsed()) return;
        bool good =
            w.all ? !many.on.empty() || !many.from.empty() : !w.name.empty() && !many.on.empty() && !from->count();
        if (good) return;
        throw Error(Code::missing_parameters,
                    std::string(word) + " needs DOMAIN SERVER, or --all with --on SERVER or --from SERVER")
            .refusal("", std::string("mdsctl ha ") + word + " --help");
    });
}

/// A Domain, or all.
void verify(Words& w, CLI::App* ha) {
    const char* text = "a server reads its whole database anew and repairs what is damaged";
    CLI::App* verb = w.leaf(ha, "verify", text, [&w](Client& c) {
        return w.all ? ha_verify_all(c, w.options, w.target) : ha_action(c, w.options, w.name, "verify", w.target);
    });
    auto* one = verb->add_option("DOMAIN", w.name);
    verb->add_option("SERVER,--to", w.target);
    verb->add_flag("--all", w.all, "every Domain; with --to SERVER those that have a server there")->excludes(one);
    w.require([&w, verb] {
        if (!verb->parsed() || w.all || !w.name.empty()) return;
        throw Error(Code::missing_parameters, "verify needs DOMAIN, or --all").refusal("", "mdsctl ha verify --help");
    });
}

/// A peer of a Domain, or every Standby on a server.
void sync(Words& w, CLI::App* ha) {
    auto& server = w.keep<std::string>();
    CLI::App* verb = w.leaf(ha, "sync", "replaces the content of a peer with a full copy", [&w, &server](Client& c) {
        return server.empty() ? ha_action(c, w.options, w.name, "full-sync", w.target)
                              : ha_sync_server(c, w.options, server);
    });
    auto* one = verb->add_option("DOMAIN", w.name);
    verb->add_option("SERVER,--to", w.target);
    verb->add_option("--server", server, "instead of DOMAIN: every Domain that has a Standby on this server")
        ->type_name("SERVER")
        ->excludes(one);
    w.require([&w, verb, &server] {
        if (!verb->parsed() || (server.empty() ? !w.name.empty() && !w.target.empty() : w.target.empty())) return;
        throw Error(Code::missing_parameters, "sync needs DOMAIN SERVER, or --server SERVER alone")
            .refusal("", "mdsctl ha sync --help");
    });
}

void collision(Words& w, CLI::App* ha) {
    auto& side = w.keep<std::string>();
    CLI::App* collision = ha->add_subcommand("collision", "more than one Active server in a Domain");
    collision->require_subcommand(1);
    w.leaf(collision, "show", "what each side has that the others lack; exit 3 when there is a collision",
           [&w](Client& c) { return ha_collision_show(c, w.options, w.name); })
        ->add_option("DOMAIN", w.name)
        ->required();
    const char* text = "one side stays Active; what only the others have goes back to its authors";
    CLI::App* keep = w.leaf(collision, "keep", text, [&w, &side](Client& c) {
        return ha_collision_keep(c, w.options, w.name, side);
    });
    keep->add_option("DOMAIN", w.name)->required();
    keep->add_option("--side", side, "the Multi-Domain Server whose content counts")->required()->type_name("SERVER");
    Words::examples(collision, "mdsctl ha collision show London",
                    "mdsctl ha collision keep London --side tokyo-mds-01 --dry-run",
                    "mdsctl ha collision keep London --side tokyo-mds-01");
}

}  // namespace

void add_ha_words(Words& w) {
    Options& o = w.options;
    CLI::App* ha = w.noun("ha", "High Availability");
    w.lists(
         ha, "roles and synchronization; exit 3 when something is not well",
         [&](Client& c) { return ha_status(c, o, w.name); }, "status")
        ->add_option("DOMAIN", w.name);
    change_active(w, ha, "set-active", "orderly: SERVER becomes Active, the present Active becomes Standby");
    auto action = [&](const char* word, const char* text, const char* what) {
        CLI::App* sub =
            w.leaf(ha, word, text, [&w, what](Client& c) { return ha_action(c, w.options, w.name, what, w.target); });
        sub->add_option("DOMAIN", w.name)->required();
        sub->add_option("SERVER,--to", w.target);
    };
    action("set-standby", "the Active becomes Standby; nobody is Active", "set-standby");
    change_active(w, ha, "force-active", "SERVER becomes Active without the old one, which does not answer");
    verify(w, ha);
    sync(w, ha);
    collision(w, ha);
    auto& only_plan = w.keep<bool>();
    w.leaf(ha, "balance", "moves Actives until every server has about as many", [&](Client& c) {
         return ha_balance(c, o, only_plan);
     })->add_flag("--plan", only_plan, "only shows what would move");
    Words::examples(ha, "mdsctl ha status London", "mdsctl ha set-active London tokyo-mds-01",
                    "mdsctl ha set-active --all --from tokyo-mds-01 --dry-run");

    auto& promotion = w.keep<Promote>();
    CLI::App* promote = w.leaf("promote", "makes this Secondary the Primary when that one is lost",
                               [&](Client& c) { return mds::ctl::promote(c, o, promotion); });
    promote->add_flag("--plan", promotion.plan, "only shows what would happen");
    promote->add_option("--domains", promotion.domains, "all (default), none, or the Domains that are taken over")
        ->delimiter(',')
        ->type_name("DOMAINS");
    promote->add_flag("--ignore-silent", promotion.ignore_silent, "also when other servers do not answer");
}

}  // namespace mds::ctl
