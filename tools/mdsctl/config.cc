// mdsctl config: the settings of this host (mds.conf(5)), without mds-core.
#include <fmt/core.h>
#include <unistd.h>

#include "app/settings.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

json::object as_json(const app::Setting& s) {
    json::object out{{"name", s.name},       {"value", s.value}, {"default", s.standard}, {"file", s.file},
                     {"meaning", s.text}, {"problem", s.problem}};
    if (s.low != 0 || s.high != 0) {
        out["lowest"] = s.low;
        out["highest"] = s.high;
    }
    return out;
}

std::string shown(const std::string& value) {
    return value.empty() ? "-" : safe(value);
}

void require_root(const std::string& words) {
    if (access(app::settings_file().c_str(), F_OK) == 0 ? access(app::settings_file().c_str(), W_OK) == 0
                                                        : geteuid() == 0) {
        return;
    }
    throw Error(Code::forbidden, "only root changes the settings of this host")
        .refusal("", "sudo mdsctl " + words);
}

void say_next(const Options& options, const app::Setting& s) {
    if (options.quiet || !options.people()) return;
    if (s.name == "Api.Port" || s.name == "Crl.Port") {
        std::string unit = s.name == "Api.Port" ? "mds-api.socket" : "mds-crl.socket";
        std::printf("The port that is opened: systemctl edit %s\n", unit.c_str());
    }
    std::printf("Next:  systemctl restart mds.target\n");
}

}  // namespace

int config_show(Client& client, const Options& options, const std::string& name, bool changed_only) {
    client.require_here("config show");
    const std::string one = name.empty() ? name : app::setting(name).name;
    if (!name.empty() && options.people()) {
        const app::Setting s = app::setting(name);
        std::printf("%s\n", wrapped(options, "", s.text).c_str());
        std::printf("\n  value    %s\n  default  %s\n", shown(s.value).c_str(), shown(s.standard).c_str());
        if (s.low != 0 || s.high != 0) std::printf("  range    %d to %d\n", s.low, s.high);
        std::printf("  from     %s\n", s.file.empty() ? "default" : safe(s.file).c_str());
        if (s.problem.empty()) return 0;
        std::printf("%s\n", wrapped(options, "  " + symbol(options, "problem") + " ", safe(s.problem)).c_str());
        std::printf("Next:  mdsctl config set %s %s\n", s.name.c_str(), shell_word(s.standard).c_str());
        return 3;
    }
    bool well = true;
    Rows table("settings", {"SETTING", "VALUE", "DEFAULT", "FILE", Column("MEANING", true)});
    for (const app::Setting& s : app::settings()) {
        if ((changed_only && s.file.empty()) || (!one.empty() && s.name != one)) continue;
        well = well && s.problem.empty();
        size_t slash = s.file.rfind('/');
        table.row(as_json(s), {s.name,
                               s.problem.empty() ? Cell(shown(s.value), s.value)
                                                 : state_cell(options, "problem", shown(s.value)),
                               Cell(shown(s.standard), s.standard),
                               s.file.empty() ? Cell("-", "") : Cell(safe(s.file.substr(slash + 1)), s.file),
                               s.text});
    }
    table.print(options);
    return well ? 0 : 3;
}

int config_set(Client& client, const Options& options, const std::string& name, const std::string& value) {
    client.require_here("config set " + shell_word(name) + " " + shell_word(value));
    const app::Setting before = app::setting(name);
    app::check_setting(name, value);
    if (options.dry_run) {
        if (!options.quiet) {
            std::printf("%s would be %s (now: %s), in %s.\nNothing was changed.\n", before.name.c_str(),
                        shown(value).c_str(), shown(before.value).c_str(), app::settings_file().c_str());
        }
        return 0;
    }
    require_root("config set " + before.name + " " + shell_word(value));
    app::set_setting(name, value);
    print_done(options,
               fmt::format("{} is {} from the next start of the services on (before: {})", before.name, shown(value),
                           shown(before.value)),
               {{"name", before.name}, {"value", value}, {"before", before.value}, {"file", app::settings_file()}});
    say_next(options, before);
    return 0;
}

int config_unset(Client& client, const Options& options, const std::string& name) {
    client.require_here("config unset " + shell_word(name));
    const app::Setting before = app::setting(name);
    if (before.file != app::settings_file()) {
        throw Error(Code::ha_invalid, before.file.empty()
                                          ? before.name + " has its default, " + shown(before.standard)
                                          : before.name + " is set in " + before.file + ", not by mdsctl config set")
            .refusal("", before.file.empty() ? "mdsctl config show --changed" : "change it there");
    }
    if (options.dry_run) {
        if (!options.quiet) {
            std::printf("%s would be taken out of %s.\nNothing was changed.\n", before.name.c_str(),
                        app::settings_file().c_str());
        }
        return 0;
    }
    require_root("config unset " + before.name);
    app::set_setting(name, std::nullopt);
    const app::Setting now = app::setting(name);
    print_done(options,
               fmt::format("{} is {} from the next start of the services on (before: {})", now.name, shown(now.value),
                           shown(before.value)),
               {{"name", now.name}, {"value", now.value}, {"before", before.value}, {"file", now.file}});
    say_next(options, now);
    return 0;
}

}  // namespace mds::ctl
