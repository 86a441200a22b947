// mdsctl config.
#include "words.hh"

namespace mds::ctl {

void add_config_words(Words& w) {
    Options& o = w.options;
    CLI::App* config = w.noun("config", "settings of this host");
    auto& value = w.keep<std::string>();
    auto& changed = w.keep<bool>();
    CLI::App* show = w.lists(
        config, "all settings, or one with its meaning and range; exit 3 when a value is wrong",
        [&](Client& c) { return config_show(c, o, w.name, changed); }, "show");
    show->add_option("SETTING", w.name, "for example Sync.LogMiB");
    show->add_flag("--changed", changed, "only what a file sets");
    CLI::App* set = w.leaf(config, "set", "sets a setting, from the next start of the services on",
                           [&](Client& c) { return config_set(c, o, w.name, value); });
    set->add_option("SETTING", w.name)->required();
    set->add_option("VALUE", value)->required();
    w.leaf(config, "unset", "takes back what was set by mdsctl config set",
           [&](Client& c) { return config_unset(c, o, w.name); })
        ->add_option("SETTING", w.name)
        ->required();
    Words::examples(config, "mdsctl config show --changed", "mdsctl config set Sync.LogMiB 2048",
                    "mdsctl config unset Sync.LogMiB");
}

}  // namespace mds::ctl
