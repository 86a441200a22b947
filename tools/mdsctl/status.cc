// mdsctl status: one screen of truth (appliance-ux 4.4).
#include <fmt/core.h>

#include <algorithm>

#include "base/clock.hh"
#include "rows.hh"
#include "status.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

std::string role_word(const std::string& role) {
    if (role == "primary") return "Primary";
    if (role == "secondary") return "Secondary";
    if (role == "log-server") return "Log";
    return role;
}

std::string trip_text(int64_t us) {
    return us == 0 ? "-" : fmt::format("{:.1f} ms", static_cast<double>(us) / 1000);
}

/// The certificate that ends first; all are renewed at two thirds of their time.
std::string first_end(const json::array& servers) {
    const json::object* first = nullptr;
    for (const json::value& v : servers) {
        const json::object& s = v.as_object();
        int64_t until = json::get_int(s, "certificate-until");
        if (until > 0 && (!first || until < json::get_int(*first, "certificate-until"))) first = &s;
    }
    if (!first) return "";
    return fmt::format("  Trust    the certificate of {} is the first to end, on {}\n",
                       safe(json::get_string(*first, "name")),
                       rfc3339(json::get_int(*first, "certificate-until")).substr(0, 10));
}

/// The other Multi-Domain Server that answers soonest (EX-4); nobody works on a log server.
std::string nearest_server(const json::array& servers) {
    const json::object* nearest = nullptr;
    for (const json::value& v : servers) {
        const json::object& s = v.as_object();
        if (json::get_string(s, "role") == "log-server" || json::get_string(s, "state") != "running") continue;
        int64_t us = json::get_int(s, "round-trip-us");
        if (us > 0 && (!nearest || us < json::get_int(*nearest, "round-trip-us"))) nearest = &s;
    }
    if (!nearest) return "";
    return fmt::format("\n  Nearest  {}, {}\n", safe(json::get_string(*nearest, "name")),
                       trip_text(json::get_int(*nearest, "round-trip-us")));
}

std::string remarks(const Options& options, const json::array& lines, const char* kind) {
    std::string out;
    for (const json::value& v : lines) {
        const json::object& p = v.as_object();
        out += "\n" + wrapped(options, fmt::format("  {} ", symbol(options, kind)), safe(json::get_string(p, "what"))) + "\n";
        std::string why = json::get_string(p, "why");
        if (!why.empty()) out += wrapped(options, "    ", safe(why)) + "\n";
        const char* lead = "Next:";
        for (const json::value& next : json::get_array(p, "next")) {
            out += fmt::format("    {} {}\n", lead, safe(std::string(next.as_string())));
            lead = "     ";
        }
    }
    return out;
}

std::string count(size_t n, const char* word) { return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s"); }

Rows server_rows(const Options& options, const json::array& servers) {
    Rows rows("servers", {"SERVER", "ROLE", "STATE", "ACTIVE", "STANDBY", "CONTACT", "TRIP", "VERSION"});
    for (const json::value& v : servers) {
        const json::object& s = v.as_object();
        std::string state = json::get_string(s, "state");
        bool log = json::get_string(s, "role") == "log-server";
        Cell contact = since_cell(json::get_int(s, "last-contact"));
        if (json::get_bool(s, "self")) contact.shown = "here";
        rows.row(s, {json::get_string(s, "name"), role_word(json::get_string(s, "role")),
                     state_cell(options, state, state), log ? Cell("-") : Cell(json::get_int(s, "active")),
                     log ? Cell("-") : Cell(json::get_int(s, "standby")), contact,
                     trip_text(state == "running" ? json::get_int(s, "round-trip-us") : 0),
                     json::get_string(s, "version")});
    }
    return rows;
}

}  // namespace

bool all_well(const json::object& grid) { return json::get_array(grid, "problems").empty(); }

std::string status_screen(const Options& options, const json::object& grid) {
    const json::array& servers = json::get_array(grid, "servers");
    const json::array& domains = json::get_array(grid, "domains");
    auto logs = static_cast<size_t>(std::count_if(servers.begin(), servers.end(), [](const json::value& v) {
        return json::get_string(v.as_object(), "role") == "log-server";
    }));
    auto synchronized = static_cast<size_t>(std::count_if(domains.begin(), domains.end(), [](const json::value& v) {
        std::string sync = json::get_string(v.as_object(), "sync");
        return sync == "synchronized" || sync == "single";
    }));
    const json::object& tasks = json::get_object(grid, "tasks");
    std::string out = fmt::format("{} {}   {}, {}, {}\n\n", symbol(options, all_well(grid) ? "done" : "problem"),
                                  safe(json::get_string(grid, "deployment")), count(servers.size() - logs, "server"),
                                  count(logs, "log server"), count(domains.size(), "Domain"));
    out += server_rows(options, servers).text(options, "  ");
    out += nearest_server(servers);
    out += fmt::format("  Sync     {} of {} synchronized everywhere\n", synchronized, count(domains.size(), "Domain"));
    out += fmt::format("  Tasks    {} running, {} failed\n", json::get_int(tasks, "running"),
                       json::get_int(tasks, "failed"));
    out += first_end(servers);
    out += remarks(options, json::get_array(grid, "problems"), "problem");
    // What somebody should know, and nothing is wrong with: the exit status is as without it.
    return out + remarks(options, json::get_array(grid, "notes"), "warning");
}

int status(Client& client, const Options& options) {
    json::object grid = client.grid();
    int code = all_well(grid) ? 0 : 3;
    if (options.json) {
        print_json(options, grid);
    } else if (!options.people()) {
        server_rows(options, json::get_array(grid, "servers")).print(options);
    } else if (!options.quiet) {
        std::printf("%s", status_screen(options, grid).c_str());
    }
    return code;
}

}  // namespace mds::ctl
