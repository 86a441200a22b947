// mdsctl status: one screen of truth (appliance-ux 4.4).
#include <fmt/core.h>

#include "base/clock.hh"
#include "draw.hh"
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

/// The other Multi-Domain Server that answers soonest (EX-4); nobody works on a log server.
/// The certificate that ends first; all are renewed at two thirds of their time.
void print_first_end(const json::array& servers) {
    const json::object* first = nullptr;
    for (const json::value& v : servers) {
        const json::object& s = v.as_object();
        int64_t until = json::get_int(s, "certificate-until");
        if (until > 0 && (!first || until < json::get_int(*first, "certificate-until"))) first = &s;
    }
    if (!first) return;
    std::printf("  Trust    the certificate of %s is the first to end, on %s\n",
                safe(json::get_string(*first, "name")).c_str(),
                rfc3339(json::get_int(*first, "certificate-until")).substr(0, 10).c_str());
}

void print_nearest(const json::array& servers) {
    const json::object* nearest = nullptr;
    for (const json::value& v : servers) {
        const json::object& s = v.as_object();
        if (json::get_string(s, "role") == "log-server") continue;
        int64_t us = json::get_int(s, "round-trip-us");
        if (us > 0 && (!nearest || us < json::get_int(*nearest, "round-trip-us"))) nearest = &s;
    }
    if (!nearest) return;
    std::printf("\n  Nearest  %s, %s\n", safe(json::get_string(*nearest, "name")).c_str(),
                trip_text(json::get_int(*nearest, "round-trip-us")).c_str());
}

void print_lines(const Options& options, const json::array& lines, const char* kind) {
    for (const json::value& v : lines) {
        const json::object& p = v.as_object();
        std::printf("\n  %s %s\n", symbol(options, kind).c_str(),
                    safe(json::get_string(p, "what")).c_str());
        std::string why = json::get_string(p, "why");
        if (!why.empty()) std::printf("    %s\n", safe(why).c_str());
        bool first = true;
        for (const json::value& next : json::get_array(p, "next")) {
            std::printf("    %s %s\n", first ? "Next:" : "     ",
                        std::string(next.as_string()).c_str());
            first = false;
        }
    }
}

}  // namespace

int status(Client& client, const Options& options) {
    json::object grid = client.grid();
    const json::array& problems = json::get_array(grid, "problems");
    bool good = problems.empty();
    if (options.json) {
        grid["schema"] = 1;
        std::printf("%s\n", json::pretty(grid).c_str());
        return good ? 0 : 3;
    }
    const json::array& servers = json::get_array(grid, "servers");
    const json::array& domains = json::get_array(grid, "domains");
    size_t logs = 0;
    for (const json::value& v : servers) {
        if (json::get_string(v.as_object(), "role") == "log-server") ++logs;
    }
    auto count = [](size_t n, const char* word) {
        return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
    };
    std::printf("%s %s   %s, %s, %s\n\n", symbol(options, good ? "done" : "problem").c_str(),
                safe(json::get_string(grid, "deployment")).c_str(),
                count(servers.size() - logs, "server").c_str(), count(logs, "log server").c_str(),
                count(domains.size(), "Domain").c_str());
    Table table({"SERVER", "ROLE", "STATE", "ACTIVE", "STANDBY", "CONTACT", "TRIP", "VERSION"});
    for (const json::value& v : servers) {
        const json::object& s = v.as_object();
        bool self = json::get_bool(s, "self");
        std::string state = json::get_string(s, "state");
        bool log = json::get_string(s, "role") == "log-server";
        table.row({safe(json::get_string(s, "name")), role_word(json::get_string(s, "role")),
                   state_text(options, state, state),
                   log ? "-" : std::to_string(json::get_int(s, "active")),
                   log ? "-" : std::to_string(json::get_int(s, "standby")),
                   self ? "here" : since_text(json::get_int(s, "last-contact")),
                   trip_text(json::get_int(s, "round-trip-us")),
                   json::get_string(s, "version")});
    }
    table.print(options, "  ");
    print_nearest(servers);
    size_t synchronized = 0;
    for (const json::value& v : domains) {
        std::string sync = json::get_string(v.as_object(), "sync");
        if (sync == "synchronized" || sync == "single") ++synchronized;
    }
    std::printf("  Sync     %zu of %s synchronized everywhere\n", synchronized,
                count(domains.size(), "Domain").c_str());
    const json::object& tasks = json::get_object(grid, "tasks");
    std::printf("  Tasks    %lld running, %lld failed\n",
                static_cast<long long>(json::get_int(tasks, "running")),
                static_cast<long long>(json::get_int(tasks, "failed")));
    print_first_end(servers);
    print_lines(options, problems, "problem");
    // What somebody should know, and nothing is wrong with: the exit status is as without it.
    print_lines(options, json::get_array(grid, "notes"), "warning");
    return good ? 0 : 3;
}

}  // namespace mds::ctl
