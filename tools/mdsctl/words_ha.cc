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

}  // namespace

void add_ha_words(Words& w) {
    Options& o = w.options;
    CLI::App* ha = w.noun("ha", "High Availability");
    w.lists(
         ha, "roles and synchronization; exit 3 when something is not well",
         [&](Client& c) { return ha_status(c, o, w.name); }, "status")
        ->add_option("DOMAIN", w.name);
    change_active(w, ha, "set-active", "orderly: SERVER becomes Active, the present Active becomes Standby");
    auto action = [&](const char* word, const char* text, const char* what, bool needs_target) {
        CLI::App* sub =
            w.leaf(ha, word, text, [&w, what](Client& c) { return ha_action(c, w.options, w.name, what, w.target); });
        sub->add_option("DOMAIN", w.name)->required();
        auto* option = sub->add_option("SERVER,--to", w.target);
        if (needs_target) option->required();
    };
    action("set-standby", "the Active becomes Standby; nobody is Active", "set-standby", false);
    change_active(w, ha, "force-active", "SERVER becomes Active without the old one, which does not answer");
    action("verify", "a server reads its whole database anew and repairs what is damaged", "verify", false);
    action("sync", "replaces the content of a peer with a full copy", "full-sync", true);
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
