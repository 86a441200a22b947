// mdsctl ha collision: what each of several Active servers of a Domain has that the others lack,
// and which one stays.
#include <fmt/core.h>

#include <algorithm>

#include "base/text.hh"
#include "ha_plan.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

/// An Active server of the Domain, and what would be taken back if it were set Standby.
struct Side {
    std::string server, on;
    int64_t revision = 0;
    json::array revisions, warnings;
};

/// The Active servers as they are seen from here, the Domain's name as the deployment has it.
std::vector<Side> active_sides(Client& client, std::string& domain) {
    std::vector<Side> sides;
    const json::object grid = client.grid();
    bool known = false;
    for (const json::value& v : json::get_array(grid, "domains")) {
        const json::object& d = v.as_object();
        if (fold(json::get_string(d, "name")) != fold(domain)) continue;
        known = true;
        domain = json::get_string(d, "name");
        bool global = json::get_string(d, "domain-type") == "global domain";
        for (const json::value& c : json::get_array(d, "cells")) {
            const json::object& cell = c.as_object();
            if (json::get_string(cell, "ha-state") != "active") continue;
            std::string on = json::get_string(cell, "mds-name");
            sides.push_back({global ? on : json::get_string(cell, "server"),
                             on,
                             json::get_int(cell, "revision"),
                             {},
                             {}});
        }
    }
    if (fold(domain) == "system data") {
        throw Error(Code::ha_invalid,
                    "two Primaries are settled on the server that steps back, by itself")
            .refusal("", "on it: mdsctl ha set-standby \"System Data\"");
    }
    if (!known)
        throw Error(Code::object_not_found, "no Domain " + domain)
            .refusal("", "mdsctl domain list");
    return sides;
}

void look_at(Client& client, const std::string& domain, Side& side) {
    const json::object plan = ha_plan(client, domain, "set-standby", side.on);
    side.revisions = json::get_array(plan, "revisions");
    side.warnings = json::get_array(plan, "warnings");
}

json::array as_json(const std::string& domain, const std::vector<Side>& sides) {
    json::array out;
    for (const Side& side : sides) {
        out.push_back(json::object{{"domain", domain},
                                   {"server", side.server},
                                   {"multi-domain-server", side.on},
                                   {"revision", side.revision},
                                   {"only-here", side.revisions},
                                   {"warnings", side.warnings}});
    }
    return out;
}

void show_side(const Options& options, const Side& side) {
    size_t number = side.revisions.size();
    std::string head = fmt::format("{} on {}, revision {}: ", side.server, side.on, side.revision) +
                       (number == 0   ? "nothing that the others lack"
                        : number == 1 ? "1 publish that the others lack"
                                      : fmt::format("{} publishes that the others lack", number));
    std::printf("\n%s\n",
                wrapped(options, "  " + symbol(options, "active") + " ", safe(head)).c_str());
    if (number == 0) return;
    Rows table("publishes", {"REVISION", "TIME", "BY", "CHANGES", "SESSION"});
    for (const json::value& v : side.revisions) {
        const json::object& r = v.as_object();
        table.row({}, {json::get_int(r, "revision"), json::get_string(r, "time"),
                       json::get_string(r, "author"), json::get_int(r, "changes"),
                       json::get_string(r, "session")});
    }
    std::printf("%s", table.text(options, "    ").c_str());
}

}  // namespace

int ha_collision_show(Client& client, const Options& options, const std::string& name) {
    std::string domain = name;
    std::vector<Side> sides = active_sides(client, domain);
    const bool collides = sides.size() > 1;
    if (collides) {
        for (Side& side : sides) look_at(client, domain, side);
    }
    if (!options.people()) {
        Rows table("Active servers", {"SERVER", "ON", "REVISION", "ONLY HERE"});
        json::array wholes = as_json(domain, collides ? sides : std::vector<Side>{});
        for (json::value& v : wholes) {
            const json::object& s = v.as_object();
            auto only = static_cast<int64_t>(json::get_array(s, "only-here").size());
            std::vector<Cell> cells{json::get_string(s, "server"),
                                    json::get_string(s, "multi-domain-server"),
                                    json::get_int(s, "revision"), only};
            table.row(s, std::move(cells));
        }
        table.print(options);
        return collides ? 3 : 0;
    }
    if (!collides) {
        if (!options.quiet) {
            std::printf("%s: no collision; %s\n", safe(domain).c_str(),
                        sides.empty() ? "no server is Active"
                                      : (safe(sides.front().server) + " is Active").c_str());
        }
        return 0;
    }
    std::printf(
        "%s\n",
        wrapped(
            options, "",
            fmt::format("{}: {} servers are Active; nothing is published until one of them is left",
                        safe(domain), sides.size()))
            .c_str());
    for (const Side& side : sides) show_side(options, side);
    std::printf(
        "\n%s\n",
        wrapped(
            options, "  ",
            "What only a side that is given up has goes back to its authors as recovered sessions.")
            .c_str());
    const char* lead = "Next: ";
    for (const Side& side : sides) {
        std::printf("  %s mdsctl ha collision keep %s --side %s\n", lead,
                    shell_word(safe(domain)).c_str(), shell_word(safe(side.on)).c_str());
        lead = "      ";
    }
    return 3;
}

