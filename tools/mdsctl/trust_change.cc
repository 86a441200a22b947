// mdsctl trust renew, mdsctl trust revoke.
#include <fmt/core.h>

#include "base/clock.hh"
#include "base/text.hh"
#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {
namespace {

/// Of one server; what it refuses is the row's end.
json::object renew(Client& client, const std::string& server) {
    try {
        json::object done = client.run("", "renew-certificate", {{"name", server}});
        return {{"server", json::get_string(done, "name", server)},
                {"result", "renewed"},
                {"serial-number", json::get_string(done, "serial-number")},
                {"certificate-until", json::get_int(json::get_object(done, "valid-to"), "posix")},
                {"reason", ""}};
    } catch (const Error& e) {
        return {{"server", server},
                {"result", "failed"},
                {"serial-number", ""},
                {"certificate-until", 0},
                {"reason", e.message()}};
    }
}

std::string line_of(const Options& options, const json::object& row) {
    std::string server = safe(json::get_string(row, "server"));
    if (json::get_string(row, "result") != "renewed") {
        return wrapped(options, symbol(options, "problem") + " ",
                       server + ": " + safe(json::get_string(row, "reason")));
    }
    return wrapped(options, symbol(options, "done") + " ",
                   fmt::format("{}: certificate until {}, serial {}", server,
                               rfc3339(json::get_int(row, "certificate-until")).substr(0, 10),
                               safe(json::get_string(row, "serial-number"))));
}

}  // namespace

int trust_renew(Client& client, const Options& options, const std::string& server, bool all) {
    if (all != server.empty()) {
        throw Error(Code::missing_parameters, "which server? Its name, or --all")
            .refusal("", "mdsctl trust renew --all");
    }
    client.require_change();
    if (!all) {
        // One that cannot be reached or does not exist ends as every verb on one thing does.
        json::object done = client.run("", "renew-certificate", {{"name", server}});
        std::string name = json::get_string(done, "name", server);
        int64_t until = json::get_int(json::get_object(done, "valid-to"), "posix");
        print_done(
            options,
            fmt::format("{}: certificate until {}, serial {}", name, rfc3339(until).substr(0, 10),
                        json::get_string(done, "serial-number")),
            {{"server", name},
             {"serial-number", json::get_string(done, "serial-number")},
             {"certificate-until", until}});
        return 0;
    }
    const json::object grid = client.grid();
    json::array rows;
    size_t failed = 0;
    for (const json::value& v : json::get_array(grid, "servers")) {
        json::object row = renew(client, json::get_string(v.as_object(), "name"));
        failed += json::get_string(row, "result") != "renewed";
        if (options.people() && !options.quiet) {
            std::printf("%s\n", line_of(options, row).c_str());
            std::fflush(stdout);
        }
        rows.push_back(std::move(row));
    }
    if (options.people()) {
        if (!options.quiet)
            std::printf("%zu certificates renewed, %zu failed\n", rows.size() - failed, failed);
    } else {
        Rows table("servers", {"SERVER", "RESULT", "SERIAL", "CERTIFICATE UNTIL", "REASON"});
        for (const json::value& v : rows) {
            const json::object& row = v.as_object();
            table.row(row, {json::get_string(row, "server"), json::get_string(row, "result"),
                            json::get_string(row, "serial-number"),
                            day_cell(json::get_int(row, "certificate-until")),
                            json::get_string(row, "reason")});
        }
        table.print(options);
    }
    return failed ? 10 : 0;
}

int trust_revoke(Client& client, const Options& options, const std::string& server) {
    json::object plan = client.run("", "revoke-trust", {{"name", server}, {"plan", true}});
    std::string name = json::get_string(plan, "name");
    int64_t count = json::get_int(plan, "certificates");
    std::vector<std::string> active;
    for (const json::value& v : json::get_array(plan, "active-domains"))
        active.push_back(safe(std::string(v.as_string())));
    if (count == 0) {
        print_done(options, name + " has no certificate in effect: it is cut off already",
                   {{"server", name}});
        return 0;
    }
    std::string effect = fmt::format(
        "{} certificate{} of {} {} revoked: every other server cuts it off at once, and it is "
        "read-only "
        "until mdsctl trust reset there and mdsctl trust connect here. Its data is kept.",
        count, count == 1 ? "" : "s", safe(name), count == 1 ? "is" : "are");
    if (!active.empty()) {
        effect +=
            fmt::format(" Active on it, and not to be changed meanwhile: {}.", join(active, ", "));
    }
    if (options.dry_run) {
        if (options.json) {
            print_json(options, std::move(plan));
        } else {
            std::printf("%s\nNothing was changed.\n", wrapped(options, "", effect).c_str());
        }
        return 0;
    }
    std::string words = "trust revoke " + shell_word(name);
    if (!confirm_loss(options, effect + " Revoke the trust of " + safe(name) + "?", words)) {
        throw Error(Code::unconfirmed, "not confirmed, nothing was changed: " + effect)
            .refusal("", "mdsctl " + words + " --yes --reason TEXT");
    }
    client.run("", "revoke-trust", {{"name", server}});
    print_done(options, name + " is cut off: its certificates are revoked", {{"server", name}});
    if (options.people() && !options.quiet) {
        std::printf("Next:  on %s: mdsctl trust reset;  then here: mdsctl trust connect %s\n",
                    safe(name).c_str(), shell_word(safe(name)).c_str());
    }
    return 0;
}

}  // namespace mds::ctl
