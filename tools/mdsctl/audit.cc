// mdsctl audit: whether the audit trails are what was written (security.md S-14).
#include <fmt/core.h>

#include "rows.hh"
#include "verbs.hh"

namespace mds::ctl {

int audit_verify(Client& client, const Options& options, const std::string& server) {
    json::object request;
    if (!server.empty()) request["server"] = server;
    json::object reply = client.run("", "verify-audit", request);
    bool well = true;
    std::vector<std::string> found;
    Rows table("audit trails", {"SERVER", "TRAIL", "RECORDS", "CHECKPOINTS", "RESULT"});
    for (const json::value& v : json::get_array(reply, "servers")) {
        const json::object& row = v.as_object();
        std::string name = safe(json::get_string(row, "server"));
        std::string problem = json::get_string(row, "problem");
        if (!problem.empty()) {
            well = false;
            found.push_back(fmt::format("{}: not verified: {}", name, safe(problem)));
        }
        for (const json::value& silent : json::get_array(row, "silent")) {
            well = false;
            found.push_back(fmt::format("{}: {} does not answer as a witness", name,
                                        safe(std::string(silent.as_string()))));
        }
        for (const json::value& gone : json::get_array(row, "gone")) {
            well = false;
            found.push_back(fmt::format("{}: the trail of Domain {} is gone; others have seen it", name,
                                        safe(std::string(gone.as_string()))));
        }
        for (const json::value& l : json::get_array(row, "logs")) {
            const json::object& log = l.as_object();
            std::string trail = json::get_string(log, "log");
            std::string unread = json::get_string(log, "problem");
            const json::array& findings = json::get_array(log, "findings");
            bool good = findings.empty() && unread.empty();
            well = well && good;
            table.row(log, {name, trail, json::get_int(log, "records"), json::get_int(log, "seen"),
                       !unread.empty() ? "not read"
                       : good          ? "as written"
                                       : fmt::format("{} finding{}", findings.size(), findings.size() == 1 ? "" : "s")});
            if (!unread.empty()) found.push_back(fmt::format("{}, {}: {}", name, safe(trail), safe(unread)));
            for (const json::value& f : findings) {
                found.push_back(fmt::format("{}, {}: {}", name, safe(trail), safe(json::get_string(f.as_object(), "what"))));
            }
        }
        if (json::get_int(row, "witnesses") == 0 && problem.empty()) {
            found.push_back(name + ": no other server has seen it; only its own chain was read");
        }
    }
    if (options.json) {
        print_json(options, reply);
        return well ? 0 : 3;
    }
    table.print(options);
    for (const std::string& line : found) std::fprintf(stderr, "%s\n", wrapped(options, "! ", line).c_str());
    return well ? 0 : 3;
}

}  // namespace mds::ctl