int ha_collision_keep(Client& client, const Options& options, const std::string& name,
                      const std::string& side) {
    std::string domain = name;
    std::vector<Side> sides = active_sides(client, domain);
    std::vector<std::string> names;
    std::string kept;
    for (const Side& one : sides) {
        names.push_back(one.on);
        if (fold(one.on) == fold(side) || fold(one.server) == fold(side)) kept = one.on;
    }
    if (sides.size() < 2) {
        throw Error(Code::ha_invalid,
                    "Domain " + domain + " has no collision" +
                        (names.empty() ? ": no server is Active"
                                       : ": only " + names.front() + " is Active"))
            .refusal("", "mdsctl ha status " + shell_word(domain));
    }
    if (kept.empty()) {
        throw Error(Code::object_not_found,
                    fmt::format("{} is not Active in Domain {}; its sides are {}", side, domain,
                                join(names, ", ")))
            .refusal("", "mdsctl ha collision show " + shell_word(domain));
    }
    const std::string words =
        "ha collision keep " + shell_word(domain) + " --side " + shell_word(kept);
    json::array given_up;
    std::erase_if(sides, [&](const Side& one) { return one.on == kept; });
    for (Side& one : sides) {
        look_at(client, domain, one);
        given_up.push_back(json::value(one.on));
    }
    const bool tell_people = options.people() && !options.quiet;
    if (options.dry_run && options.json) {
        print_json(
            options,
            json::object{{"domain", domain}, {"kept", kept}, {"given-up", as_json(domain, sides)}});
        return 0;
    }
    if (tell_people) {
        for (const Side& one : sides) {
            std::fprintf(options.dry_run ? stdout : stderr,
                         "%s: %s on %s becomes Standby, %s stays Active\n", safe(domain).c_str(),
                         safe(one.server).c_str(), safe(one.on).c_str(), safe(kept).c_str());
            for (const json::value& v : one.warnings) {
                std::fprintf(options.dry_run ? stdout : stderr, "%s\n",
                             wrapped(options, "  " + symbol(options, "warning") + " ",
                                     safe(std::string(v.as_string())))
                                 .c_str());
            }
        }
    }
    if (options.dry_run) {
        if (tell_people) std::printf("It would be done; nothing was changed.\n");
        return 0;
    }
    if (!confirm(options, "Go on?")) {
        throw Error(Code::unconfirmed, "not confirmed, nothing was changed")
            .refusal("", "mdsctl " + words + " --yes");
    }
    json::array tasks;
    for (const Side& one : sides) {
        json::object request = ha_request(domain, "set-standby", one.on);
        request["confirmed"] = true;
        json::object reply = client.run("", "domain-ha-action", request);
        std::string saved = json::get_string(reply, "saved-to"),
                    id = json::get_string(reply, "task-id");
        if (!saved.empty() && tell_people)
            tell(options, "empty", "what only " + one.on + " has is listed there in " + saved);
        tasks.push_back(json::value(id));
        if (options.wait) {
            Options quiet = options;
            quiet.json = false;
            follow(client, quiet, "", id);
        }
    }
    print_done(options,
               fmt::format("{}: {} {} Active, {} of its other servers {} Standby", domain, kept,
                           options.wait ? "is" : "stays", sides.size(),
                           sides.size() == 1 ? "becomes" : "become"),
               {{"domain", domain},
                {"kept", kept},
                {"given-up", std::move(given_up)},
                {"tasks", std::move(tasks)}});
    return 0;
}

}  // namespace mds::ctl
